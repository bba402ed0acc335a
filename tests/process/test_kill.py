#!/usr/bin/env python3
"""Three nodes under load lose their leader, again and again.

    tests/process/test_kill.py [--kills N] [--stop] [--seconds S] [--clients N]

Eight clients write through all nodes (INCR, SET, LOCK.*, GUARD, ONCE INCR; see load.py) while the
leader is killed with kill -9 N times in a row and started again, and once all three nodes at the same
moment. With --stop the leader is instead stopped for S seconds (SIGSTOP, SIGCONT), N times. In the end
judge.py compares what the clients were promised with what each node holds.

Writes must go on within one second of each kill. The outage of a kill is the time from the signal
until the first acknowledgement of a write that was asked for after it.
"""

import argparse
import statistics
import sys
import threading
import time
import uuid

import wire
from judge import judge
from load import Client
from nodes import Cluster

OUTAGE_LIMIT_MS = 1000
RECOVERY_SECONDS = 20


class Load:
    """The clients and what they have seen so far."""

    def __init__(self, cluster, count, begin=True):
        self.prefix = uuid.uuid4().hex[:6] + ":"
        self.stop = threading.Event()
        self.clients = [Client(i, self.prefix, cluster.addresses(), self.stop) for i in range(count)]
        if begin:
            self.begin()

    def begin(self):
        for client in self.clients:
            client.start()

    def journals(self):
        return [client.journal for client in self.clients]

    def first_write_after(self, moment):
        """When the first write asked for after the moment was acknowledged; None: not yet."""
        answers = []
        for journal in self.journals():
            for asked, answered in reversed(journal.acknowledged):
                if asked < moment:
                    break
                answers.append(answered)
        return min(answers, default=None)

    def outage_ms(self, moment):
        """Waits until writes go on."""
        deadline = time.monotonic() + RECOVERY_SECONDS
        while (answered := self.first_write_after(moment)) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"no write was acknowledged in {RECOVERY_SECONDS} s")
            time.sleep(0.005)
        return (answered - moment) * 1000

    def end(self):
        self.stop.set()
        for client in self.clients:
            client.join(60)
            if client.is_alive():
                client.journal.problems.append(f"client {client.number} did not end")


# --- What is done to the nodes ------------------------------------------------------------------

def kill_leader(cluster, load):
    node = cluster.wait_for_leader()
    moment = time.monotonic()
    cluster.kill(node)
    outage = load.outage_ms(moment)
    cluster.start(node)
    cluster.wait_until_level()
    return outage


def kill_all(cluster, load):
    moment = time.monotonic()
    cluster.kill(*cluster.nodes())
    for node in cluster.nodes():
        cluster.start(node)
    outage = load.outage_ms(moment)
    cluster.wait_until_level()
    return outage


def stop_leader(cluster, load, seconds):
    """The other nodes go on. What was asked of the stopped one meanwhile must not be answered from
    the past when it wakes."""
    node = cluster.wait_for_leader()
    moment = time.monotonic()
    cluster.pause(node)
    try:
        outage = load.outage_ms(moment)
        time.sleep(seconds / 2)
        sleeper = LateReader(cluster.address(node), load)
        time.sleep(max(0, moment + seconds - time.monotonic()))
    finally:
        cluster.resume(node)
    port, woke = cluster.address(node)[1], time.monotonic()
    print(f"          port {port} stopped at {moment:.3f}, woke at {woke:.3f}")
    sleeper.read()
    cluster.wait_until_level()
    return outage


class LateReader:
    """Asks a stopped node for the counter, and looks at the answer when the node goes on."""

    def __init__(self, address, load):
        self.load = load
        self.counted = max((max(j.counts, default=0) for j in load.journals()), default=0)
        self.connection = wire.Connection(*address, timeout=RECOVERY_SECONDS)
        self.connection.send("GET", load.prefix + "count")

    def read(self):
        try:
            value = int(self.connection.receive() or 0)
        except (wire.ErrorReply, OSError, EOFError) as refusal:
            print(f"          the stopped node, asked meanwhile, answers: {refusal}")
            return
        print(f"          the stopped node, asked meanwhile when {self.counted} was reached, answers {value}")
        if value < self.counted:
            self.load.clients[0].journal.problems.append(
                f"a node that was stopped answered {value}; {self.counted} had been acknowledged")


# --- Running ------------------------------------------------------------------------------------

def disturb(cluster, load, options):
    """Yields what was done and the outage in milliseconds, and whether the limit applies."""
    for turn in range(options.kills):
        time.sleep(0.3)
        if options.stop:
            outage = stop_leader(cluster, load, options.seconds)
            yield f"leader stopped for {options.seconds:g} s", outage, True
        else:
            yield f"leader killed ({turn + 1} of {options.kills})", kill_leader(cluster, load), True
    if not options.stop:
        time.sleep(0.3)
        yield "all nodes killed at once and started", kill_all(cluster, load), False


def summarise(verdict, outages, journals):
    acknowledged = sum(len(journal.acknowledged) for journal in journals)
    refused = sum(journal.refused for journal in journals)
    unknown = sum(journal.unknown for journal in journals)
    print(f"{acknowledged} writes acknowledged, {refused} refused, {unknown} unknown")
    if outages:
        verdict.claim(max(outages) <= OUTAGE_LIMIT_MS,
                      f"writes go on within {OUTAGE_LIMIT_MS} ms: median {statistics.median(outages):.0f}, "
                      f"at most {max(outages):.0f}")
    print(f"{verdict.passed} passed, {verdict.failed} failed")
    return 1 if verdict.failed else 0


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--kills", type=int)
    parser.add_argument("--stop", action="store_true")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--clients", type=int, default=8)
    options = parser.parse_args()
    options.kills = options.kills or (1 if options.stop else 5)

    with Cluster(3, log_as_shipped=True) as cluster:
        load = Load(cluster, options.clients)
        outages = []
        try:
            for what, outage, limited in disturb(cluster, load, options):
                print(f"{outage:7.0f} ms without writes: {what}", flush=True)
                if limited:
                    outages.append(outage)
            time.sleep(0.3)
        except TimeoutError as error:
            load.clients[0].journal.problems.append(str(error))
        finally:
            load.end()
        connections = [cluster.connect(node) for node in cluster.nodes()]
        verdict = judge(load.journals(), load.prefix, connections)
        cluster.keep = verdict.failed > 0
        return summarise(verdict, outages, load.journals())


if __name__ == "__main__":
    sys.exit(main())
