#!/usr/bin/env python3
"""`holdfast check-data DIR`: says what is whole and what is damaged, and changes nothing."""

import os
import subprocess
import unittest

from nodes import Cluster


def content(folder):
    found = {}
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as file:
            found[name] = file.read()
    return found


class CheckData(unittest.TestCase):
    def check(self, cluster, folder):
        return subprocess.run([cluster.binary, "check-data", folder], capture_output=True, text=True,
                              timeout=60, check=False)

    def damage(self, path, offset):
        with open(path, "r+b") as file:
            file.seek(offset)
            byte = file.read(1)[0]
            file.seek(offset)
            file.write(bytes([byte ^ 4]))

    def test_one_node(self):
        with Cluster(1) as cluster:
            folder = os.path.join(cluster.folder, "0")
            connection = cluster.connect(0)
            for number in range(20):
                connection.call("SET", f"key{number}", "value")

            running = self.check(cluster, folder)
            self.assertEqual(running.returncode, 2)
            self.assertIn("Stop it first", running.stderr)

            cluster.terminate(0)
            before = content(folder)
            whole = self.check(cluster, folder)
            self.assertEqual(whole.returncode, 0, whole.stdout + whole.stderr)
            self.assertIn("Everything is whole.", whole.stdout)
            self.assertIn("log-0000000000000001.hfl", whole.stdout)

            self.damage(os.path.join(folder, "log-0000000000000001.hfl"), 165)
            damaged = self.check(cluster, folder)
            self.assertEqual(damaged.returncode, 1)
            self.assertRegex(damaged.stdout, r"log-0000000000000001.hfl +\d+ +DAMAGED +offset 160: ")
            self.assertIn("would not start", damaged.stdout)
            self.damage(os.path.join(folder, "log-0000000000000001.hfl"), 165)
            self.assertEqual(content(folder), before, "nothing was changed")
            self.assertEqual(self.check(cluster, folder).returncode, 0)

    def test_no_data(self):
        with Cluster(1) as cluster:
            for folder in ("/nonexistent", os.path.dirname(os.path.abspath(__file__))):
                answer = self.check(cluster, folder)
                self.assertEqual(answer.returncode, 2, answer.stdout)
                self.assertTrue(answer.stderr.startswith("holdfast: "), answer.stderr)


if __name__ == "__main__":
    unittest.main()
