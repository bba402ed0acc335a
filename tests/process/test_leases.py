#!/usr/bin/env python3
"""Reads by leases, on three real nodes.

    tests/process/test_leases.py [--stops N]

The setting is changed while the nodes run, and figures tell which reads were answered how. Then the
leader is stopped (SIGSTOP), again and again, for longer than a lease lasts; another leads and takes a
write, and clients have asked the stopped one meanwhile: when it goes on it must not answer with what
was true when it was stopped, though its own timers believe that hardly any time has passed.
"""

import argparse
import sys
import time
import urllib.request

import wire
from nodes import Cluster


class Claims:
    def __init__(self):
        self.passed = self.failed = 0

    def claim(self, holds, what):
        self.passed += holds
        self.failed += not holds
        if not holds:
            print(f"FAILED: {what}")


def set_reads(cluster, mode):
    for node in cluster.processes:
        connection = cluster.connect(node)
        connection.call("CONFIG", "SET", "reads", mode)
        connection.close()


def figures(cluster, node):
    info = cluster.info(node)
    return int(info["holdfast_reads_by_lease"]), int(info["holdfast_reads_by_quorum"])


def read_often(cluster, leader, count):
    """How many of them were answered by a lease, and how many by a round."""
    before = figures(cluster, leader)
    connection = cluster.connect(leader)
    for _ in range(count):
        connection.call("GET", "k")
    connection.close()
    after = figures(cluster, leader)
    return after[0] - before[0], after[1] - before[1]


def check_setting(cluster, claims):
    leader = cluster.wait_for_leader()
    connection = cluster.connect(leader)
    connection.call("SET", "k", "v")
    claims.claim(connection.call("CONFIG", "GET", "reads") == [b"reads", b"quorum"], "quorum is the default")
    by_lease, by_quorum = read_often(cluster, leader, 200)
    claims.claim((by_lease, by_quorum) == (0, 200),
                 f"under quorum: {by_lease} by lease, {by_quorum} by quorum")
    set_reads(cluster, "lease")
    claims.claim(cluster.info(leader)["holdfast_reads"] == "lease", "INFO tells the setting")
    # The first ones ask for a lease; should the machine stop for longer than one lasts, some more.
    by_lease, by_quorum = read_often(cluster, leader, 1000)
    claims.claim(by_lease + by_quorum == 1000 and by_lease >= 900,
                 f"under lease: {by_lease} by lease, {by_quorum} by quorum")
    metrics = urllib.request.urlopen(f"http://127.0.0.1:{cluster.ports[leader] + 1000}/metrics", timeout=10)
    claims.claim('holdfast_reads_total{by="lease"}' in metrics.read().decode(), "/metrics counts them")
    try:
        connection.call("CONFIG", "SET", "reads", "sometimes")
        claims.claim(False, "an unknown way to read is refused")
    except wire.ErrorReply as refused:
        claims.claim("quorum or lease" in str(refused), f"the refusal names what is possible: {refused}")
    connection.close()
    set_reads(cluster, "quorum")
    by_lease, by_quorum = read_often(cluster, leader, 100)
    claims.claim((by_lease, by_quorum) == (0, 100),
                 f"quorum again: {by_lease} by lease, {by_quorum} by quorum")
    set_reads(cluster, "lease")


def check_stop(cluster, claims, turn):
    old = cluster.wait_for_leader()
    asked = [cluster.connect(old) for _ in range(8)]
    for connection in asked:
        connection.call("GET", "k")  # so that it has a lease
    cluster.pause(old)
    others = [node for node in cluster.processes if node != old]
    try:
        writer = cluster.connect(others[0], timeout=20)
        writer.call("SET", "k", f"new-{turn}")
        writer.close()
        for connection in asked:
            connection.send("GET", "k")
        time.sleep(0.1)
    finally:
        cluster.resume(old)
    for connection in asked:
        try:
            value = connection.receive()
        except (wire.ErrorReply, OSError, EOFError) as error:
            value = f"new-{turn}".encode() if "NOLEADER" in str(error) else error
        claims.claim(value == f"new-{turn}".encode(),
                     f"stop {turn}: after new-{turn} was written, {value!r} was read")
        connection.close()


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--stops", type=int, default=8)
    options = parser.parse_args()
    claims = Claims()
    with Cluster(3) as cluster:
        check_setting(cluster, claims)
        for turn in range(options.stops):
            check_stop(cluster, claims, turn)
        cluster.keep = claims.failed > 0
    print(f"{claims.passed} passed, {claims.failed} failed")
    return 1 if claims.failed else 0


if __name__ == "__main__":
    sys.exit(main())
