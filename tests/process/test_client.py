#!/usr/bin/env python3
"""The client library against real nodes whose leader is killed: each promise of include/holdfast/."""

import os
import random
import signal
import subprocess
import threading
import time
import unittest

import nodes
import wire
from nodes import Cluster
from server import BINARY, SLOWDOWN

PROBE = os.path.join(os.path.dirname(os.path.abspath(BINARY)), "tests", "process", "client_probe")
PATIENCE = 60


class Probe:
    """A program of its own; what it says, line by line."""

    def __init__(self, servers, *words):
        self.process = subprocess.Popen([PROBE, servers, *map(str, words)], stdout=subprocess.PIPE,
                                        stdin=subprocess.PIPE, text=True,
                                        preexec_fn=nodes.die_with_parent)
        self.said = []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.said.append(line.rstrip("\n"))

    def line(self):
        """The next line that line() has not given yet; "" at the end."""
        deadline = time.monotonic() + PATIENCE
        while not self.said and self.reader.is_alive() and time.monotonic() < deadline:
            time.sleep(0.005)
        return self.said.pop(0) if self.said else ""

    def rest(self):
        self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        return self.said

    def end(self):
        self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stdin.close()
        self.process.stdout.close()


class ClientLibrary(unittest.TestCase):
    def setUp(self):
        self.cluster = self.enterContext(Cluster(3))
        self.servers = ",".join(self.cluster.endpoints())

    def probe(self, *words, servers=None):
        probe = Probe(servers or self.servers, *words)
        self.addCleanup(probe.end)
        return probe

    def call(self, *words):
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                connection = self.cluster.connect(random.choice(list(self.cluster.processes)))
                try:
                    return connection.call(*words)
                finally:
                    connection.close()
            except (OSError, EOFError) as error:
                if time.monotonic() > deadline:
                    raise error

    def kill_leaders_while(self, probes, lines, rounds=4):
        """Kills the leader and starts it again, `rounds` times, spread evenly over the `lines` that
        the probes will say together: so each death meets work, however fast it goes."""
        for killed in range(1, rounds + 1):
            self.wait_for_lines(probes, lines * killed // (rounds + 1))
            leader = self.cluster.wait_for_leader()
            self.cluster.kill(leader)
            self.cluster.wait_for_leader()
            self.cluster.start(leader)
        return rounds

    def wait_for_lines(self, probes, lines):
        deadline = time.monotonic() + PATIENCE
        while sum(len(probe.said) for probe in probes) < lines:
            self.assertLess(time.monotonic(), deadline, f"not {lines} lines in {PATIENCE} s")
            time.sleep(0.002)

    def test_counts_exactly_through_deaths_of_the_leader(self):
        probes = [self.probe("count", "exact", 1500) for _ in range(3)]
        killed = self.kill_leaders_while(probes, 4500)
        lines = [line for probe in probes for line in probe.rest()]
        self.assertEqual([line for line in lines if not line.startswith("sum ")], [])
        sums = sorted(int(line.split()[1]) for line in lines)
        self.assertEqual(sums, list(range(1, 4501)), "each number was given to one addition")
        self.assertEqual(self.call("GET", "exact"), b"4500")
        print(f"4500 additions through {killed} deaths of the leader: each counted once")

    def test_a_plain_write_tells_what_it_does_not_know(self):
        probes = [self.probe("plain", "plain", 1500) for _ in range(3)]
        killed = self.kill_leaders_while(probes, 4500)
        lines = [line.split() for probe in probes for line in probe.rest()]
        done = sum(line[0] == "sum" for line in lines)
        unknown = sum(line[:2] == ["failed", "unknown"] for line in lines)
        value = int(self.call("GET", "plain"))
        self.assertGreaterEqual(value, done)
        self.assertLessEqual(value, done + unknown)
        print(f"{done} done, {unknown} unknown, {4500 - done - unknown} not done, {value} counted, "
              f"{killed} deaths of the leader")

    def test_never_two_holders(self):
        probes = [self.probe("take", "door", 25, 20) for _ in range(4)]
        killed = self.kill_leaders_while(probes, 100)
        lines = [line for probe in probes for line in probe.rest()]
        self.assertEqual([line for line in lines if not line.startswith("held ")], [])
        holds = sorted((int(words[1]), float(words[2]), float(words[3]))
                       for words in (line.split() for line in lines))
        self.assertEqual(len(holds), 100)
        for (fence, _, until), (later, begins, _) in zip(holds, holds[1:]):
            self.assertLess(fence, later)
            self.assertLessEqual(until, begins, f"fence {later} was held before {fence} had ended")
        print(f"{len(holds)} holds through {killed} deaths of the leader, one after the other")

    def hold(self, name, ttl_ms):
        holder = self.probe("hold", name, ttl_ms)
        words = holder.line().split()
        self.assertEqual(words[0], "acquired", words)
        return holder, int(words[1])

    def test_is_told_when_somebody_else_takes_it_away(self):
        holder, token = self.hold("door", 3000)
        began = time.monotonic()
        self.assertEqual(self.call("LOCK.RELEASE", "door", token), 1)
        said = holder.line()
        self.assertRegex(said, "^lost gone LOST ")
        self.assertLess(time.monotonic() - began, 2.5, "a third of the TTL, not all of it")

    def test_is_told_when_no_node_is_left(self):
        holder, _ = self.hold("door", 2000)
        began = time.monotonic()
        self.cluster.kill(*self.cluster.nodes())
        said = holder.line()
        self.assertRegex(said, "^lost gone .*was not confirmed in time")
        self.assertLess(time.monotonic() - began, 2.5)
        for node in self.cluster.nodes():
            self.cluster.start(node)
        self.cluster.wait_for_leader()

    def test_is_told_when_its_nodes_are_stopped(self):
        holder, _ = self.hold("door", 2000)
        began = time.monotonic()
        for node in self.cluster.nodes():
            self.cluster.pause(node)
        try:
            said = holder.line()
            self.assertRegex(said, "^lost gone .*was not confirmed in time")
            self.assertLess(time.monotonic() - began, 2.5)
        finally:
            for node in self.cluster.nodes():
                self.cluster.resume(node)

    def test_one_node_that_is_stopped_is_no_loss(self):
        ttl = 5 * min(SLOWDOWN, 2)  # seconds; within it the others have to elect one of them
        holder, token = self.hold("door", ttl * 1000)
        leader = self.cluster.wait_for_leader()
        self.cluster.pause(leader)
        time.sleep(2 * ttl + 1)
        try:
            self.assertEqual(holder.said, [])
            self.assertIsNone(holder.process.poll())
            other = next(node for node in self.cluster.nodes() if node != leader)
            connection = self.cluster.connect(other)
            self.assertEqual(connection.call("LOCK.CHECK", "door", token), 1)
        finally:
            self.cluster.resume(leader)

    def test_a_holder_that_was_stopped_knows_it_at_once(self):
        holder, token = self.hold("door", 1000)
        holder.process.send_signal(signal.SIGSTOP)
        second = self.call("LOCK.ACQUIRE", "door", "second", "TTL", "60000", "WAIT", "20000")
        self.assertGreater(second[0], token)
        holder.process.send_signal(signal.SIGCONT)
        self.assertRegex(holder.line(), "^lost gone ")
        self.assertEqual(self.call("LOCK.CHECK", "door", second[0]), 1, "and took nothing away")

    def test_who_waits_through_a_node_that_is_stopped_waits_on_through_another(self):
        token = self.call("LOCK.ACQUIRE", "door", "first", "TTL", "120000")[0]
        waiter = self.probe("take", "door", 1, 1)  # through the leader, which clients go to
        deadline = time.monotonic() + PATIENCE
        while not self.call("LOCK.INFO", "door")[8]:
            self.assertLess(time.monotonic(), deadline, "it does not wait")
        leader = self.cluster.wait_for_leader()
        self.cluster.pause(leader)
        try:
            other = next(node for node in self.cluster.nodes() if node != leader)
            connection = self.cluster.connect(other, timeout=PATIENCE)
            began = time.monotonic()
            while True:
                try:
                    self.assertEqual(connection.call("LOCK.RELEASE", "door", token), 1)
                    break
                except wire.ErrorReply as error:
                    self.assertIn(error.kind(), ("NOLEADER", "UNKNOWN"))
            words = waiter.line().split()
            self.assertEqual((words[0], words[-1]), ("held", "released"), words)
            self.assertLess(time.monotonic() - began, 30)
        finally:
            self.cluster.resume(leader)

    # --- sessions

    def session(self, key, ttl_ms):
        deadline = time.monotonic() + PATIENCE
        while True:  # a young cluster does not know them yet
            probe = self.probe("session", key, ttl_ms)
            words = probe.line().split()
            if words[0] == "opened":
                return probe, int(words[1])
            self.assertLess(time.monotonic(), deadline, words)
            time.sleep(0.1)

    def wait_until_gone(self, key, seconds):
        deadline = time.monotonic() + seconds
        while self.call("EXISTS", key):
            self.assertLess(time.monotonic(), deadline, f"{key} is there after {seconds} s")
            time.sleep(0.02)

    def test_a_session_is_kept_through_deaths_of_the_leader_and_closed_with_its_keys(self):
        probe, _ = self.session("worker:7", 2000)
        for _ in range(3):
            leader = self.cluster.wait_for_leader()
            self.cluster.kill(leader)
            self.cluster.wait_for_leader()
            self.cluster.start(leader)
            time.sleep(1.5)
        self.assertEqual(self.call("GET", "worker:7"), b"here")
        self.assertIsNone(probe.process.poll())
        probe.process.stdin.write("\n")
        probe.process.stdin.flush()
        self.assertEqual(probe.line(), "closed")
        self.assertEqual(self.call("EXISTS", "worker:7"), 0)

    def test_the_keys_of_a_session_end_with_the_process_that_kept_it(self):
        probe, number = self.session("worker:8", 1000)
        time.sleep(2.5)
        self.assertEqual(self.call("EXISTS", "worker:8"), 1, "it is kept")
        probe.process.kill()
        self.wait_until_gone("worker:8", 5)
        self.assertIsNone(self.call("SESSION.INFO", number))

    def test_a_session_that_somebody_closes_is_lost(self):
        probe, number = self.session("worker:9", 3000)
        began = time.monotonic()
        self.assertEqual(self.call("SESSION.CLOSE", number), 1)
        self.assertRegex(probe.line(), "^lost LOST ")
        self.assertLess(time.monotonic() - began, 2.5, "a third of the TTL, not all of it")

    def test_a_session_that_was_stopped_is_lost_at_once(self):
        probe, _ = self.session("worker:10", 1000)
        probe.process.send_signal(signal.SIGSTOP)
        self.wait_until_gone("worker:10", 8)
        probe.process.send_signal(signal.SIGCONT)
        self.assertRegex(probe.line(), "^lost ")

    def test_a_client_outlives_its_only_seed(self):
        leader = self.cluster.wait_for_leader()
        seed = next(node for node in self.cluster.nodes() if node != leader)
        probe = self.probe("count", "seed", 2000, servers=self.cluster.endpoints()[seed])
        self.assertEqual(probe.line(), "sum 1")
        self.cluster.kill(seed, leader)
        self.cluster.start(leader)  # two of three, and the seed is not among them
        lines = probe.rest()
        self.assertEqual(lines[-1], "sum 2000")
        self.cluster.start(seed)


if __name__ == "__main__":
    unittest.main(warnings="ignore")
