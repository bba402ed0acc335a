#!/usr/bin/env python3
"""A node's data folder is put back from a copy that was made some starts ago.

The other nodes tell it, it ends and says why, and started again it takes everything from them and counts
for nothing until it has it. Also when all of them were started since; and of two nodes it stays down.
And: a node that is told to remove itself, by the tool, which then asks another one how that went.
"""

import os
import shutil
import subprocess
import sys
import unittest

from nodes import Cluster

SETTLE_SECONDS = 30
OLDER = "this data folder is an older copy of itself"


def data(cluster, node):
    return os.path.join(cluster.folder, str(node))


def copy(cluster, node):
    """What a backup of the machine would hold."""
    cluster.terminate(node)
    shutil.copytree(data(cluster, node), os.path.join(cluster.folder, f"copy-of-{node}"))


def put_back(cluster, node):
    shutil.rmtree(data(cluster, node))
    shutil.copytree(os.path.join(cluster.folder, f"copy-of-{node}"), data(cluster, node))


def write(cluster, node, first, count=100):
    connection = cluster.connect(node)
    for number in range(first, first + count):
        connection.call("SET", f"key{number}", str(number))
    connection.close()


def expect_ended(test, cluster, node):
    code = cluster.processes.pop(node).wait(SETTLE_SECONDS)
    test.assertNotEqual(code, 0)
    test.assertIn(OLDER, cluster.end_of_log(node, 3))


class OlderCopy(unittest.TestCase):
    def put_back_and_recover(self, starts, restart_others):
        with Cluster(3) as cluster:
            node = next(one for one in cluster.nodes() if one != cluster.wait_for_leader())
            others = [one for one in cluster.nodes() if one != node]
            write(cluster, others[0], 0)
            copy(cluster, node)
            for number in range(starts):
                cluster.start(node)
                cluster.wait_until_level()
                write(cluster, others[0], 100 * (number + 1))
                cluster.wait_until_level()
                cluster.terminate(node)
            put_back(cluster, node)
            if restart_others:
                cluster.kill(*others)
                for other in others:
                    cluster.start(other)
                cluster.wait_for_leader()
            cluster.start(node)
            expect_ended(self, cluster, node)
            write(cluster, others[0], 1000)
            cluster.start(node)
            cluster.wait_until_level()
            cluster._wait(lambda: cluster.info(node).get("holdfast_recovering") == "0",
                          "it does not become whole")
            connection = cluster.connect(node)
            for number in [*range(100 * (starts + 1)), *range(1000, 1100)]:
                self.assertEqual(connection.call("GET", f"key{number}"), str(number).encode())
            connection.close()
            # The next start is like any other.
            cluster.terminate(node)
            cluster.start(node)
            cluster.wait_until_level()

    def test_one_start_old(self):
        self.put_back_and_recover(1, False)

    def test_three_starts_old_and_all_others_started_since(self):
        self.put_back_and_recover(3, True)

    def test_of_two_nodes_it_stays_down(self):
        with Cluster(2) as cluster:
            node = next(one for one in cluster.nodes() if one != cluster.wait_for_leader())
            copy(cluster, node)
            cluster.start(node)
            cluster.wait_until_level()
            cluster.terminate(node)
            put_back(cluster, node)
            for _ in range(2):
                cluster.start(node)
                expect_ended(self, cluster, node)
                self.assertIn("fewer than three nodes", cluster.end_of_log(node, 3))
            self.assertFalse([name for name in os.listdir(data(cluster, node))
                              if name.startswith("damaged-")])


class RemovedByItself(unittest.TestCase):
    def test_the_tool_asks_another_node_how_it_went(self):
        with Cluster(3) as cluster:
            cluster.wait_for_roster()
            for node in (cluster.wait_for_leader(), None):
                if node is None:  # and one that does not lead
                    leader = cluster.wait_for_leader()
                    node = next(one for one in cluster.processes if one != leader)
                number = cluster.info(node)["holdfast_node"]
                tool = subprocess.run(
                    [cluster.binary, "nodes", "remove", number, "--server", cluster.endpoints()[node]],
                    capture_output=True, text=True, timeout=90, check=False)
                self.assertEqual((tool.returncode, tool.stderr), (0, ""))
                cluster.processes.pop(node).wait(SETTLE_SECONDS)


if __name__ == "__main__":
    sys.exit(unittest.main())
