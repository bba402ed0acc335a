#!/usr/bin/env python3
"""Bits flip in the log and the snapshots of a node that is down, again and again.

    tests/process/test_bit_flips.py [--rounds N] [--seed S]

Three nodes under the load of load.py. In each round a node is stopped or killed, one to three bits of
its files are changed, and it is started. It repairs itself from the others, and check-data has found
the damage before; or it does not start and says which file is damaged: then the bits are put right,
and it has to start. After every 20 rounds judge.py reads everything that was acknowledged through each
node, and a new cluster begins.

Most flips hit what was written, the others what was only allocated: those may pass unnoticed.
"""

import argparse
import os
import random
import subprocess
import sys
import time

from judge import judge
from nodes import Cluster
from test_kill import Load

# Small, so that there are several files of each kind.
FLAGS = ("--segment-bytes", str(1 << 20), "--snapshot-after-bytes", str(128 << 10))
ROUNDS_OF_A_CLUSTER = 20
CLIENTS = 3
SECONDS_TO_RECOVER = 30


class Flips:
    """What was changed in the files of one node, so that it can be undone."""

    def __init__(self, folder, chance):
        self.changed = []
        names = sorted(name for name in os.listdir(folder)
                       if name.startswith(("log-", "snapshot-")) and not name.endswith(".tmp"))
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            path = os.path.join(folder, chance.choice(names))
            with open(path, "rb") as file:
                content = file.read()
            written = len(content.rstrip(b"\0"))
            within = written if written and chance.random() < 0.9 else len(content)
            self.changed.append((path, chance.randrange(within), 1 << chance.randrange(8)))
        self.apply()

    def apply(self):
        """Twice is undone."""
        for path, offset, bit in self.changed:
            with open(path, "r+b") as file:
                file.seek(offset)
                byte = file.read(1)[0]
                file.seek(offset)
                file.write(bytes([byte ^ bit]))

    def names(self):
        return {os.path.basename(path) for path, _, _ in self.changed}

    def __str__(self):
        return ", ".join(f"{os.path.basename(path)} at {offset} bit {bit:#x}"
                         for path, offset, bit in self.changed)


class Tale:
    """What became of the rounds."""

    def __init__(self):
        self.repaired = self.refused = self.unnoticed = 0
        self.problems = []

    def __str__(self):
        return (f"{self.repaired} repaired, {self.refused} refused with a message, "
                f"{self.unnoticed} unnoticed")


def log_since(cluster, node, offset):
    with open(cluster.log(node), errors="replace") as file:
        file.seek(offset)
        return file.read()


def wait_until_whole(cluster, node):
    """False: the node has ended."""
    deadline = time.monotonic() + SECONDS_TO_RECOVER
    while cluster.processes[node].poll() is None:
        info = cluster.info(node)
        if info.get("holdfast_recovering") == "0":
            cluster.wait_until_level()
            return True
        if time.monotonic() > deadline:
            raise TimeoutError(f"node {node} has not recovered in {SECONDS_TO_RECOVER} s:\n"
                               f"{cluster.end_of_log(node)}")
        time.sleep(0.02)
    return False


def one_round(cluster, chance, tale):
    node = chance.choice(list(cluster.nodes()))
    (cluster.kill if chance.random() < 0.5 else cluster.terminate)(node)
    flips = Flips(os.path.join(cluster.folder, str(node)), chance)
    checked = subprocess.run([cluster.binary, "check-data", os.path.join(cluster.folder, str(node))],
                             capture_output=True, text=True, timeout=60, check=False)
    began = os.path.getsize(cluster.log(node))
    cluster.start(node)
    if wait_until_whole(cluster, node):
        if "the data folder is damaged" in log_since(cluster, node, began):
            tale.repaired += 1
            if checked.returncode != 1 or not any(
                    name in line and "DAMAGED" in line
                    for line in checked.stdout.splitlines() for name in flips.names()):
                tale.problems.append(f"check-data had not found it ({flips}):\n{checked.stdout}")
        else:
            tale.unnoticed += 1
        return
    cluster.processes.pop(node)
    said = log_since(cluster, node, began)
    if not any(name in said for name in flips.names()) or "damaged" not in said:
        tale.problems.append(f"node {node} ended and named no damaged file ({flips}):\n{said}")
    tale.refused += 1
    flips.apply()
    cluster.start(node)
    if not wait_until_whole(cluster, node):
        tale.problems.append(f"node {node} does not start though its bits are right again ({flips})")


def fill(cluster):
    """Something to lose: enough for a snapshot, and entries behind it."""
    connection = cluster.connect(cluster.leader())
    for number in range(400):
        connection.call("SET", f"filling{number}", "x" * 1000)
    connection.close()


def rounds_of_a_cluster(rounds, chance, tale):
    with Cluster(3, flags=FLAGS) as cluster:
        fill(cluster)
        load = Load(cluster, CLIENTS)
        try:
            for _ in range(rounds):
                one_round(cluster, chance, tale)
        finally:
            load.end()
        verdict = judge(load.journals(), load.prefix,
                        [cluster.connect(node) for node in cluster.nodes()])
        rebuilt = [node for node in cluster.nodes()
                   if cluster.info(node).get("holdfast_rebuilds") != "0"]
        verdict.claim(not rebuilt, "no replica differed from the others", rebuilt)
        verdict.claim(not tale.problems, "who refused said which file is damaged", tale.problems)
        cluster.keep = verdict.failed > 0
        return verdict


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    print(f"seed {options.seed}")
    chance = random.Random(options.seed)
    tale = Tale()
    done = 0
    while done < options.rounds:
        some = min(ROUNDS_OF_A_CLUSTER, options.rounds - done)
        verdict = rounds_of_a_cluster(some, chance, tale)
        done += some
        print(f"{done} rounds: {tale}; {verdict.passed} claims hold, {verdict.failed} do not", flush=True)
        if verdict.failed:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
