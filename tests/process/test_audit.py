#!/usr/bin/env python3
"""The audit logs of all nodes tell the same of what was agreed, whatever happens to the nodes."""

import json
import os
import time
import unittest

import wire
from nodes import Cluster

PATIENCE = 20  # seconds


class Audit(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(3, ("--audit-level", "all"))
        self.cluster.own_flags = lambda node: ("--audit-log", self.folder(node))
        self.enterContext(self.cluster)

    def folder(self, node):
        return os.path.join(self.cluster.folder, f"audit-of-{node}")

    def lines(self, node):
        lines = []
        for name in sorted(os.listdir(self.folder(node))):
            if name.endswith(".jsonl"):
                with open(os.path.join(self.folder(node), name)) as file:
                    lines += file.read().splitlines()
        return [(line, json.loads(line)) for line in lines]

    def agreed(self, node):
        """Of entries; each once, in their order."""
        lines = [(line, told) for line, told in self.lines(node) if "index" in told]
        places = [(told["index"], told["n"]) for _, told in lines]
        self.assertEqual(places, sorted(set(places)), "repeated, or out of order")
        return [line for line, _ in lines]

    def wait(self, condition, otherwise):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), deadline, otherwise)
            time.sleep(0.05)

    def wait_until_told(self, name, event, nodes=None):
        def told(node):
            return any(line.get("name") == name and line["event"] == event
                       for _, line in self.lines(node))
        for node in nodes if nodes is not None else self.cluster.nodes():
            self.wait(lambda: told(node), f"node {node} does not tell that {name} was {event}")

    def acquire(self, node, name, ttl=600_000):
        return self.cluster.connect(node).call("LOCK.ACQUIRE", name, "me", "TTL", ttl)[0]

    def test_all_nodes_tell_the_same(self):
        leader = self.cluster.leader()
        token = self.acquire((leader + 1) % 3, "door")
        self.cluster.connect(leader).call("LOCK.RELEASE", "door", token)
        self.acquire(leader, "gate", 100)
        self.wait_until_told("gate", "lost")
        first, *others = [self.agreed(node) for node in self.cluster.nodes()]
        for other in others:
            self.assertEqual(other, first)
        told = [json.loads(line) for line in first]
        door = [line for line in told if line.get("name") == "door"]
        self.assertEqual([line["event"] for line in door], ["granted", "released"])
        self.assertEqual([line["token"] for line in door], [token, token])
        self.assertTrue(any(line["event"] == "setting" for line in told), "of the founding")

    def test_wrong_passwords_are_told_where_they_were_given(self):
        self.cluster.connect(0).call("CONFIG", "SET", "requirepass", "right")
        client = self.cluster.connect(1)

        def refused():
            try:
                client.call("AUTH", "wrong")
            except wire.ErrorReply as error:
                return error.kind() == "WRONGPASS"
            return False
        self.wait(refused, "any password is right")
        client.call("AUTH", "right")
        self.wait(lambda: any(line["event"] == "login failed" for _, line in self.lines(1)), "untold")
        self.assertFalse(any(line["event"] == "login failed" for _, line in self.lines(0)))
        for node in self.cluster.nodes():
            self.wait_until_told("requirepass-hash", "setting", [node])
            self.assertEqual({line["value"] for _, line in self.lines(node)
                              if line.get("name") == "requirepass-hash"}, {"(hidden)"})

    def test_a_node_that_dies_neither_repeats_nor_leaves_out(self):
        leader = self.cluster.leader()
        victim = (leader + 1) % 3
        for round in range(3):
            for number in range(20):
                self.acquire(leader, f"lock{round}-{number}")
            self.cluster.kill(victim)
            self.acquire(leader, f"alone{round}")
            self.cluster.start(victim)
            self.cluster.wait_until_level()
        self.wait_until_told("alone2", "granted")
        self.assertEqual(self.agreed(victim), self.agreed(leader))
        begun = [line for _, line in self.lines(victim) if line["event"] == "begun"]
        self.assertEqual(len(begun), 4)

    def test_a_folder_that_cannot_be_used_holds_nobody_up(self):
        victim = (self.cluster.leader() + 1) % 3
        self.cluster.terminate(victim)
        os.rename(self.folder(victim), self.folder(victim) + "-before")
        with open(self.folder(victim), "w"):
            pass
        self.cluster.start(victim)
        self.cluster.wait_until_level()
        self.acquire(victim, "door")
        self.wait(lambda: self.cluster.info(victim).get("holdfast_audit") == "failing", "it is said")
        self.wait(lambda: int(self.cluster.info(victim)["holdfast_audit_dropped"]) > 0, "counted")


if __name__ == "__main__":
    unittest.main(warnings="ignore")
