#!/usr/bin/env python3
"""`holdfast bench --history`: real nodes, killed and stopped under load, judged by the checkers that
the simulator uses; and the history read again here, by rules of our own.

The checkers are then given the same history with something changed in it, and must object.
"""

import collections
import contextlib
import glob
import json
import os
import random
import re
import signal
import subprocess
import tempfile
import time
import unittest

from nodes import Cluster, nobody
from server import BINARY

SECONDS = 10
FIELDS = {"client", "connection", "place", "op", "key", "arg", "ret", "call_ns", "return_ns", "ended"}
OPERATIONS = {"read", "write", "cas", "add", "once_add", "erase", "write_ttl", "insert", "read_all",
              "acquire", "renew", "release", "check", "look", "guarded_write", "throttle", "latch_down",
              "latch_wait", "pair_write", "feed_read",
              "cache_get", "cache_fill", "cache_put", "cache_drop"}


def bench(*flags, timeout=120):
    """Exit code, what it printed, what it said on stderr."""
    done = subprocess.run([BINARY, "bench", *map(str, flags)], capture_output=True, text=True,
                          timeout=timeout, check=False)
    return done.returncode, done.stdout, done.stderr


def read_history(path):
    with open(path, encoding="ascii") as file:
        return [json.loads(line) for line in file]


def amount(operation):
    return int(operation["arg"].split(" ")[-1])


