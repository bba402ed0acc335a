#!/usr/bin/env python3
"""Who waits for a lock and dies, leaves the queue; who merely lives beside him keeps his place."""

import time
import unittest

from nodes import Cluster

PATIENCE = 15  # seconds until a place must be given up; the grace itself is one second


class Waiters(unittest.TestCase):
    def setUp(self):
        self.cluster = self.enterContext(Cluster(3))
        self.holder = self.cluster.connect(self.cluster.leader())
        self.token = self.holder.call("LOCK.ACQUIRE", "door", "holder", "TTL", "60000")[0]
        self.waiting = {}
        for node in self.cluster.nodes():
            for number in range(3):
                connection = self.cluster.connect(node)
                connection.send("LOCK.ACQUIRE", "door", f"w{node}{number}", "TTL", "60000", "WAIT",
                                "60000")
                self.waiting[f"w{node}{number}"] = connection
        deadline = time.monotonic() + PATIENCE
        while len(self.owners(self.holder)) < len(self.waiting):
            self.assertLess(time.monotonic(), deadline, "not all of them came to wait")

    def owners(self, connection):
        return [waiter[0].decode() for waiter in connection.call("LOCK.INFO", "door")[8]]

    def left(self, connection, expected):
        """Waits until only these wait, and returns them; fails if one of them leaves, too."""
        deadline = time.monotonic() + PATIENCE
        while set(owners := self.owners(connection)) != expected:
            self.assertLessEqual(expected, set(owners), "who lives has lost his place")
            self.assertLess(time.monotonic(), deadline, f"still waiting: {owners}")
            time.sleep(0.1)
        return owners

    def test_all_nodes_die_at_once(self):
        self.cluster.kill(*self.cluster.nodes())
        for node in self.cluster.nodes():
            self.cluster.start(node)
        self.cluster.wait_for_leader()
        client = self.cluster.connect(0)
        self.left(client, set())
        info = client.call("LOCK.INFO", "door")
        self.assertEqual((info[0], info[1], info[2]), (1, b"holder", self.token))
        self.assertEqual(client.call("LOCK.RELEASE", "door", str(self.token)), 1)
        self.assertEqual(client.call("LOCK.INFO", "door")[0], 0, "granted to nobody")

    def test_one_node_dies(self):
        dead = next(node for node in self.cluster.nodes() if node != self.cluster.leader())
        order = self.owners(self.holder)
        self.cluster.kill(dead)
        alive = [owner for owner in order if owner[1] != str(dead)]
        self.assertEqual(self.left(self.holder, set(alive)), alive, "in the order of their coming")
        self.assertEqual(self.holder.call("LOCK.RELEASE", "door", str(self.token)), 1)
        self.assertEqual(self.waiting[alive[0]].receive()[3], b"exclusive")
        self.cluster.start(dead)


if __name__ == "__main__":
    unittest.main(warnings="ignore")
