#!/usr/bin/env python3
"""`holdfast watch`, over real nodes whose leader dies: keys of a prefix, holders of a name."""

import json
import os
import subprocess
import tempfile
import threading
import time
import unittest

import nodes
from nodes import Cluster
from server import BINARY
from wire import ErrorReply

PATIENCE = 30


class Watch:
    """`holdfast watch --json`, running; what it says, a line at a time."""

    def __init__(self, servers, *words):
        self.process = subprocess.Popen([BINARY, "watch", "--json", "--server", servers, *words],
                                        text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, preexec_fn=nodes.die_with_parent)
        self.said = []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.said.append(json.loads(line))

    def wait_for_lines(self, count):
        deadline = time.monotonic() + PATIENCE
        while len(self.said) < count:
            if time.monotonic() > deadline:
                raise AssertionError(f"{len(self.said)} lines, not {count}: {self.said[-3:]}")
            time.sleep(0.01)
        return self.said[:count]

    def begun(self):
        """The position at which a watch of keys begins."""
        return json.loads(self.process.stderr.readline())["position"]

    def end(self):
        """Exit code and errors, of a watch that ends by itself."""
        code = self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        return code, self.process.stderr.read()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stdout.close()
        self.process.stderr.close()


class WatchCommand(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(3).__enter__()
        cls.addClassCleanup(cls.cluster.__exit__, None, None, None)
        deadline = time.monotonic() + PATIENCE
        while True:  # a young cluster does not know feeds yet
            try:
                cls.call("FEED.DECLARE", "w:", "RETAIN", "BYTES", "16777216")
                return
            except ErrorReply:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def setUp(self):
        self.servers = ",".join(self.cluster.endpoints())
        self.name = self.id().rsplit(".", 1)[1]
        self.prefix = f"w:{self.name}:"
        self.folder = self.enterContext(tempfile.TemporaryDirectory(prefix="holdfast-test-"))

    @classmethod
    def call(cls, *words):
        connection = cls.cluster.connect(cls.cluster.wait_for_leader(), timeout=PATIENCE)
        try:
            return connection.call(*words)
        finally:
            connection.close()

    def watch(self, *words, servers=None):
        watch = Watch(servers or self.servers, *words)
        self.addCleanup(watch.kill)
        return watch

    def kill_the_leader(self):
        leader = self.cluster.wait_for_leader()
        self.cluster.kill(leader)
        self.cluster.wait_for_leader()
        self.cluster.start(leader)
        self.cluster.wait_until_level()

    # --- keys

    def changes(self, lines):
        return [(line["operation"], line["key"].removeprefix(self.prefix), line["value"]) for line in lines]

    def test_each_change_is_a_line(self):
        watch = self.watch(self.prefix)
        watch.begun()
        self.call("SET", self.prefix + "a", "1")
        self.call("SET", "w:other", "x")
        self.call("SET", self.prefix + "b", "2", "PX", "60")
        self.call("DEL", self.prefix + "a")
        lines = self.changes(watch.wait_for_lines(5))
        self.assertEqual(lines[:2], [("set", "a", "1"), ("set", "b", "2")])
        self.assertEqual({(operation, key) for operation, key, _ in lines[2:]},
                         {("expire", "b"), ("del", "a"), ("expired", "b")})
        revisions = [line["revision"] for line in watch.said]
        self.assertEqual(revisions, sorted(set(revisions)))

    def test_for_people(self):
        self.call("SET", self.prefix + "a", "a value")
        done = subprocess.run([BINARY, "watch", "--server", self.servers, self.prefix, "--from", "oldest",
                               "--no-wait"], capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, rf"^\d+ +set +{self.prefix}a  a value\n$")

    def test_nothing_is_missed_or_told_twice_through_deaths_of_the_leader_and_new_starts(self):
        file = os.path.join(self.folder, "position")
        done = threading.Event()
        written = []

        def write():
            while not done.is_set():
                value = len(written)
                self.write_until_done(value)
                written.append(value)
                time.sleep(0.005)

        told = []
        first = self.watch(self.prefix, "--position", file)
        first.begun()
        writer = threading.Thread(target=write)
        writer.start()
        try:
            for _ in range(3):
                self.kill_the_leader()
            first.wait_for_lines(100)
            # Some are written while nobody watches.
            first.process.terminate()
            self.assertEqual(first.process.wait(PATIENCE), 0, "in order")
            first.reader.join(PATIENCE)
            told += [int(line["value"]) for line in first.said]
            time.sleep(0.3)
            second = self.watch(self.prefix, "--position", file)
            self.kill_the_leader()
            second.wait_for_lines(50)
        finally:
            done.set()
            writer.join()
        second.wait_for_lines(1)
        last = self.watch(self.prefix, "--position", file + ".none", "--from", "oldest", "--no-wait")
        self.assertEqual(last.end()[0], 0)
        everything = [int(line["value"]) for line in last.said]
        second.wait_for_lines(len(everything) - len(told))
        told += [int(line["value"]) for line in second.said]
        # A write without an answer is repeated, and may be a change twice; the feed has it twice then.
        self.assertEqual(told, everything)
        self.assertEqual(sorted(set(told)), written)

    def write_until_done(self, value):
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                connection = self.cluster.connect(value % 3, timeout=PATIENCE)
                try:
                    connection.call("SET", self.prefix + "n", value)
                    return
                finally:
                    connection.close()
            except (OSError, EOFError, ErrorReply):
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.05)

    def test_ends_after_as_many_lines_as_were_asked_for_and_goes_on_behind_them(self):
        for value in range(10):
            self.call("SET", self.prefix + "n", value)
        file = os.path.join(self.folder, "position")
        for values in ((0, 1, 2, 3), (4, 5, 6, 7)):
            watch = self.watch(self.prefix, "--from", "oldest", "--position", file, "--count", "4")
            self.assertEqual(watch.end()[0], 0)
            self.assertEqual([int(line["value"]) for line in watch.said], list(values))

    def test_what_has_been_forgotten_is_said(self):
        self.call("FEED.DECLARE", "short:", "RETAIN", "ENTRIES", "1")
        position = self.call("FEED.READ", "0", "MATCH", "short:")[0].decode()
        for value in range(5000):
            self.call("SET", "short:n", "x" * 2000)
            if value % 500 == 0 and self.call("FEED.INFO", "short:")[4].decode() != position:
                break
        watch = self.watch("short:", "--from", position)
        code, errors = watch.end()
        self.assertEqual(code, 76, errors)
        self.assertEqual(json.loads(errors)["event"], "compacted")
        self.call("FEED.DROP", "short:")

    def test_what_is_refused(self):
        code, errors = self.watch("none:").end()
        self.assertEqual(code, 1, errors)
        self.assertIn("FEED.DECLARE", errors)
        code, errors = self.watch(self.prefix, "--from", "yesterday").end()
        self.assertEqual(code, 1, errors)
        file = os.path.join(self.folder, "no", "position")
        code, errors = self.watch(self.prefix, "--position", file).end()
        self.assertEqual(code, 1, errors)

    def test_usage(self):
        for words in ((), ("a:", "--lock", "b"), ("--lock", "a", "--election", "b"),
                      ("--lock", "a", "--from", "oldest"), ("--lock", "a", "--position", "f"),
                      ("a:", "--count", "-1"), ("a:", "--no-such-flag"), ("a:", "--cacert", "x")):
            code, errors = self.watch(*words).end()
            self.assertEqual(code, 2, (words, errors))
            self.assertTrue(errors, words)

    def test_no_server(self):
        server = self.enterContext(nodes.nobody())
        for words in ((self.prefix,), ("--lock", "a"), ("--election", "a")):
            code, errors = self.watch(*words, servers=server).end()
            self.assertEqual(code, 75, errors)
            self.assertEqual(json.loads(errors)["event"], "unreachable")

    # --- holders

    def events(self, lines):
        return [(line["event"], line.get("owner"), line.get("reason")) for line in lines]

    def test_who_holds_a_lock(self):
        watch = self.watch("--lock", self.name)
        self.assertEqual(self.events(watch.wait_for_lines(1)), [("free", None, None)])
        token = self.call("LOCK.ACQUIRE", self.name, "ann", "TTL", "60000")[0]
        held = watch.wait_for_lines(2)[1]
        self.assertEqual((held["lock"], held["event"], held["owner"], held["token"], held["fence"]),
                         (self.name, "held", "ann", token, token))
        self.assertEqual(self.call("LOCK.RELEASE", self.name, token), 1)
        self.call("LOCK.ACQUIRE", self.name, "bea", "TTL", "2500", "WAIT", "1000")
        lines = self.events(watch.wait_for_lines(5))
        self.assertEqual(lines[2:], [("released", "ann", None), ("held", "bea", None),
                                     ("lost", "bea", "expired")])

    def test_losses_are_told_though_their_holders_were_never_seen(self):
        watch = self.watch("--lock", self.name)
        watch.wait_for_lines(1)
        for turn in range(3):  # the same owner would be told of the same grant
            self.call("LOCK.ACQUIRE", self.name, f"short {turn}", "TTL", "10", "WAIT", "5000")
        lost = []
        deadline = time.monotonic() + PATIENCE
        while len(lost) < 3 and time.monotonic() < deadline:
            lost = [line["token"] for line in list(watch.said) if line["event"] == "lost"]
            time.sleep(0.02)
        self.assertEqual(len(lost), 3)
        self.assertEqual(lost, sorted(set(lost)))

    def test_who_has_permits(self):
        watch = self.watch("--semaphore", self.name, "--count", "3")
        self.assertEqual(self.events(watch.wait_for_lines(1)), [("free", None, None)])
        self.call("SEM.ACQUIRE", self.name, "ann", "LIMIT", "3", "PERMITS", "2", "TTL", "60000")
        watch.wait_for_lines(2)
        self.call("SEM.ACQUIRE", self.name, "bea", "LIMIT", "3", "TTL", "60000")
        self.assertEqual(watch.end()[0], 0)
        self.assertEqual([(line["owner"], line["permits"]) for line in watch.said[1:]],
                         [("ann", 2), ("bea", 1)])

    def test_every_change_of_an_election_through_the_death_of_the_leader(self):
        watch = self.watch("--election", self.name)
        self.assertEqual(self.events(watch.wait_for_lines(1)), [("vacant", None, None)])
        expected = 1
        tokens = []
        for turn in range(20):
            token = self.call("ELECT.CAMPAIGN", self.name, f"c{turn}", "TTL", "60000")[0]
            self.assertEqual(self.call("ELECT.RESIGN", self.name, token), 1)
            tokens.append(token)
            expected += 2
        lines = watch.wait_for_lines(expected)[1:]
        self.assertEqual([(line["event"], line["token"]) for line in lines],
                         [(event, token) for token in tokens for event in ("elected", "vacant")])
        self.kill_the_leader()
        token = self.call("ELECT.CAMPAIGN", self.name, "last", "TTL", "1500")[0]
        lines = watch.wait_for_lines(expected + 2)[expected:]
        self.assertEqual([(line["event"], line["token"]) for line in lines],
                         [("elected", token), ("vacant", token)])
        self.assertEqual(lines[1]["reason"], "expired")

    def test_how_it_is_and_no_more(self):
        self.call("LOCK.ACQUIRE", self.name, "ann", "TTL", "60000")
        watch = self.watch("--lock", self.name, "--no-wait")
        self.assertEqual(watch.end(), (0, ""))
        self.assertEqual(self.events(watch.said), [("held", "ann", None)])


if __name__ == "__main__":
    unittest.main(warnings="ignore")
