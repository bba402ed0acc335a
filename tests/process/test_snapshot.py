#!/usr/bin/env python3
"""Snapshots: logs stay short, restarts continue from one, a node that was away for long gets one."""

import contextlib
import os
import time
import unittest
import urllib.request

import wire
from nodes import Cluster, free_ports
from server import Server, folder

MIB = 1 << 20
FLAGS = ("--snapshot-after-bytes", "262144", "--segment-bytes", "1048576")
VALUE = "x" * 2000


def write(connection, first, count):
    for i in range(first, first + count):
        connection.send("SET", f"key{i % 500}", f"{i}:{VALUE}")
    for _ in range(count):
        if connection.receive() != b"OK":
            raise AssertionError("not written")


def expected(last):
    """What the keys hold after keys 0 … last - 1 were written."""
    return {f"key{i % 500}": f"{i}:{VALUE}".encode() for i in range(max(0, last - 500), last)}


def held(connection):
    names = [f"key{i}" for i in range(500)]
    return dict(zip(names, connection.call("MGET", *names)))


def bytes_of(path, prefix):
    """Of the files of that kind; one may go away while they are looked at."""
    total = 0
    for name in os.listdir(path):
        if name.startswith(prefix):
            with contextlib.suppress(FileNotFoundError):
                total += os.path.getsize(os.path.join(path, name))
    return total


def largest(path, prefix):
    sizes = [0]
    for name in os.listdir(path):
        if name.startswith(prefix):
            with contextlib.suppress(FileNotFoundError):
                sizes.append(os.path.getsize(os.path.join(path, name)))
    return max(sizes)


