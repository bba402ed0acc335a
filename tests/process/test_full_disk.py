#!/usr/bin/env python3
"""Full disks: each of three nodes has a tmpfs of 64 MiB to itself.

One full disk, the leader's, is invisible to clients. All three full: writes get -NOSPACE, reads go
on, INFO says which disks are full. Space is freed: writes go on, without a restart. In the end
judge.py compares what clients were promised with what each node holds.
"""

import os
import subprocess
import sys
import time

import wire
from judge import judge
from nodes import Cluster
from test_kill import Load

BALLAST = "ballast"
PATIENCE = 30


class SmallDisks(Cluster):
    """Each node's data folder is a small file system of its own."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.mounted = []
        for node in self.nodes():
            os.mkdir(self.disk(node))
            done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", self.disk(node)],
                                  capture_output=True, text=True)
            if done.returncode != 0:
                self.unmount()
                print(f"SKIP: full disks: no tmpfs can be mounted here: {done.stderr.strip()}")
                sys.exit(77)
            self.mounted.append(node)

    def disk(self, node):
        return os.path.join(self.folder, str(node))

    def unmount(self):
        for node in self.mounted:
            subprocess.run(["umount", self.disk(node)], check=True)

    def __exit__(self, *args):
        try:
            for node in list(self.processes):
                self.kill(node)
        finally:
            self.unmount()
        super().__exit__(*args)

    def fill(self, node):
        """Until nothing fits any more, now and whenever something is removed."""
        with open(os.path.join(self.disk(node), BALLAST), "ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(65536))
            except OSError:
                return

    def free(self, node):
        os.remove(os.path.join(self.disk(node), BALLAST))


def wait_for(what, condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {PATIENCE} s: {what}")
        time.sleep(0.05)


def is_full(cluster, node):
    return cluster.info(node).get("holdfast_disk") == "full"


def write(cluster, key, value):
    """"OK", or the kind of the error."""
    connection = cluster.connect(cluster.wait_for_leader())
    try:
        return connection.call("SET", key, value).decode()
    except wire.ErrorReply as error:
        return error.kind()
    finally:
        connection.close()


def fill_until_full(cluster, some):
    """Ballast takes the file system, large writes what was allocated in advance."""
    def all_full():
        for node in some:
            cluster.fill(node)
        write(cluster, "bulk", "x" * 100_000)
        return all(is_full(cluster, node) for node in some)
    wait_for(f"disks {some} are not full", all_full)


def main():
    with SmallDisks(3, flags=["--segment-bytes", str(4 << 20), "--snapshot-after-bytes",
                              str(8 << 20)]) as cluster:
        load = Load(cluster, 6)
        steps = []
        try:
            disturb(cluster, load, steps)
        except TimeoutError as error:
            load.clients[0].journal.problems.append(str(error))
        finally:
            load.end()
        cluster.wait_until_level()
        connections = [cluster.connect(node) for node in cluster.nodes()]
        verdict = judge(load.journals(), load.prefix, connections)
        for holds, what in steps:
            verdict.claim(holds, what)
        print(f"{verdict.passed} passed, {verdict.failed} failed")
        cluster.keep = verdict.failed > 0
        return 1 if verdict.failed else 0


def refused_so_far(load):
    return sum(journal.refused + journal.unknown for journal in load.journals())


def disturb(cluster, load, steps):
    time.sleep(0.5)
    leader = cluster.wait_for_leader()
    before = refused_so_far(load)
    fill_until_full(cluster, [leader])
    wait_for("the full node still leads", lambda: cluster.leader() not in (None, leader))
    outage = load.outage_ms(time.monotonic())
    time.sleep(1)
    steps.append((refused_so_far(load) == before and outage < 1000,
                  f"one full disk: {refused_so_far(load) - before} writes refused or unknown, "
                  f"the next one acknowledged after {outage:.0f} ms"))

    fill_until_full(cluster, list(cluster.nodes()))
    answer = write(cluster, "full", "1")
    steps.append((answer == "NOSPACE", f"three full disks: a write is answered {answer}"))
    reads = [cluster.connect(node).call("GET", load.prefix + "count") for node in cluster.nodes()]
    steps.append((len(set(reads)) == 1 and reads[0] is not None, f"reads through each node: {reads}"))

    for node in cluster.nodes():
        cluster.free(node)
    outage = load.outage_ms(time.monotonic())
    steps.append((outage < 10_000, f"space is freed: writes go on after {outage:.0f} ms"))
    wait_for("disks are still full", lambda: not any(is_full(cluster, n) for n in cluster.nodes()))


if __name__ == "__main__":
    sys.exit(main())
