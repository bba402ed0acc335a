#!/usr/bin/env python3
"""Disks that return errors: strace makes system calls of a real node fail, once or from then on.

    tests/process/test_disk_errors.py [--only TEXT]

What a failed write or sync has left on the disk is unknown, so the process must end, name the file and
the reason, and acknowledge nothing more; the others go on. Where only new room is refused (fallocate:
ENOSPC) it must not end, but refuse and hand over, and go on by itself when there is room. Each case is
played on the leader of three nodes and on a node that is alone, under load; after each the node
starts from what it has, and in the end judge.py compares what clients were promised with what the nodes
hold.
"""

import argparse
import dataclasses
import os
import subprocess
import sys
import time

import wire
from judge import judge
from nodes import Cluster, die_with_parent
from test_kill import Load

# Small, so that files of the log and snapshots are begun all the time.
FLAGS = ("--segment-bytes", str(1 << 20), "--snapshot-after-bytes", str(256 << 10))
CLIENTS = 3
PATIENCE = 20
REASONS = {"EIO": "Input/output error", "ENOSPC": "No space left on device"}
# What strace counts by: each thread for itself.
ONCE = "1"
FOR_EVER = "1+"


class Failing:
    """System calls of a process that fail as long as this is there."""

    def __init__(self, process, call, error, when, log):
        self.process = subprocess.Popen(
            ["strace", "-f", "-qq", "-p", str(process.pid), "-e", f"trace={call}", "-e",
             f"inject={call}:error={error}:when={when}", "-o", log],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            preexec_fn=die_with_parent)

    def end(self):
        self.process.terminate()
        return self.process.communicate(timeout=PATIENCE)[1]


def skip_unless_possible():
    try:
        sleeper = subprocess.Popen(["sleep", "60"])
        try:
            failing = Failing(sleeper, "fdatasync", "EIO", ONCE, "/dev/null")
            time.sleep(0.2)
            said = failing.end()
        finally:
            sleeper.kill()
            sleeper.wait()
    except FileNotFoundError:
        said = "strace is not installed"
    if said:
        print(f"SKIP: disks that return errors: {said.strip()}")
        sys.exit(77)


@dataclasses.dataclass
class Case:
    call: str
    error: str
    when: str
    ends: bool = True  # whether the node must

    def __str__(self):
        return f"{self.call}: {self.error} {'once' if self.when == ONCE else 'for ever'}"


CASES = [Case(call, error, when) for call in ("pwritev", "fdatasync") for error in ("EIO", "ENOSPC")
         for when in (ONCE, FOR_EVER)]
CASES += [Case("fsync", "EIO", ONCE), Case("fallocate", "EIO", ONCE),
          Case("fallocate", "ENOSPC", FOR_EVER, ends=False)]


def fill(cluster, node):
    """Enough for files to be begun; whatever becomes of it."""
    try:
        connection = cluster.connect(node, timeout=1)
        try:
            for number in range(20):
                connection.call("SET", f"filling{number}", "x" * 20000)
        finally:
            connection.close()
    except (OSError, EOFError, wire.ErrorReply):
        time.sleep(0.01)


def wait_for(what, condition, meanwhile=lambda: time.sleep(0.01)):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {PATIENCE} s: {what}")
        meanwhile()


def said_since(cluster, node, offset):
    with open(cluster.log(node), errors="replace") as file:
        file.seek(offset)
        return file.read()


def play(cluster, case, load, problems):
    """One case on the leader; the node is as well afterwards as it was before."""
    node = cluster.wait_for_leader()
    process = cluster.processes[node]
    began = os.path.getsize(cluster.log(node))
    failing = Failing(process, case.call, case.error, case.when,
                      os.path.join(cluster.folder, "strace.log"))
    try:
        if case.ends:
            wait_for(f"{case}: the node goes on", lambda: process.poll() is not None,
                     meanwhile=lambda: fill(cluster, node))
            cluster.processes.pop(node)
        else:
            wait_for(f"{case}: the node does not notice",
                     lambda: cluster.info(node).get("holdfast_disk") == "full",
                     meanwhile=lambda: fill(cluster, node))
        moment = time.monotonic()
        if len(cluster.nodes()) > 1:
            print(f"{case}: writes go on after {load.outage_ms(moment):.0f} ms", flush=True)
    finally:
        failing.end()
    if not case.ends:
        wait_for(f"{case}: no room though there is", lambda: cluster.info(node).get("holdfast_disk") == "ok")
        load.outage_ms(time.monotonic())
        return
    said = said_since(cluster, node, began)
    if process.returncode == 0 or REASONS[case.error] not in said:
        problems.append(f"{case}: ended with {process.returncode} and said:\n{said}")
    cluster.start(node)
    cluster.wait_for_leader()
    cluster.wait_until_level()
    load.outage_ms(time.monotonic())


def play_all(count, cases):
    problems = []
    with Cluster(count, flags=FLAGS) as cluster:
        load = Load(cluster, CLIENTS)
        try:
            for case in cases:
                play(cluster, case, load, problems)
        finally:
            load.end()
        cluster.wait_until_level()
        verdict = judge(load.journals(), load.prefix,
                        [cluster.connect(node) for node in cluster.nodes()])
        verdict.claim(not problems, "who ended said why", problems)
        cluster.keep = verdict.failed > 0
        print(f"{count} nodes, {len(cases)} cases: {verdict.passed} claims hold, {verdict.failed} do not",
              flush=True)
    return verdict.failed


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--only", default="", help="cases whose names contain it")
    options = parser.parse_args()
    skip_unless_possible()
    cases = [case for case in CASES if options.only in str(case)]
    return 1 if sum(play_all(count, cases) for count in (3, 1)) else 0


if __name__ == "__main__":
    sys.exit(main())
