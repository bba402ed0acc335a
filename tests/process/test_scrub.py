#!/usr/bin/env python3
"""Bits flip in the files of nodes that run: they find them, and mend them without a restart.

    tests/process/test_scrub.py [--rounds N] [--seed S]

First in a cluster in which nothing else happens, then alone, then under the load of load.py, whose
promises judge.py compares with what each node holds in the end. Afterwards every node is killed, and
check-data must find nothing in what its disk holds.
"""

import argparse
import os
import random
import subprocess
import sys
import time

from judge import Verdict, judge
from nodes import Cluster
from test_kill import Load

MIB = 1 << 20
FLAGS = ("--segment-bytes", str(MIB), "--snapshot-after-bytes", str(4 * MIB), "--scrub-period-s", "1",
         "--scrub-bytes-per-s", str(64 * MIB))
SECONDS_TO_MEND = 30


def wait(condition, otherwise):
    deadline = time.monotonic() + SECONDS_TO_MEND
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(otherwise())
        time.sleep(0.02)


def data_of(cluster, node):
    return os.path.join(cluster.folder, str(node))


def log_of(cluster, node):
    with open(cluster.log(node), errors="replace") as file:
        return file.read()


def files_of(cluster, node, prefix, suffix):
    return sorted(name for name in os.listdir(data_of(cluster, node))
                  if name.startswith(prefix) and name.endswith(suffix))


def snapshots(cluster, node):
    return files_of(cluster, node, "snapshot-", ".hfs")


def closed_segments(cluster, node):
    """All but the one that is written and the one made in advance."""
    return files_of(cluster, node, "log-", ".hfl")[:-2]


def written_segment(cluster, node):
    return files_of(cluster, node, "log-", ".hfl")[-2]


def flip(cluster, node, name, chance):
    """A bit of the first half of what was written, behind the header. False: the file has gone."""
    try:
        with open(os.path.join(data_of(cluster, node), name), "r+b") as file:
            written = len(file.read().rstrip(b"\0"))
            offset = chance.randrange(64, max(65, written // 2))
            file.seek(offset)
            byte = file.read(1)[0]
            file.seek(offset)
            file.write(bytes([byte ^ (1 << chance.randrange(8))]))
            os.fsync(file.fileno())
    except FileNotFoundError:
        return False
    return True


def figure(cluster, node, name):
    return int(cluster.info(node).get(f"holdfast_scrub_{name}", -1))


def fill(cluster, node, mib):
    connection = cluster.connect(node)
    for number in range(mib * 10):
        connection.call("SET", f"filling{number}", f"{number}:" + "x" * (MIB // 10))
    connection.close()


def damage_and_wait(cluster, node, name, chance):
    found = figure(cluster, node, "found")
    said = log_of(cluster, node).count("damage on this disk is mended")
    assert flip(cluster, node, name, chance)
    wait(lambda: figure(cluster, node, "found") > found,
         lambda: f"node {node} has not found the bit in {name}:\n{cluster.end_of_log(node)}")
    wait(lambda: figure(cluster, node, "damaged_files") == 0,
         lambda: f"node {node} has not mended {name}:\n{cluster.end_of_log(node)}")
    log = log_of(cluster, node)
    assert name in log and "damage on this disk:" in log, "its log names the file"
    assert log.count("damage on this disk is mended") > said


def expect_whole(cluster, node, verdict):
    """On the disk, and in what the next start makes of it."""
    cluster.kill(node)
    checked = subprocess.run([cluster.binary, "check-data", data_of(cluster, node)],
                             capture_output=True, text=True, timeout=60, check=False)
    whole = checked.returncode == 0
    verdict.claim(whole, f"the files of node {node} are whole",
                  [] if whole else checked.stdout.splitlines())
    began = os.path.getsize(cluster.log(node))
    cluster.start(node)
    cluster.wait_until_level()
    with open(cluster.log(node), errors="replace") as file:
        file.seek(began)
        verdict.claim("the data folder is damaged" not in file.read(),
                      f"node {node} starts from its own disk")


def at_rest(count, chance):
    verdict = Verdict()
    with Cluster(count, flags=FLAGS) as cluster:
        leader = cluster.wait_for_leader()
        node = leader if count == 1 else (leader + 1) % count
        fill(cluster, leader, 6)
        wait(lambda: snapshots(cluster, node), lambda: "no snapshot")
        for kind in (snapshots, closed_segments, written_segment):
            if kind is closed_segments:
                fill(cluster, leader, 2)  # not so much that the next snapshot makes it unneeded
                wait(lambda: closed_segments(cluster, node), lambda: "no closed segment")
                cluster.wait_until_level()
            names = kind(cluster, node)
            damage_and_wait(cluster, node, names if isinstance(names, str) else names[-1], chance)
        expect_whole(cluster, node, verdict)
        connection = cluster.connect(node)
        verdict.claim(connection.call("STRLEN", "filling7") > MIB // 10, "what was written is there")
        cluster.keep = verdict.failed > 0
    return verdict


def under_load(rounds, chance):
    with Cluster(3, flags=FLAGS) as cluster:
        fill(cluster, cluster.leader(), 7)
        load = Load(cluster, 3)
        flips = 0
        try:
            for _ in range(rounds):
                node = chance.choice(list(cluster.nodes()))
                names = snapshots(cluster, node) + closed_segments(cluster, node)
                flips += flip(cluster, node, chance.choice(names), chance)
                time.sleep(chance.random())
        finally:
            load.end()
        verdict = judge(load.journals(), load.prefix,
                        [cluster.connect(node) for node in cluster.nodes()])
        verdict.claim(flips > rounds // 2, f"{flips} bits were flipped")
        for node in cluster.nodes():
            passes = figure(cluster, node, "passes")
            wait(lambda n=node, p=passes: figure(cluster, n, "passes") > p + 2
                 and figure(cluster, n, "damaged_files") == 0,
                 lambda n=node: f"node {n} has not mended everything:\n{cluster.end_of_log(n)}")
        print(f"{flips} flips under load, found: "
              f"{[figure(cluster, node, 'found') for node in cluster.nodes()]}")
        for node in cluster.nodes():
            expect_whole(cluster, node, verdict)
        cluster.keep = verdict.failed > 0
        return verdict


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    print(f"seed {options.seed}")
    chance = random.Random(options.seed)
    failed = 0
    for title, verdict in (("three nodes at rest", at_rest(3, chance)),
                           ("one node at rest", at_rest(1, chance)),
                           ("three nodes under load", under_load(options.rounds, chance))):
        print(f"{title}: {verdict.passed} claims hold, {verdict.failed} do not", flush=True)
        failed += verdict.failed
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
