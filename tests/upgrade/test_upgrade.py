#!/usr/bin/env python3
"""Two builds in one cluster: this one, and one that knows a newer version of what commands mean.

    tests/upgrade/test_upgrade.py --next build/release/tests/upgrade/holdfast_next
"""

import os
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "process"))

from judge import judge  # noqa: E402  (it lies in tests/process)
from load import Client  # noqa: E402
from nodes import READY_SECONDS, Cluster  # noqa: E402

OLD = 3  # what this build knows
NEW = 4
NEXT = None


class Upgrades(unittest.TestCase):
    def levels(self, cluster):
        return {cluster.info(node).get("holdfast_level") for node in cluster.processes}

    def restart(self, cluster, node, binary):
        cluster.terminate(node)
        cluster.binary = binary
        cluster.start(node)
        cluster.wait_for_leader()
        cluster.wait_until_level()

    def transfer(self, cluster, to):
        def leads():
            leader = cluster.wait_for_leader()
            if leader == to:
                return True
            number = cluster.info(to)["holdfast_node"]
            cluster.connect(leader).call("HOLDFAST", "TRANSFER", number)
            return False
        self.wait(leads)

    def ends(self, cluster, node):
        """How a node that must not go on ends, and what it said."""
        process = cluster.processes.pop(node)
        return process.wait(READY_SECONDS), cluster.end_of_log(node, 5)

    def only_the_newer_build_goes_on(self, cluster, node, old):
        """The older one refuses to start and changes nothing in the folder."""
        cluster.binary = old
        cluster.start(node)
        code, said = self.ends(cluster, node)
        self.assertNotEqual(code, 0)
        self.assertIn(f"semantics version {NEW}, this build knows 1 to {OLD}", said)
        cluster.binary = NEXT
        cluster.start(node)
        cluster.wait_until_level()

    def test_a_rolling_upgrade_under_load_and_no_way_back(self):
        with Cluster(3) as cluster:
            old = cluster.binary
            stop = threading.Event()
            clients = [Client(i, "load:", cluster.addresses(), stop) for i in range(3)]
            for client in clients:
                client.start()
            self.upgrade(cluster, old)
            # The last one: now all agree, and the level rises by itself.
            self.restart(cluster, 2, NEXT)
            self.wait(lambda: self.levels(cluster) == {str(NEW)})
            self.restart(cluster, 1, NEXT)
            stop.set()
            for client in clients:
                client.join()
            cluster.wait_until_level()
            verdict = judge([client.journal for client in clients], "load:",
                            [cluster.connect(node) for node in cluster.nodes()])
            self.assertEqual(verdict.failed, 0)
            self.go_back_in_vain(cluster, old)

    def upgrade(self, cluster, old):
        # A new cluster rises to its level when all have told theirs.
        self.wait(lambda: self.levels(cluster) == {str(OLD)})
        self.restart(cluster, 0, NEXT)
        self.assertEqual(self.levels(cluster), {str(OLD)})
        self.assertEqual(cluster.info(0)["holdfast_newest_level"], str(NEW))
        # What it knows is in the log, for everybody to see.
        self.wait(lambda: cluster.info(1).get("holdfast_level_of_node_1") == str(NEW))
        # As long as the level has not risen there is a way back...
        self.restart(cluster, 0, old)
        self.wait(lambda: cluster.info(1).get("holdfast_level_of_node_1", str(OLD)) == str(OLD))
        self.restart(cluster, 0, NEXT)
        self.restart(cluster, 1, NEXT)
        # ... and a newer leader writes what the old node understands.
        self.transfer(cluster, 0)
        for i in range(200):
            cluster.connect(2).call("SET", f"mixed{i}", i)
        cluster.wait_until_level()
        self.assertEqual(self.levels(cluster), {str(OLD)})

    def go_back_in_vain(self, cluster, old):
        cluster.connect(1).call("SET", "after", "1")
        cluster.wait_until_level()
        self.restart(cluster, 0, NEXT)
        cluster.terminate(0)
        self.only_the_newer_build_goes_on(cluster, 0, old)
        self.assertEqual(cluster.connect(0).call("GET", "after"), b"1")
        self.assertEqual(self.levels(cluster), {str(NEW)})

    def test_one_node_holds_the_level(self):
        with Cluster(3, flags=("--max-level", str(OLD))) as cluster:
            for node in cluster.nodes():
                self.restart(cluster, node, NEXT)
            time.sleep(2)
            self.assertEqual(self.levels(cluster), {str(OLD)})
            for node in (0, 1):
                cluster.connect(node).call("CONFIG", "SET", "max-level", "0")
            self.wait(lambda: all(cluster.info(2).get(f"holdfast_level_of_node_{node}") == str(NEW)
                                  for node in (1, 2)))
            self.assertEqual(self.levels(cluster), {str(OLD)})
            cluster.connect(2).call("CONFIG", "SET", "max-level", "0")
            self.wait(lambda: self.levels(cluster) == {str(NEW)})
            # It stays where it is, whoever would rather have less.
            cluster.connect(2).call("CONFIG", "SET", "max-level", str(OLD))
            self.wait(lambda: cluster.info(0).get("holdfast_level_of_node_3") == str(OLD))
            self.assertEqual(self.levels(cluster), {str(NEW)})

    def test_an_old_node_cannot_join_what_is_newer(self):
        with Cluster(2, founders=1) as cluster:
            old = cluster.binary
            self.restart(cluster, 0, NEXT)
            self.wait(lambda: self.levels(cluster) == {str(NEW)})
            cluster.connect(0).call("SET", "a", "1")
            self.only_the_newer_build_goes_on(cluster, 1, old)
            self.assertEqual(cluster.connect(1).call("GET", "a"), b"1")

    def wait(self, condition):
        deadline = time.monotonic() + READY_SECONDS
        while not condition():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)


if __name__ == "__main__":
    at = sys.argv.index("--next")
    NEXT = os.path.abspath(sys.argv[at + 1])
    del sys.argv[at:at + 2]
    unittest.main(warnings="ignore")
