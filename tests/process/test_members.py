#!/usr/bin/env python3
"""A cluster under load grows from one node to three and five, each of its nodes is replaced, all are
restarted one after another, and it shrinks to three.

    tests/process/test_members.py [--clients N] [--replace N] [--restart N]

The clients are those of test_kill.py, and judge.py judges what they were promised in the end. A stall
is the longest time in which no write of any client was acknowledged.
"""

import argparse
import statistics
import sys
import time

from judge import judge, measured
from nodes import Cluster
from test_kill import Load

STALL_LIMIT_MS = 300
SETTLE_SECONDS = 20


class Members:
    """The nodes that are there, the load on them, and how long each step stalled it."""

    def __init__(self, cluster, clients):
        self.cluster = cluster
        self.there = [0]
        self.load = Load(cluster, clients)
        self.stalls = []
        self.addresses = [cluster.address(0)]
        for client in self.load.clients:
            client.addresses = self.addresses  # one list, which changes under them
        self.fresh = 1  # the next node that was never started

    def use(self, nodes):
        """Clients go to these from now on; whoever is elsewhere leaves with its next command."""
        self.there = list(nodes)
        self.cluster.known = self.there
        self.addresses[:] = [self.cluster.address(node) for node in nodes]

    def table(self):
        """Number, state and role of each node, by port."""
        connection = self.cluster.connect(self.there[0], timeout=5)
        try:
            rows = connection.call("HOLDFAST", "NODES")
        finally:
            connection.close()
        rows = [dict(zip(row[::2], row[1::2])) for row in rows]
        return {int(row[b"address"].rsplit(b":")[-1]): row for row in rows}

    def row(self, node):
        return self.table().get(self.cluster.ports[node])

    def wait(self, condition, what):
        deadline = time.monotonic() + SETTLE_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"after {SETTLE_SECONDS} s: {what}: {self.table()}")
            time.sleep(0.02)

    def voters(self):
        return sum(row[b"role"] in (b"leader", b"voter") for row in self.table().values())

    def step(self, what, work):
        began = time.monotonic()
        work()
        time.sleep(0.2)
        ended = time.monotonic()
        answers = sorted(answered for journal in self.load.journals()
                         for _, answered in list(journal.acknowledged) if began <= answered <= ended)
        moments = [began, *answers, ended]
        stall = max(after - before for before, after in zip(moments, moments[1:])) * 1000
        self.stalls.append(stall)
        print(f"{stall:7.0f} ms at most without writes: {what}", flush=True)

    # --- What is done -------------------------------------------------------------------------

    def add(self, count):
        nodes = range(self.fresh, self.fresh + count)
        self.fresh += count
        for node in nodes:
            self.cluster.start(node)
        wanted = len(self.there) + count
        self.wait(lambda: len(self.table()) == wanted, "not all have joined")
        voters = wanted if wanted % 2 else wanted - 1
        self.wait(lambda: self.voters() == voters, f"there are not {voters} voters")
        self.use([*self.there, *nodes])

    def remove(self, node):
        number = self.row(node)[b"node"]
        self.use([other for other in self.there if other != node])
        connection = self.cluster.connect(self.there[0])
        connection.call("HOLDFAST", "REMOVE", str(number))
        connection.close()
        self.wait(lambda: self.row(node) is None, f"node {number} has not left")
        # It hears of it and ends by itself, and its folder keeps it in mind.
        self.cluster.processes.pop(node).wait(SETTLE_SECONDS)
        self.cluster.start(node)
        code = self.cluster.processes.pop(node).wait(SETTLE_SECONDS)
        if code == 0 or "was removed from the cluster" not in self.cluster.end_of_log(node, 1):
            raise RuntimeError(f"a removed node started again: {self.cluster.end_of_log(node)}")

    def replace(self, node):
        self.add(1)
        self.remove(node)
        self.wait(lambda: self.voters() == len(self.there), "the new one does not vote")

    def restart(self, node):
        self.cluster.terminate(node)
        self.cluster.start(node)
        self.cluster.wait_until_level()


def run(members, options):
    members.step("one node becomes three", lambda: members.add(2))
    members.step("three become five", lambda: members.add(2))
    for node in range(options.replace):
        members.step(f"node {node} is replaced", lambda node=node: members.replace(node))
    for node in members.there[:options.restart]:
        members.step(f"node {node} is restarted", lambda node=node: members.restart(node))
    first, second = members.there[:2]
    members.step("five become four", lambda: members.remove(first))
    members.step("four become three", lambda: members.remove(second))
    members.wait(lambda: members.voters() == 3, "there are not three voters")


def changes(options):
    with Cluster(5 + options.replace, founders=1, log_as_shipped=True) as cluster:
        members = Members(cluster, options.clients)
        try:
            run(members, options)
        except (TimeoutError, RuntimeError) as error:
            members.load.clients[0].journal.problems.append(str(error))
        finally:
            members.load.end()
        connections = [cluster.connect(node) for node in members.there]
        verdict = judge(members.load.journals(), members.load.prefix, connections)
        stalls = members.stalls or [0]
        verdict.claim_in_time(max(stalls) <= STALL_LIMIT_MS,
                              f"no stall beyond {STALL_LIMIT_MS} ms: median {statistics.median(stalls):.0f}, "
                              f"at most {max(stalls):.0f}")
        cluster.keep = verdict.failed > 0
        print(f"{verdict.passed} passed, {verdict.failed} failed")
        return verdict


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--replace", type=int, default=5)
    parser.add_argument("--restart", type=int, default=5)
    options = parser.parse_args()
    return measured(lambda: changes(options))


if __name__ == "__main__":
    sys.exit(main())