class Snapshots(unittest.TestCase):
    def test_a_single_node_stays_small_and_restarts(self):
        with folder() as parent:
            data = os.path.join(parent, "data")
            flags = ("--listen", f"127.0.0.1:{free_ports(1)[0]}", "--data", data, *FLAGS)
            with Server(*flags) as server:
                server.wait_until_ready()
                connection = server.connect()
                for turn in range(20):
                    write(connection, turn * 500, 500)
                self.wait(lambda: bytes_of(data, "log-") <= 6 * MIB, lambda: os.listdir(data))
                # The newest, and the one before: a node may still be receiving that.
                self.wait(lambda: sum("snapshot-" in name for name in os.listdir(data)) <= 2,
                          lambda: os.listdir(data))
                connection.call("INCR", "counter")
            with Server(*flags) as server:
                server.wait_until_ready()
                self.assertEqual(held(server.connect()), expected(10_000))
                self.assertEqual(server.call("INCR", "counter"), 2)

    def test_a_node_that_was_away_for_long(self):
        with Cluster(3, FLAGS) as cluster:
            leader = cluster.wait_for_leader()
            away = (leader + 1) % 3
            connection = cluster.connect(leader)
            write(connection, 0, 500)
            cluster.kill(away)
            for turn in range(1, 16):
                write(connection, turn * 500, 500)
            self.wait(lambda: int(cluster.info(leader)["holdfast_snapshot_index"]) > 0)
            cluster.start(away)
            # Writes go on while the snapshot travels.
            write(connection, 8000, 500)
            cluster.wait_until_level()
            self.wait(lambda: "snapshot of the leader installed" in self.log(cluster, away),
                      lambda: self.log(cluster, away))
            data = os.path.join(cluster.folder, str(away))
            self.wait(lambda: not any("tmp" in name or "arriving" in name
                                      for name in os.listdir(data)),
                      lambda: os.listdir(data))

            self.make_leader(cluster, away)
            self.assertEqual(held(cluster.connect(away)), expected(8500))
            # And it survives a restart from what it got.
            cluster.kill(away)
            cluster.start(away)
            cluster.wait_until_level()
            self.make_leader(cluster, away)
            self.assertEqual(held(cluster.connect(away)), expected(8500))

    def test_a_transfer_that_breaks_is_begun_again(self):
        with Cluster(3, FLAGS) as cluster:
            leader = cluster.wait_for_leader()
            away = (leader + 1) % 3
            connection = cluster.connect(leader)
            cluster.kill(away)
            for turn in range(10):
                write(connection, turn * 500, 500)
            connection.call("SET", "large", "y" * (30 * MIB))
            write(connection, 5000, 500)
            for _ in range(3):
                cluster.start(away)
                self.wait(lambda: "snapshot coming" in self.log(cluster, away))
                cluster.kill(away)
            cluster.start(away)
            cluster.wait_until_level()
            self.make_leader(cluster, away)
            connection = cluster.connect(away)
            self.assertEqual(held(connection), expected(5500))
            self.assertEqual(connection.call("STRLEN", "large"), 30 * MIB)

    def test_a_transfer_goes_on_where_it_ended_and_no_faster_than_it_may(self):
        rate = 4 * MIB
        flags = ("--snapshot-after-bytes", str(2 * MIB), "--snapshot-after-max-bytes", str(2 * MIB),
                 "--segment-bytes", str(4 * MIB), "--snapshot-send-bytes-per-s", str(rate))
        with Cluster(3, flags) as cluster:
            leader = cluster.wait_for_leader()
            away = (leader + 1) % 3
            connection = cluster.connect(leader)
            cluster.kill(away)
            for key in range(1000):
                connection.send("SET", f"large{key}", f"{key}:" + "z" * 20_000)
            for _ in range(1000):
                self.assertEqual(connection.receive(), b"OK")
            data = os.path.join(cluster.folder, str(leader))
            self.wait(lambda: largest(data, "snapshot-") > 16 * MIB, lambda: os.listdir(data))

            began = time.monotonic()
            for _ in range(2):
                received = self.metric(cluster, leader, "sent_bytes_total")
                cluster.start(away)
                self.wait(lambda: self.metric(cluster, leader, "sent_bytes_total") >
                          received + 4 * MIB)
                cluster.kill(away)
            cluster.start(away)
            cluster.wait_until_level()
            passed = time.monotonic() - began
            sent = self.metric(cluster, leader, "sent_bytes_total")
            self.assertLess(sent, rate * (passed + 1))
            self.assertLess(sent, 20 * MIB + 2 * 3 * MIB, "most of it is sent once")
            self.assertGreaterEqual(self.metric(cluster, away, "resumed_total", "snapshots"), 1)
            self.assertIn("snapshot goes on", self.log(cluster, away))

            # Changed while it runs, and refused where it makes no sense.
            self.assertEqual(connection.call("CONFIG", "SET", "snapshot-send-bytes-per-s", "0"), b"OK")
            with self.assertRaises(wire.ErrorReply):
                connection.call("CONFIG", "SET", "snapshot-send-bytes-per-s", "1")
            self.make_leader(cluster, away)
            connection = cluster.connect(away)
            for key in range(0, 1000, 97):
                self.assertEqual(connection.call("GET", f"large{key}"), f"{key}:".encode() + b"z" * 20_000)

    # --- Tools ------------------------------------------------------------------------------

    def metric(self, cluster, node, name, what="snapshot"):
        """Of the node's /metrics; 0 while it does not answer."""
        with contextlib.suppress(OSError):
            port = cluster.ports[node] + 1000
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=2) as answer:
                for line in answer.read().decode().splitlines():
                    if line.startswith(f"holdfast_{what}_{name} "):
                        return int(float(line.split()[1]))
        return 0

    def log(self, cluster, node):
        with open(cluster.log(node), errors="replace") as file:
            return file.read()

    def make_leader(self, cluster, node):
        """Leaves the leader nobody else to hand over to."""
        for _ in range(10):
            leader = cluster.wait_for_leader()
            if leader == node:
                return
            other = next(one for one in cluster.nodes() if one not in (node, leader))
            cluster.kill(other)
            cluster.processes[leader].terminate()
            cluster.processes.pop(leader).wait(10)
            cluster.start(other)
            cluster.start(leader)
            cluster.wait_until_level()
        self.fail("the node never led")

    def wait(self, condition, otherwise=lambda: ""):
        deadline = time.monotonic() + 20
        while not condition():
            self.assertLess(time.monotonic(), deadline, otherwise())
            time.sleep(0.05)


if __name__ == "__main__":
    unittest.main(warnings="ignore")
