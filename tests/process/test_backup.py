#!/usr/bin/env python3
"""Backups of real clusters under load, restored into clusters of other sizes."""

import os
import subprocess
import threading
import time
import unittest

import nodes
import server
import wire
from load import Client
from nodes import Cluster, nobody
from server import folder

LONG_TTL = 600_000
VALUE = "v" * 20_000


def tool(*words):
    """Exit code, output and errors of `holdfast WORDS`."""
    done = subprocess.run([server.BINARY, *words], env=server.environment(), capture_output=True,
                          text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


def at(cluster, node):
    return "--server", cluster.endpoints()[node]


def fill(connection, count):
    for i in range(count):
        connection.send("SET", f"filled{i}", f"{i}:{VALUE}")
    for _ in range(count):
        if connection.receive() != b"OK":
            raise AssertionError("not written")


def kept_so_far(clients):
    """Keys whose SET was acknowledged by now; the clients go on meanwhile."""
    return {key for client in clients for key, fate in list(client.journal.kept.items())
            if fate == "done"}


class Backups(unittest.TestCase):
    def make(self, cluster, node, path):
        code, output, errors = tool("backup", "--to", path, *at(cluster, node))
        self.assertEqual(code, 0, errors)
        return output

    def refuse(self, what, *words):
        code, output, errors = tool(*words)
        self.assertEqual(code, 1, output + errors)
        self.assertIn(what, errors)

    # --- Under load, into clusters of other sizes -------------------------------------------

    def test_a_backup_under_load(self):
        with folder() as parent:
            path = os.path.join(parent, "backup")
            with Cluster(3) as cluster:
                promised = self.backup_under_load(cluster, path)
            with Cluster(1) as one:
                self.restore_and_verify(one, path, promised)
            with Cluster(3) as three:
                self.restore_and_verify(three, path, promised)

    def backup_under_load(self, cluster, path):
        stop = threading.Event()
        clients = [Client(i, "load:", cluster.addresses(), stop) for i in range(4)]
        for client in clients:
            client.start()
        connection = cluster.connect(0)
        fill(connection, 500)
        promised = {
            "held": connection.call("LOCK.ACQUIRE", "long", "its owner", "TTL", LONG_TTL),
            "once": connection.call("ONCE", "an id", "INCR", "counted once"),
        }
        connection.call("SET", "ends", "x", "PX", LONG_TTL)
        connection.call("GUARD", "long", promised["held"][0], "SET", "guarded", "x")
        # Somebody waits; nobody may wait in what is restored.
        waiting = cluster.connect(1)
        waiting.send("LOCK.ACQUIRE", "long", "another", "TTL", LONG_TTL, "WAIT", 100_000)
        time.sleep(2)
        promised["kept"] = kept_so_far(clients)
        promised["count"] = max((count for client in clients for count in list(client.journal.counts)),
                                default=0)
        follower = (cluster.wait_for_leader() + 1) % 3
        self.make(cluster, follower, path)
        time.sleep(0.5)
        stop.set()
        for client in clients:
            client.join()
        waiting.close()
        promised["tokens"] = {grant.token for client in clients for grant in client.journal.grants}
        for client in clients:
            self.assertEqual(client.journal.problems, [])
        self.assertGreater(len(promised["kept"]), 10)
        self.assertGreater(len(promised["tokens"]), 5)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        self.assertEqual(os.listdir(os.path.dirname(path)), ["backup"])
        return promised

    def restore_and_verify(self, cluster, path, promised):
        cluster.wait_for_roster()
        nodes_before = cluster.roster(0)
        code, output, errors = tool("restore", path, *at(cluster, 0))
        self.assertEqual(code, 0, errors)
        self.assertIn("held locks", output)
        cluster.wait_until_level()
        self.assertEqual(cluster.info(0)["holdfast_restore"], "none")
        for node in cluster.nodes():
            connection = cluster.connect(node)
            self.verify_keys(connection, promised)
            self.assertEqual(connection.call("ONCE", "an id", "INCR", "counted once"),
                             promised["once"])
            self.verify_lock(connection, promised["held"])
        token = connection.call("LOCK.ACQUIRE", "yard", "new", "TTL", 1000)
        if token is not None:  # a lock that the load held may still be held
            self.assertGreater(token[0], max(promised["tokens"]))
        fresh = connection.call("LOCK.ACQUIRE", "a fresh one", "new", "TTL", 1000)[0]
        self.assertGreater(fresh, max(promised["tokens"]))
        self.assertGreater(fresh, 1_600_000_000_000_000)  # microseconds since 1970, some years ago
        self.assertLess(fresh, 1 << 53)
        self.assertEqual(len(cluster.roster(0)), len(nodes_before))
        # What was restored survives like anything else.
        cluster.kill(*cluster.nodes())
        for node in cluster.nodes():
            cluster.start(node)
        cluster.wait_for_leader()
        self.verify_keys(cluster.connect(0), promised)
        self.verify_lock(cluster.connect(0), promised["held"])
        again = cluster.connect(0).call("LOCK.ACQUIRE", "another fresh one", "new", "TTL", 1000)[0]
        self.assertGreater(again, fresh)

    def verify_keys(self, connection, promised):
        kept = sorted(promised["kept"])
        for begin in range(0, len(kept), 500):
            some = kept[begin:begin + 500]
            self.assertEqual(connection.call("MGET", *some), [key.encode() for key in some])
        self.assertEqual(connection.call("GET", "filled499"), f"499:{VALUE}".encode())
        self.assertGreaterEqual(int(connection.call("GET", "load:count")), promised["count"])
        self.assertGreater(connection.call("PTTL", "ends"), LONG_TTL * 0.7)
        self.assertLessEqual(connection.call("PTTL", "ends"), LONG_TTL)

    def verify_lock(self, connection, held):
        self.assertEqual(connection.call("LOCK.CHECK", "long", held[0]), 1)
        self.assertIsNone(connection.call("LOCK.ACQUIRE", "long", "a third", "TTL", 1000))
        same = connection.call("LOCK.ACQUIRE", "long", "its owner", "TTL", LONG_TTL)
        self.assertEqual(same[0], held[0])
        self.assertGreater(same[1], LONG_TTL * 0.7)
        self.assertLessEqual(same[1], LONG_TTL)
        with self.assertRaises(wire.ErrorReply):
            connection.call("GUARD", "long", held[0] - 1, "SET", "guarded", "older")

    # --- What is refused changes nothing -----------------------------------------------------

    def test_files_that_are_not_whole(self):
        with folder() as parent, Cluster(1) as cluster:
            path = os.path.join(parent, "backup")
            connection = cluster.connect(0)
            fill(connection, 20)
            self.make(cluster, 0, path)
            self.refuse("is there already", "backup", "--to", path, *at(cluster, 0))
            connection.call("SET", "mine", "1")
            applied = cluster.info(0)["holdfast_applied_index"]
            with open(path, "rb") as file:
                good = file.read()
            bad = os.path.join(parent, "bad")

            def refused(what, content):
                with open(bad, "wb") as file:
                    file.write(content)
                self.refuse(what, "restore", bad, "--replace", *at(cluster, 0))

            refused("damaged", good[:100] + bytes([good[100] ^ 1]) + good[101:])
            middle = len(good) // 2
            refused("damaged", good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1:])
            for length in (20, middle, len(good) - 1):
                refused("ends too early", good[:length])
            refused("damaged", good + b"x")
            refused("knows up to 1", good[:8] + b"\x02" + good[9:])
            refused("no backup of Holdfast's", b"REDIS0009" + good)
            refused("no backup of Holdfast's", b"")
            self.refuse("cannot open", "restore", bad + "missing", *at(cluster, 0))
            self.assertEqual(cluster.info(0)["holdfast_applied_index"], applied)
            self.assertEqual(connection.call("GET", "mine"), b"1")

            self.refuse("NOTEMPTY", "restore", path, *at(cluster, 0))
            self.assertEqual(connection.call("GET", "mine"), b"1")
            self.assertEqual(tool("restore", path, "--check", *at(cluster, 0))[0], 0)
            self.assertEqual(connection.call("GET", "mine"), b"1")
            self.refuse("no restore is under way", "restore", "--abandon", *at(cluster, 0))
            self.assertEqual(connection.call("GET", "mine"), b"1")

    def test_replacing_what_there_is(self):
        with folder() as parent, Cluster(1) as cluster:
            path = os.path.join(parent, "backup")
            connection = cluster.connect(0)
            connection.call("SET", "old", "1")
            self.make(cluster, 0, path)
            connection.call("SET", "new", "1")
            held = connection.call("LOCK.ACQUIRE", "new lock", "me", "TTL", LONG_TTL)
            waiting = cluster.connect(0)
            waiting.send("LOCK.ACQUIRE", "new lock", "other", "TTL", 1000, "WAIT", 60_000)
            self.wait(lambda: cluster.info(0)["blocked_clients"] == "1")
            code, _, errors = tool("restore", path, "--replace", *at(cluster, 0))
            self.assertEqual(code, 0, errors)
            self.assertIsNone(waiting.receive())
            self.assertEqual(connection.call("MGET", "old", "new"), [b"1", None])
            self.assertEqual(connection.call("LOCK.CHECK", "new lock", held[0]), 0)
            self.assertGreater(connection.call("LOCK.ACQUIRE", "new lock", "me", "TTL", 1000)[0],
                               held[0])

    # --- Interrupted --------------------------------------------------------------------------

    def test_an_interrupted_restore_goes_on(self):
        with folder() as parent:
            path = os.path.join(parent, "backup")
            with Cluster(1) as source:
                for _ in range(3):
                    fill(source.connect(0), 1000)
                self.make(source, 0, path)
            with Cluster(3) as cluster:
                self.interrupt(cluster, path)
                with self.assertRaises(wire.ErrorReply) as refused:
                    cluster.connect(1).call("GET", "filled0")
                self.assertEqual(refused.exception.kind(), "LOADING")
                self.refuse("not finished", "backup", "--to", path + "2", *at(cluster, 1))
                # While it goes on, the leader dies.
                again = self.restoring(cluster, path)
                self.wait(lambda: self.pieces(cluster) > 30 or again.poll() is not None)
                leader = cluster.wait_for_leader()
                cluster.kill(leader)
                self.assertEqual(again.wait(60), 0, again.stderr.read())
                again.stderr.close()
                cluster.start(leader)
                cluster.wait_until_level()
                for node in cluster.nodes():
                    self.assertEqual(cluster.connect(node).call("DBSIZE"), 1000)
                    self.assertEqual(cluster.connect(node).call("GET", "filled999"),
                                     f"999:{VALUE}".encode())

    def test_a_restore_that_is_given_up(self):
        with folder() as parent:
            path = os.path.join(parent, "backup")
            with Cluster(1) as source:
                fill(source.connect(0), 1000)
                self.make(source, 0, path)
            with Cluster(1) as cluster:
                self.interrupt(cluster, path)
                code, _, errors = tool("restore", "--abandon", *at(cluster, 0))
                self.assertEqual(code, 0, errors)
                connection = cluster.connect(0)
                self.assertEqual(connection.call("DBSIZE"), 0)
                self.assertEqual(connection.call("SET", "a", "1"), b"OK")

    def restoring(self, cluster, path):
        leader = cluster.wait_for_leader()
        return subprocess.Popen(
            [server.BINARY, "restore", path, *at(cluster, (leader + 1) % len(cluster.ports))],
            env=server.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            preexec_fn=nodes.die_with_parent)

    def interrupt(self, cluster, path):
        process = self.restoring(cluster, path)
        self.wait(lambda: self.pieces(cluster) > 2)
        process.kill()
        process.wait()
        process.stderr.close()
        self.assertNotEqual(cluster.info(0)["holdfast_restore"], "none", "it was too quick")

    def pieces(self, cluster):
        """How many the first node that answers has applied."""
        for node in cluster.nodes():
            text = cluster.info(node).get("holdfast_restore", "")
            if " of " in text:
                return int(text.split(" ")[0])
        return -1

    # --- And else -------------------------------------------------------------------------------

    def test_with_a_password(self):
        with folder() as parent, Cluster(1) as cluster:
            path = os.path.join(parent, "backup")
            cluster.connect(0).call("CONFIG", "SET", "requirepass", "secret")
            self.refuse("NOAUTH", "backup", "--to", path, *at(cluster, 0))
            self.assertEqual(os.listdir(parent), [])
            words = ("--password", "secret", *at(cluster, 0))
            self.assertEqual(tool("backup", "--to", path, *words)[0], 0)
            self.refuse("NOAUTH", "restore", path, "--wait", "1", *at(cluster, 0))
            self.assertEqual(tool("restore", path, *words)[0], 0)
            with self.assertRaises(wire.ErrorReply):
                cluster.connect(0).call("GET", "a")  # the password is still asked for

    def test_nobody_there(self):
        with folder() as parent, nobody() as server:
            path = os.path.join(parent, "backup")
            self.refuse("cannot connect", "backup", "--to", path, "--server", server, "--wait", "1")
            self.assertEqual(os.listdir(parent), [])

    def test_a_node_that_has_no_majority(self):
        with folder() as parent, Cluster(3) as cluster:
            path = os.path.join(parent, "backup")
            cluster.kill(1, 2)
            self.refuse("No backup was made", "backup", "--to", path, "--wait", "1", *at(cluster, 0))
            self.assertEqual(os.listdir(parent), [])
            cluster.start(1)
            cluster.start(2)
            cluster.wait_for_leader()

    def wait(self, condition):
        deadline = time.monotonic() + 30
        while not condition():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)


if __name__ == "__main__":
    unittest.main(warnings="ignore")
