#!/usr/bin/env python3
"""`holdfast lock` and `holdfast inspect`, over real nodes, with signals, kills and pauses."""

import json
import os
import re
import signal
import subprocess
import tempfile
import time
import unittest

import nodes
from certificates import Authority
from nodes import Cluster
from server import BINARY, Server
from wire import ErrorReply

PATIENCE = 30


def begin():
    """A tool as if from a terminal: whoever runs the tests may have its hang-ups ignored."""
    nodes.die_with_parent()
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


class Lock:
    """`holdfast lock`, running."""

    def __init__(self, servers, *words, stdin=subprocess.DEVNULL, tool="lock"):
        self.process = subprocess.Popen([BINARY, tool, "--server", servers, *words], text=True,
                                        stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        preexec_fn=begin)

    def line(self):
        return self.process.stdout.readline().rstrip("\n")

    def end(self):
        """Exit code, the rest of the output, errors."""
        out, errors = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out, errors

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_for(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"in vain: {what}")
        time.sleep(0.02)


class LockCommand(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(3).__enter__()
        cls.addClassCleanup(cls.cluster.__exit__, None, None, None)
        wait_for(cls.level_has_risen, "the level of semaphores")

    @classmethod
    def level_has_risen(cls):
        connection = cls.cluster.connect(cls.cluster.wait_for_leader(), timeout=PATIENCE)
        try:
            connection.call("SEM.ACQUIRE", "level", "me", "LIMIT", "1", "TTL", "1000")
            return True
        except ErrorReply:
            return False
        finally:
            connection.close()

    def setUp(self):
        self.servers = ",".join(self.cluster.endpoints())
        self.name = self.id().rsplit(".", 1)[1]
        self.folder = self.enterContext(tempfile.TemporaryDirectory(prefix="holdfast-test-"))

    def lock(self, *words, servers=None, tool="lock"):
        lock = Lock(servers or self.servers, self.name, *words, tool=tool)
        self.addCleanup(lock.kill)
        return lock

    def run_lock(self, *words, servers=None, tool="lock"):
        return self.lock(*words, servers=servers, tool=tool).end()

    def call(self, *words):
        connection = self.cluster.connect(self.cluster.wait_for_leader(), timeout=PATIENCE)
        try:
            return connection.call(*words)
        finally:
            connection.close()

    def inspect(self, *words):
        done = subprocess.run([BINARY, "inspect", "--server", self.cluster.endpoints()[0], self.name,
                               *words], capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def holder(self):
        info = json.loads(self.inspect("--json"))["info"]
        return info if info and info["held"] else None

    # --- the usual

    def test_runs_the_command_with_token_and_fence(self):
        code, out, errors = self.run_lock("--", "sh", "-c", "echo $HOLDFAST_TOKEN $HOLDFAST_FENCE; exit 7")
        self.assertEqual((code, errors), (7, ""))
        token, fence = map(int, out.split())
        self.assertEqual(token, fence)
        info = self.call("LOCK.INFO", self.name)
        self.assertEqual((info[0], info[7]), (0, token), "given back")

    def test_those_who_share_a_lock_run_at_once(self):
        script = ("--shared", "--", "sh", "-c", "echo $HOLDFAST_FENCE; exec sleep 60")
        first, second = self.lock(*script), self.lock(*script)
        self.assertEqual(first.line(), second.line(), "one fence")
        code, _, errors = self.run_lock("--", "true")
        self.assertEqual(code, 75, errors)
        self.assertIn("shared   by 2", self.inspect())

    def test_runs_the_command_with_permits(self):
        script = "echo $HOLDFAST_TOKEN-$HOLDFAST_FENCE; exec sleep 60"
        held = self.lock("--limit", "2", "--", "sh", "-c", script, tool="sem")
        self.assertRegex(held.line(), r"^[0-9]+-$")
        code, _, errors = self.run_lock("--limit", "2", "--permits", "2", "--", "true", tool="sem")
        self.assertEqual(code, 75, errors)
        code, _, errors = self.run_lock("--limit", "3", "--", "true", tool="sem")
        self.assertEqual(code, 75)
        self.assertIn("has the limit 2", errors)
        code, out, errors = self.run_lock("--limit", "2", "--", "echo", "through", tool="sem")
        self.assertEqual((code, out, errors), (0, "through\n", ""))
        code, _, errors = self.run_lock("--limit", "2", "--permits", "3", "--", "true", tool="sem")
        self.assertEqual(code, 2, errors)

    def test_runs_the_command_while_leading(self):
        leader = self.lock("--", "sh", "-c", "echo leads; read never", tool="elect")
        self.assertEqual(leader.line(), "leads")
        self.assertEqual(leader.end()[0], 1, "it read nothing")
        first = self.lock("--", "sh", "-c", "echo leads; exec sleep 60", tool="elect")
        self.assertEqual(first.line(), "leads")
        second = self.lock("--wait", "20s", "--", "echo", "leads", tool="elect")
        wait_for(lambda: self.call("ELECT.INFO", self.name)[6], "a candidate")
        first.process.terminate()
        self.assertEqual(second.end()[:2], (0, "leads\n"))

    def test_passes_input_output_and_a_death_by_signal(self):
        lock = Lock(self.servers, self.name, "--", "cat", stdin=subprocess.PIPE)
        self.addCleanup(lock.kill)
        out, _ = lock.process.communicate("through\n", timeout=PATIENCE)
        self.assertEqual((lock.process.returncode, out), (0, "through\n"))
        code, _, _ = self.run_lock("--", "sh", "-c", "kill -USR1 $$")
        self.assertEqual(code, 128 + signal.SIGUSR1)

    def test_a_command_that_cannot_be_run(self):
        code, _, errors = self.run_lock("--", "no-such-command-here")
        self.assertEqual(code, 127)
        self.assertIn("cannot run no-such-command-here", errors)
        self.assertEqual(self.run_lock("--", self.folder)[0], 126)
        self.assertIsNone(self.holder(), "given back all the same")

    def test_usage(self):
        for words in ((), ("--",), ("--ttl", "10", "--", "true"), ("--ttl", "50ms", "--", "true"),
                      ("--wait", "-1s", "--", "true"), ("--grace", "6s", "--", "true"),
                      ("--cacert", "x", "--", "true"), ("--no-such-flag", "--", "true")):
            code, out, errors = self.run_lock(*words)
            self.assertEqual((code, out), (2, ""), words)
            self.assertTrue(errors, words)

    def test_not_acquired(self):
        self.call("LOCK.ACQUIRE", self.name, "other", "TTL", "60000")
        marker = os.path.join(self.folder, "ran")
        began = time.monotonic()
        code, _, errors = self.run_lock("--wait", "300ms", "--", "touch", marker)
        self.assertEqual(code, 75)
        self.assertIn("not free within 300 ms", errors)
        self.assertGreater(time.monotonic() - began, 0.3)
        self.assertFalse(os.path.exists(marker))

    def test_no_server_is_not_acquired(self):
        with nodes.nobody() as server:
            code, _, errors = self.run_lock("--", "true", servers=server)
        self.assertEqual(code, 75)
        self.assertIn("no server was reached", errors)

    def test_waits_in_the_queue(self):
        first = self.lock("--", "sh", "-c", "echo in; exec sleep 100")
        self.assertEqual(first.line(), "in")
        second = self.lock("--wait", "1m", "--", "echo", "second")
        wait_for(lambda: len(json.loads(self.inspect("--json"))["info"]["waiters"]) == 1, "it waits")
        first.process.terminate()
        self.assertEqual(first.end()[0], 128 + signal.SIGTERM, "forwarded")
        self.assertEqual(second.end()[:2], (0, "second\n"))

    def test_json(self):
        code, out, errors = self.run_lock("--json", "--", "echo", "out")
        self.assertEqual((code, out), (0, "out\n"))
        events = [json.loads(line) for line in errors.splitlines()]
        self.assertEqual([event["event"] for event in events], ["acquired", "released"])
        self.assertEqual(events[0]["name"], self.name)
        self.assertEqual(events[0]["ttl_ms"], 10_000)
        self.assertGreater(events[0]["fence"], 0)

    # --- signals

    def test_signals_are_forwarded(self):
        script = "trap 'echo got hup' HUP; trap 'echo got term; exit 3' TERM; echo in; " \
                 "while true; do sleep 0.05; done"
        lock = self.lock("--", "bash", "-c", script)
        self.assertEqual(lock.line(), "in")
        lock.process.send_signal(signal.SIGHUP)
        self.assertEqual(lock.line(), "got hup")
        lock.process.send_signal(signal.SIGTERM)
        self.assertEqual(lock.line(), "got term")
        self.assertEqual(lock.end()[0], 3)

    def test_the_command_dies_with_a_holder_that_is_killed(self):
        lock = self.lock("--ttl", "2s", "--", "sh", "-c", "echo $$; exec sleep 100")
        pid = int(lock.line())
        lock.process.kill()
        wait_for(lambda: not is_alive(pid), "the command of a killed holder ends")
        token = self.call("LOCK.ACQUIRE", self.name, "next", "TTL", "1000", "WAIT", "10000")
        self.assertIsNotNone(token, "and its lock ends by itself")

    # --- loss

    def assert_lost(self, lock):
        code, _, errors = lock.end()
        self.assertEqual(code, 76, errors)
        return errors

    def test_lost_then_terminated(self):
        lock = self.lock("--ttl", "3s", "--", "bash", "-c",
                         "trap 'echo asked; exit 0' TERM; echo in; while true; do sleep 0.05; done")
        self.assertEqual(lock.line(), "in")
        self.assertEqual(self.call("LOCK.RELEASE", self.name, str(self.holder()["token"])), 1)
        self.assertEqual(lock.line(), "asked")
        self.assertIn("LOST", self.assert_lost(lock))

    def test_lost_then_killed_with_all_that_it_started(self):
        # A grandchild in a session of its own, whose parent has gone, and which will not hear.
        deaf = "trap '' TERM; echo $$; while true; do sleep 0.05; done"
        with open(os.path.join(self.folder, "deaf"), "w") as file:
            file.write(deaf)
        script = f"(setsid bash {self.folder}/deaf &); {deaf}"
        lock = self.lock("--ttl", "2s", "--grace", "500ms", "--", "bash", "-c", script)
        pids = [int(lock.line()), int(lock.line())]
        token = self.holder()["token"]
        self.assertEqual(self.call("LOCK.RELEASE", self.name, str(token)), 1)
        self.assert_lost(lock)
        for pid in pids:
            self.assertFalse(is_alive(pid))

    def test_a_holder_that_was_stopped_ends_its_command(self):
        lock = self.lock("--ttl", "1s", "--", "sh", "-c", "echo $$; exec sleep 100")
        pid = int(lock.line())
        lock.process.send_signal(signal.SIGSTOP)
        time.sleep(3)  # three TTLs
        second = self.call("LOCK.ACQUIRE", self.name, "second", "TTL", "60000", "WAIT", "10000")
        self.assertIsNotNone(second)
        lock.process.send_signal(signal.SIGCONT)
        self.assert_lost(lock)
        self.assertFalse(is_alive(pid))
        self.assertEqual(self.call("LOCK.CHECK", self.name, str(second[0])), 1, "the second one's stays")

    def test_inspect(self):
        self.assertIn("nobody", self.inspect())
        self.assertIsNone(json.loads(self.inspect("--json"))["info"])
        lock = self.lock("--value", "the nightly", "--", "sh", "-c", "echo in; exec sleep 100")
        self.assertEqual(lock.line(), "in")
        waiter = self.cluster.connect(0, timeout=PATIENCE)
        waiter.send("LOCK.ACQUIRE", self.name, "patience", "TTL", "1000", "WAIT", "60000")
        wait_for(lambda: "patience" in self.inspect(), "it is shown who waits")
        text = self.inspect()
        for pattern in (rf"lock +{self.name}\n", rf"holder +\S+:{lock.process.pid}:", "value +the nightly",
                        r"since +20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC", r"left +[0-9.]+m?s\n",
                        r"token +\d+ +fence \d+", r"waiting +1\n"):
            self.assertRegex(text, pattern)
        lock.process.terminate()
        self.assertEqual(waiter.receive()[3], b"exclusive")
        waiter.call("LOCK.RELEASE", self.name, re.search(r"\d+", str(self.holder()["token"]))[0])
        self.assertIn("was the last", self.inspect())
        waiter.close()

    def test_inspect_of_a_semaphore_and_an_election(self):
        self.assertIn("nobody", self.inspect("--semaphore"))
        self.assertIn("nobody", self.inspect("--election"))
        token = self.call("SEM.ACQUIRE", self.name, "ann", "LIMIT", "3", "PERMITS", "2", "TTL", "60000")[0]
        text = self.inspect("--semaphore")
        self.assertIn("limit    3, 2 held", text)
        self.assertRegex(text, rf"holder +ann, 2 permits, token {token}, since .* left")
        info = json.loads(self.inspect("--semaphore", "--json"))["info"]
        self.assertEqual((info["limit"], info["holders"][0]["owner"]), (3, "ann"))

        token = self.call("ELECT.CAMPAIGN", self.name, "bea", "TTL", "60000")[0]
        waiting = self.lock("--wait", "20s", "--", "true", tool="elect")
        wait_for(lambda: "waiting  1" in self.inspect("--election"), "a candidate is shown")
        self.assertIn("leader   bea", self.inspect("--election"))
        self.assertEqual(self.call("ELECT.FORCE", self.name), 1)
        self.assertEqual(waiting.end()[0], 0)
        self.assertRegex(self.inspect("--election"), rf"lost .* bea, token {token}: forced")
        info = json.loads(self.inspect("--election", "--json"))["info"]
        self.assertEqual((info["held"], info["losses"][0]["owner"]), (0, "bea"))
        done = subprocess.run([BINARY, "inspect", self.name, "--semaphore", "--election"],
                              capture_output=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, 2)


class LockThroughFailures(unittest.TestCase):
    def test_the_leader_dies_and_the_command_goes_on(self):
        with Cluster(3) as cluster:
            lock = Lock(",".join(cluster.endpoints()), "door", "--ttl", "6s", "--", "sh", "-c",
                        "echo in; sleep 8; echo done")
            self.addCleanup(lock.kill)
            self.assertEqual(lock.line(), "in")
            leader = cluster.wait_for_leader()
            cluster.kill(leader)
            self.assertEqual(lock.line(), "done")
            code, _, errors = lock.end()
            self.assertEqual((code, errors), (0, ""))
            cluster.start(leader)

    # With nobody to ask, the command has ended before anybody else can hold the lock.
    def test_all_nodes_die_and_the_command_ends_in_time(self):
        with Cluster(3) as cluster:
            lock = Lock(",".join(cluster.endpoints()), "door", "--ttl", "4s", "--grace", "1s", "--",
                        "bash", "-c", "trap '' TERM; echo in; while true; do sleep 0.05; done")
            self.addCleanup(lock.kill)
            self.assertEqual(lock.line(), "in")
            began = time.monotonic()
            cluster.kill(*cluster.nodes())
            code, _, errors = lock.end()
            self.assertEqual(code, 76)
            self.assertIn("could not be renewed", errors)
            # It was renewed, or granted, after it was seen to run: at most a TTL before now.
            self.assertLess(time.monotonic() - began, 4.5)
            for node in cluster.nodes():
                cluster.start(node)
            cluster.wait_for_leader()

    # Its only seed dies; the TLS ports of the others are as far from their plain ones as the seed's.
    def test_over_tls_the_others_are_found_too(self):
        folder = self.enterContext(tempfile.TemporaryDirectory(prefix="holdfast-test-"))
        authority = Authority(folder)
        own, mine = authority.issue("server"), authority.issue("client")
        distance = 5000
        cluster = Cluster(3, flags=("--tls-cert-file", own.cert, "--tls-key-file", own.key,
                                    "--tls-ca-cert-file", authority.cert))
        cluster.own_flags = lambda node: ("--tls-port", str(cluster.ports[node] + distance))
        with cluster:
            leader = cluster.wait_for_leader()
            seed = f"127.0.0.1:{cluster.ports[leader] + distance}"
            lock = Lock(seed, "door", "--ttl", "6s", "--tls", "--cacert", authority.cert, "--cert", mine.cert,
                        "--key", mine.key, "--", "sh", "-c", "echo in; sleep 8; echo done")
            self.addCleanup(lock.kill)
            self.assertEqual(lock.line(), "in")
            cluster.kill(leader)
            self.assertEqual(lock.line(), "done")
            code, _, errors = lock.end()
            self.assertEqual((code, errors), (0, ""))
            stranger = Lock(f"127.0.0.1:{cluster.ports[(leader + 1) % 3] + distance}", "door", "--tls",
                            "--", "true")
            self.addCleanup(stranger.kill)
            code, _, errors = stranger.end()
            self.assertEqual(code, 75)
            self.assertIn("certificate", errors)
            cluster.start(leader)

    def test_with_a_password(self):
        folder = self.enterContext(tempfile.TemporaryDirectory(prefix="holdfast-test-"))
        server = f"127.0.0.1:{nodes.free_ports(1)[0]}"
        with Server("--listen", server, "--data", os.path.join(folder, "data")) as node:
            node.wait_until_ready()
            self.assertEqual(node.call("CONFIG", "SET", "requirepass", "sesame"), b"OK")
            for words, code, said in ((("--password", "sesame"), 0, ""),
                                      (("--password", "wrong"), 75, "WRONGPASS"), ((), 75, "NOAUTH")):
                began = time.monotonic()
                lock = Lock(server, "door", *words, "--", "true")
                self.addCleanup(lock.kill)
                ended, _, errors = lock.end()
                self.assertEqual(ended, code, errors)
                self.assertIn(said, errors)
                self.assertLess(time.monotonic() - began, 5, "no patience helps against that")


if __name__ == "__main__":
    unittest.main(warnings="ignore")
