#!/usr/bin/env python3
"""The last resort: two of three nodes are gone for good, and the third becomes a new cluster."""

import os
import shutil
import time
import unittest

import nodes
import wire
from nodes import Cluster
from server import Server, folder
from test_backup import tool

LONG_TTL = 600_000


def content_of(path):
    """Every file of a folder."""
    found = {}
    for name in sorted(os.listdir(path)):
        with open(os.path.join(path, name), "rb") as file:
            found[name] = file.read()
    return found


class LastResort(unittest.TestCase):
    def test_two_of_three_are_gone(self):
        with Cluster(3) as cluster:
            connection = cluster.connect(0)
            for i in range(500):
                connection.call("SET", f"key{i}", i)
            held = connection.call("LOCK.ACQUIRE", "long", "its owner", "TTL", LONG_TTL)[0]
            tokens = [held]
            for _ in range(20):
                tokens.append(connection.call("LOCK.ACQUIRE", "short", "me", "TTL", 10_000)[0])
                connection.call("LOCK.RELEASE", "short", tokens[-1])
            waiting = cluster.connect(1)
            waiting.send("LOCK.ACQUIRE", "long", "who waits", "TTL", 1000, "WAIT", 100_000)
            while not connection.call("LOCK.INFO", "long")[8]:  # until he waits
                time.sleep(0.01)
            cluster.wait_until_level()
            survivor = (cluster.wait_for_leader() + 1) % 3  # a follower: it knows least
            others = [node for node in cluster.nodes() if node != survivor]
            cluster.kill(*cluster.nodes())
            waiting.close()
            data = os.path.join(cluster.folder, str(survivor))
            before = content_of(data)

            code, output, _ = tool("recover", data)
            self.assertEqual(code, 1)
            self.assertIn("500 keys, 1 held locks, 1 waiting", output)
            self.assertIn("Nothing was changed", output)
            self.assertEqual(content_of(data), before)
            self.assertFalse(os.path.exists(data + ".recovered"))

            code, output, errors = tool("recover", "--accept-data-loss", data)
            self.assertEqual(code, 0, errors)
            self.assertEqual(content_of(data), before)
            self.assertEqual([name for name in os.listdir(cluster.folder) if ".tmp" in name], [])
            code, _, errors = tool("recover", "--accept-data-loss", data)
            self.assertEqual(code, 1)
            self.assertIn("is there already", errors)
            self.serve_anew(cluster, survivor, others, data + ".recovered", tokens)

    def serve_anew(self, cluster, survivor, others, data, tokens):
        flags = ("--listen", cluster.endpoints()[survivor], "--data", data)
        with Server(*flags) as alone:
            alone.wait_until_ready()
            connection = alone.connect()
            self.verify(connection, tokens)
            connection.call("SET", "after", "1")
            info = connection.call("INFO", "holdfast").decode()
            self.assertRegex(info, r"holdfast_recovered:\S+ from cluster [0-9a-f]{16} node")
            self.assertIn("holdfast_voters:1\r\n", info)
            self.assertEqual(len(connection.call("HOLDFAST", "NODES")), 1)
            self.refuse_the_old(cluster, others, alone)
            self.grow(cluster, others, alone, tokens)
            self.assertIn("made out of one survivor", alone.errors())
        # The record is there to stay.
        with Server(*flags) as again:
            self.wait(lambda: "made out of one survivor" in again.errors())

    def verify(self, connection, tokens):
        self.wait(lambda: connection.call("PING") and self.leads(connection))
        self.assertEqual(connection.call("MGET", *(f"key{i}" for i in range(500))),
                         [str(i).encode() for i in range(500)])
        self.assertEqual(connection.call("LOCK.CHECK", "long", tokens[0]), 1)
        self.assertIsNone(connection.call("LOCK.ACQUIRE", "long", "another", "TTL", 1000))
        token = connection.call("LOCK.ACQUIRE", "short", "other", "TTL", 10)[0]
        self.assertGreater(token, max(tokens) + (1 << 40))
        self.assertGreater(token, time.time() * 1_000_000)
        self.assertLess(token, 1 << 53)
        # Nobody waits any more: what is released is free.
        if connection.call("LOCK.RELEASE", "long", tokens[0]) == 1:
            again = connection.call("LOCK.ACQUIRE", "long", "its owner", "TTL", LONG_TTL)
            self.assertGreater(again[0], token)
            tokens[0] = again[0]

    def leads(self, connection):
        return "holdfast_role:leader" in connection.call("INFO", "holdfast").decode()

    def refuse_the_old(self, cluster, others, alone):
        """A node of the old cluster comes back: the two refuse each other and stay what they are."""
        cluster.start(others[0])
        text = "belongs to cluster"
        self.wait(lambda: text in cluster.end_of_log(others[0], 200))
        self.assertEqual(cluster.info(others[0]).get("holdfast_role"), "follower")
        with self.assertRaises((wire.ErrorReply, OSError)):
            cluster.connect(others[0], timeout=5).call("GET", "key1")
        self.assertEqual(alone.call("GET", "after"), b"1")
        self.assertEqual(len(alone.call("HOLDFAST", "NODES")), 1)
        cluster.kill(others[0])

    def grow(self, cluster, others, alone, tokens):
        """Empty folders at the old addresses join as new nodes, with new numbers."""
        for node in others:
            shutil.rmtree(os.path.join(cluster.folder, str(node)))
            command = ("--listen", cluster.endpoints()[node], "--data",
                       os.path.join(cluster.folder, str(node)), "--join", f"127.0.0.1:{alone.port}")
            cluster.processes[node] = Server(*command).process
        self.wait(lambda: all(cluster.info(node).get("holdfast_voters") == "3" for node in others))
        numbers = {row[1] for row in alone.call("HOLDFAST", "NODES")}
        self.assertEqual(len(numbers), 3)
        self.assertEqual(len([number for number in numbers if number > 3]), 2)
        for node in others:
            connection = cluster.connect(node)
            self.assertEqual(connection.call("GET", "after"), b"1")
            self.assertEqual(connection.call("LOCK.CHECK", "long", tokens[0]), 1)
            info = connection.call("INFO", "holdfast").decode()
            self.assertIn(" from cluster ", info)
        cluster.kill(*others)

    def test_folders_that_it_cannot_be_made_of(self):
        with folder() as parent, Cluster(1) as cluster:
            data = os.path.join(cluster.folder, "0")
            missing = os.path.join(parent, "missing")
            for words, what in (
                ((missing,), "there is no folder"),
                ((parent,), "is no data folder"),
                ((data,), "in use"),
                ((data, "--accept-data-loss"), "in use"),
                ((data, parent, "--accept-data-loss"), "name the one"),
            ):
                code, _, errors = tool("recover", *words)
                self.assertEqual(code, 1, words)
                self.assertIn(what, errors)
            cluster.connect(0).call("SET", "a", "1")
            cluster.terminate(0)
            code, _, errors = tool("recover", data, "--accept-data-loss")
            self.assertEqual(code, 1)
            self.assertIn("a majority by itself", errors)
            self.assertFalse(os.path.exists(data + ".recovered"))

    def wait(self, condition):
        deadline = time.monotonic() + nodes.READY_SECONDS
        while not condition():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)


if __name__ == "__main__":
    unittest.main(warnings="ignore")