def processes_in(folder):
    """Commands that run now and name the folder."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        with contextlib.suppress(OSError), open(path, "rb") as file:
            words = file.read().decode(errors="replace").split("\0")
            if "server" in words and any(word.startswith(folder) for word in words):
                found.append(words)
    return found


class Disturbed(unittest.TestCase):
    """One run of three nodes, two kills and a pause, looked at from all sides."""

    @classmethod
    def setUpClass(cls):
        context = tempfile.TemporaryDirectory(prefix="holdfast-test-")
        cls.folder = context.__enter__()
        cls.addClassCleanup(context.__exit__, None, None, None)
        cls.path = os.path.join(cls.folder, "history.jsonl")
        cls.data = os.path.join(cls.folder, "data")
        code, out, errors = bench("--history", cls.path, "--start", 3, "--data", cls.data,
                                  "--seconds", SECONDS, "--kills", 2, "--pauses", 1, "--pause-ms", 700,
                                  "--clients", 6, "--pipeline", 3, "--seed", 11, "--json")
        if code != 0:
            raise AssertionError(f"exit code {code}\n{out}\n{errors}")
        cls.report = json.loads(out)
        cls.history = read_history(cls.path)

    # --- What was done ----------------------------------------------------------------------

    def test_report(self):
        report = self.report
        kinds = collections.Counter(one["kind"] for one in report["disturbances"])
        self.assertEqual(kinds, {"kill": 2, "pause": 1})
        for one in report["disturbances"]:
            self.assertIn(one["node"], (1, 2, 3))
            self.assertLess(one["from_ms"], one["to_ms"])
            self.assertLess(one["from_ms"], SECONDS * 1000)
        self.assertEqual(report["objections"], [])
        self.assertTrue(report["judged"])
        self.assertEqual(report["history_operations"], len(self.history))
        self.assertGreater(report["operations"], 500)
        self.assertAlmostEqual(report["operations_per_second"], report["operations"] / SECONDS,
                               delta=report["operations"] / SECONDS * 0.2)
        latency = report["latency_ms"]
        self.assertLessEqual(0, latency["p50"])
        self.assertLessEqual(latency["p50"], latency["p99"])
        self.assertLessEqual(latency["p99"], latency["p99.9"])
        self.assertLessEqual(latency["p99.9"], latency["max"])
        self.assertGreater(report["longest_outage_ms"], 0)
        self.assertLess(report["longest_outage_ms"], SECONDS * 1000)
        self.assertGreater(report["connections"], 6, "clients of a killed node come back")

    def test_no_process_is_left_and_the_folder_named_is(self):
        self.assertEqual(processes_in(self.data), [])
        for node in (1, 2, 3):
            self.assertTrue(os.path.isdir(os.path.join(self.data, str(node))))
            self.assertTrue(os.path.isfile(os.path.join(self.data, f"{node}.log")))

    # --- The history, by rules of our own ---------------------------------------------------

    def test_fields(self):
        for operation in self.history:
            self.assertEqual(set(operation), FIELDS)
            self.assertIn(operation["op"], OPERATIONS)
            self.assertIn(operation["ended"], ("ok", "fail", "unknown"))
            self.assertLessEqual(operation["call_ns"], operation["return_ns"])
            for name in ("client", "connection", "place", "call_ns", "return_ns"):
                self.assertIsInstance(operation[name], int)
        seen = {operation["op"] for operation in self.history}
        self.assertEqual(seen, OPERATIONS, "some of everything")

    def test_counters_count(self):
        """Between what was acknowledged and that plus what is unknown; no answer twice; never down."""
        counters = collections.defaultdict(list)
        for operation in self.history:
            if operation["op"] in ("add", "once_add"):
                counters[operation["key"]].append(operation)
        self.assertGreater(len(counters), 8)
        last_reads = self.last_reads()
        for key, operations in counters.items():
            done = [o for o in operations if o["ended"] == "ok"]
            open_ = [o for o in operations if o["ended"] == "unknown"]
            low = sum(map(amount, done))
            high = low + sum(map(amount, open_))
            self.assertEqual(len(last_reads[key]), 3, "read through each node in the end")
            for value in last_reads[key]:
                self.assertTrue(low <= int(value or 0) <= high, f"{key}: {low} <= {value} <= {high}")
            answers = [int(o["ret"]) for o in done]
            self.assertEqual(len(answers), len(set(answers)), f"{key}: an answer was given twice")
            # What had returned before another was asked counts less.
            done.sort(key=lambda o: o["return_ns"])
            highest, returned = 0, iter(done)
            following = next(returned, None)
            for operation in sorted(done, key=lambda o: o["call_ns"]):
                while following and following["return_ns"] < operation["call_ns"]:
                    highest = max(highest, int(following["ret"]))
                    following = next(returned, None)
                self.assertGreaterEqual(int(operation["ret"]), highest + amount(operation), operation)

    def test_once_counts_once(self):
        ids = [o["arg"].split(" ")[0] for o in self.history if o["op"] == "once_add"]
        self.assertEqual(len(ids), len(set(ids)), "repeats are one operation")

    def test_tokens_grow(self):
        grants = collections.defaultdict(dict)
        for operation in self.history:
            if operation["op"] == "acquire" and operation["ended"] == "ok" and operation["ret"]:
                owner, token = operation["arg"].split(" ")[0], int(operation["ret"].split(" ")[0])
                held = grants[operation["key"]].setdefault(token, owner)
                self.assertEqual(held, owner, "a token is one owner's")
        self.assertGreater(sum(map(len, grants.values())), 10)

    def last_reads(self):
        reads = collections.defaultdict(list)
        for operation in self.history:
            if operation["client"] >= 6 and operation["op"] == "read" and operation["ended"] == "ok":
                reads[operation["key"]].append(operation["ret"])
        return reads

    # --- The checkers, on what is true and what is not --------------------------------------

    def judge(self, history):
        path = os.path.join(self.folder, "judged.jsonl")
        with open(path, "w", encoding="ascii") as file:
            for operation in history:
                file.write(json.dumps(operation) + "\n")
        return bench("--judge", path)

    def test_what_was_seen_is_accepted_again(self):
        code, out, _ = self.judge(self.history)
        self.assertEqual(code, 0, out)
        self.assertIn("nothing to object to", out)

    def object(self, choose, change):
        """Changes one operation of those that `choose` names, by a seed; the judge must object."""
        history = [dict(operation) for operation in self.history]
        chosen = random.Random(5).choice([o for o in history if choose(o)])
        change(chosen)
        code, out, _ = self.judge(history)
        self.assertEqual(code, 1, f"accepted: {chosen}\n{out}")
        self.assertIn("VIOLATION", out)
        return out

    def test_a_lost_count_is_seen(self):
        out = self.object(lambda o: o["op"] == "add" and o["ended"] == "ok",
                          lambda o: o.update(ret=str(int(o["ret"]) + 1)))
        self.assertRegex(out, r"bench\.[0-9a-f]+\.c[0-9]", "it names the key")

    def test_a_value_from_nowhere_is_seen(self):
        self.object(lambda o: o["op"] == "read" and re.search(r"\.r\d+$", o["key"]) and
                    o["ended"] == "ok" and o["ret"], lambda o: o.update(ret="stranger"))

    def test_a_lost_element_is_seen(self):
        def lose(operation):
            elements = operation["ret"].split(" ")
            del elements[len(elements) // 2 - 1]
            operation["ret"] = " ".join(elements)
        self.object(lambda o: o["op"] == "read_all" and o["ended"] == "ok" and
                    o["ret"].count(" ") > 3, lose)

    def test_a_second_holder_is_seen(self):
        """Somebody was refused, but says that he was granted the token before his."""
        granted = [o for o in self.history if o["op"] == "acquire" and o["ret"]]
        first = min(granted, key=lambda o: int(o["ret"].split(" ")[0]))
        self.object(lambda o: o["op"] == "acquire" and o["ret"] and o["key"] == first["key"] and
                    o["arg"].split(" ")[0] != first["arg"].split(" ")[0],
                    lambda o: o.update(ret=first["ret"]))

    def test_not_a_history(self):
        path = os.path.join(self.folder, "broken.jsonl")
        with open(self.path, encoding="ascii") as whole, open(path, "w", encoding="ascii") as file:
            file.write(whole.readline() + '{"client":0}\n')
        code, _, errors = bench("--judge", path)
        self.assertEqual(code, 2)
        self.assertRegex(errors, r"broken\.jsonl: .*line 2")


class Loads(unittest.TestCase):
    def test_load_of_a_given_cluster_leaves_nothing_behind(self):
        with Cluster(3) as cluster:
            connection = cluster.connect(0)
            connection.call("SET", "mine", "1")
            code, out, errors = bench("--servers", ",".join(cluster.endpoints()), "--seconds", 2,
                                      "--clients", 4, "--json")
            self.assertEqual(code, 0, out + errors)
            report = json.loads(out)
            self.assertGreater(report["operations"], 100)
            self.assertFalse(report["judged"])
            self.assertGreater(report["longest_outage_ms"], 0)
            self.assertEqual(connection.call("KEYS", "*"), [b"mine"])

    def test_nobody_there(self):
        with nobody() as server:
            code, _, errors = bench("--servers", server, "--seconds", 1)
        self.assertEqual(code, 3)
        self.assertIn(server, errors)
        self.assertIn("--start", errors)

    def test_password(self):
        with Cluster(1) as cluster:
            cluster.connect(0).call("CONFIG", "SET", "requirepass", "sesame")
            flags = ("--servers", cluster.endpoints()[0], "--seconds", 1, "--mix", "write=1,lock=1")
            code, _, errors = bench(*flags)
            self.assertEqual(code, 3)
            self.assertIn("NOAUTH", errors)
            self.assertIn("--password", errors)
            code, out, errors = bench(*flags, "--password", "sesame", "--json")
            self.assertEqual(code, 0, out + errors)
            self.assertGreater(json.loads(out)["operations"], 10)

    def test_usage(self):
        for flags in (["--kills", "1"], ["--mix", "reads=1"], ["--servers", "x"], ["--clients", "0"],
                      ["--judge", "a", "--history", "b"], ["--judge", "/no/such/file"],
                      ["--history", "/no/such/folder/x"], ["--start", "3", "--servers", "a:1"]):
            code, _, errors = bench(*flags)
            self.assertEqual(code, 2, f"{flags}: {errors}")
            self.assertTrue(errors.strip(), flags)

    def test_interrupted(self):
        """SIGINT ends the load early; what was seen by then is written and judged."""
        with tempfile.TemporaryDirectory(prefix="holdfast-test-") as folder:
            path = os.path.join(folder, "history.jsonl")
            process = subprocess.Popen(
                [BINARY, "bench", "--history", path, "--start", "3", "--data",
                 os.path.join(folder, "data"), "--seconds", "600", "--json"],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            try:
                self.wait_for_load(process, folder)
                process.send_signal(signal.SIGINT)
                out, errors = process.communicate(timeout=60)
            finally:
                process.kill()
            self.assertEqual(process.returncode, 0, out + errors)
            self.assertGreater(len(read_history(path)), 10)
            self.assertEqual(processes_in(folder), [])

    def test_killed_it_leaves_no_nodes(self):
        with tempfile.TemporaryDirectory(prefix="holdfast-test-") as folder:
            process = subprocess.Popen(
                [BINARY, "bench", "--start", "3", "--data", os.path.join(folder, "data"),
                 "--seconds", "600"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            try:
                self.wait_for_load(process, folder)
                self.assertEqual(len(processes_in(folder)), 3)
            finally:
                process.kill()
                process.communicate()
            deadline = time.monotonic() + 10
            while processes_in(folder):
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.02)

    def wait_for_load(self, process, folder):
        """Until a node's log says that there is a leader; then a little longer."""
        deadline = time.monotonic() + 60
        logs = os.path.join(folder, "data", "*.log")
        while not any("lead" in open(path, errors="replace").read() for path in glob.glob(logs)):
            if process.poll() is not None:
                self.fail(f"it ended with {process.returncode}: {process.stderr.read()}")
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        time.sleep(1.5)


if __name__ == "__main__":
    unittest.main(warnings="ignore")
