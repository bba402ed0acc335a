#!/usr/bin/env python3
"""Who holds, observes or listens is told by the node that he is connected to, whichever that is."""

import time
import unittest

import wire
from nodes import Cluster

PATIENCE = 20  # seconds
# So that a node that was stopped needs a snapshot soon.
FLAGS = ("--snapshot-after-bytes", "262144", "--segment-bytes", "1048576")
MIB = 1 << 20


class Pushes(unittest.TestCase):
    def setUp(self):
        self.cluster = self.enterContext(Cluster(3, FLAGS))
        self.cluster.wait_for_newest_words()

    def follower(self):
        leader = self.cluster.wait_for_leader()
        return next(node for node in self.cluster.nodes() if node != leader)

    def resp3(self, node):
        connection = self.cluster.connect(node, timeout=PATIENCE)
        connection.call("HELLO", "3")
        return connection

    def acquire(self, connection, name, ttl):
        return connection.call("LOCK.ACQUIRE", name, "me", "TTL", ttl)[b"token"]

    def assertPushed(self, connection, *words):
        pushed = connection.receive()
        self.assertIsInstance(pushed, wire.Push)
        self.assertEqual(list(pushed), list(words))

    def test_a_holder_at_any_node_hears_that_his_time_is_over(self):
        for node in self.cluster.nodes():
            holder = self.resp3(node)
            token = self.acquire(holder, f"door{node}", 300)
            self.assertPushed(holder, b"holdfast.lost", b"lock", b"door%d" % node, token, b"expired")

    def test_a_holder_hears_it_though_the_leader_dies(self):
        holder = self.resp3(self.follower())
        token = self.acquire(holder, "door", 3000)
        self.cluster.kill(leader := self.cluster.leader())
        self.assertPushed(holder, b"holdfast.lost", b"lock", b"door", token, b"expired")
        self.cluster.start(leader)

    def test_nobody_hears_of_what_he_gave_back(self):
        holder = self.resp3(self.follower())
        token = self.acquire(holder, "door", 300)
        self.assertEqual(holder.call("LOCK.RELEASE", "door", token), 1)
        kept = self.acquire(holder, "gate", 600)
        self.assertPushed(holder, b"holdfast.lost", b"lock", b"gate", kept, b"expired")

    def test_subscribers_hear_it_at_every_node(self):
        listeners = [self.cluster.connect(node, timeout=PATIENCE) for node in self.cluster.nodes()]
        for listener in listeners:
            listener.call("SUBSCRIBE", "__holdfast__:lost:door")
        token = self.acquire(self.resp3(self.follower()), "door", 300)
        for listener in listeners:
            self.assertEqual(listener.receive(), [b"message", b"__holdfast__:lost:door",
                                                  b"lock %d expired" % token])

    def test_what_is_published_is_heard_at_every_node(self):
        listeners = [self.cluster.connect(node, timeout=PATIENCE) for node in self.cluster.nodes()]
        for listener in listeners:
            listener.call("SUBSCRIBE", "news")
        self.cluster.connect(self.follower()).call("PUBLISH", "news", "hi")
        for listener in listeners:
            self.assertEqual(listener.receive(), [b"message", b"news", b"hi"])

    def test_events_of_keys_are_heard_where_they_are_wanted(self):
        follower = self.follower()
        self.cluster.connect(follower).call("CONFIG", "SET", "notify-keyspace-events", "KEA")
        listener = self.cluster.connect(follower, timeout=PATIENCE)
        listener.call("PSUBSCRIBE", "__key*__:*")
        deaf = self.cluster.connect(self.cluster.leader(), timeout=0.5)
        deaf.call("PSUBSCRIBE", "__key*__:*")
        self.cluster.connect(self.cluster.leader()).call("SET", "k", "v", "PX", "200")
        for event in (b"set", b"expire", b"expired"):
            self.assertEqual(listener.receive()[2:], [b"__keyspace@0__:k", event])
            self.assertEqual(listener.receive()[2:], [b"__keyevent@0__:" + event, b"k"])
        with self.assertRaises(TimeoutError):
            deaf.receive()

    def test_a_node_that_missed_it_tells_holders_and_closes_listeners(self):
        """It is stopped until its log is gone from the others, so that it gets a snapshot."""
        follower = self.follower()
        others = [node for node in self.cluster.nodes() if node != follower]
        holder = self.resp3(follower)
        listener = self.cluster.connect(follower, timeout=PATIENCE)
        listener.call("PSUBSCRIBE", "__holdfast__:*")
        token = self.acquire(holder, "door", 3000)
        kept = self.acquire(holder, "gate", 600_000)
        self.cluster.wait_until_level()
        self.cluster.pause(follower)
        # More than is sent to a node that does not answer; then the lock's time is over; then more than
        # is kept for one that is late.
        self.fill(others, 12)
        time.sleep(3)
        self.fill(others, 40)
        self.cluster.resume(follower)
        self.assertPushed(holder, b"holdfast.lost", b"lock", b"door", token, b"unknown")
        with self.assertRaises((EOFError, OSError)):
            while True:
                listener.receive()
        self.assertEqual(holder.call("LOCK.CHECK", "gate", kept), 1)

    def fill(self, nodes, count):
        """Writes so many MiB, and waits for a snapshot that holds all but the last 16."""
        begun = int(self.cluster.info(nodes[0])["holdfast_commit_index"])
        client = self.cluster.connect(nodes[0], timeout=PATIENCE)
        for number in range(count):
            client.call("SET", f"k{number}", b"x" * MIB)
        goal = begun + max(count - 16, 0)
        deadline = time.monotonic() + PATIENCE
        while any(int(self.cluster.info(node)["holdfast_snapshot_index"]) < goal for node in nodes):
            self.assertLess(time.monotonic(), deadline, "no snapshot was made")
            time.sleep(0.1)


if __name__ == "__main__":
    unittest.main(warnings="ignore")
