#!/usr/bin/env python3
"""The HTTP port of real nodes: /live, /ready with its reasons, /metrics in Prometheus' text format."""

import re
import shutil
import socket
import subprocess
import sys
import time
import unittest
import urllib.error
import urllib.request

import nodes
from nodes import Cluster
from server import Server, folder, refused

METRIC = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"'
SAMPLE = re.compile(rf"({METRIC})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (\S+)")


def get(port, path):
    """Status and body."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def raw(port, data):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(data)
        answer = b""
        while part := connection.recv(65536):
            answer += part
        return answer


def family_of(name, types):
    """A histogram's samples have names of their own."""
    for suffix in ("_bucket", "_sum", "_count"):
        base = name.removesuffix(suffix)
        if base != name and types.get(base) == "histogram":
            return base
    return name


def parse(text):
    """{(name, ((label, value), …)): number}; whatever a strict reader would object to is an error."""
    assert text.endswith("\n"), "the last line has no end"
    types, values, order = {}, {}, []
    for line in text.splitlines():
        if line.startswith("# "):
            word, name, rest = line[2:].split(" ", 2)
            assert word in ("HELP", "TYPE") and re.fullmatch(METRIC, name), line
            if word == "HELP":
                assert name not in order, f"{name} comes twice"
                assert not re.search(r"\\(?![\\n])", rest), line
                order.append(name)
            else:
                assert order[-1] == name and name not in types, line
                assert rest in ("counter", "gauge", "histogram"), line
                assert (rest == "counter") == name.endswith("_total"), line
                types[name] = rest
            continue
        match = SAMPLE.fullmatch(line)
        assert match, f"not a sample: {line!r}"
        name, labels = match[1], tuple(re.findall(LABEL, match[2] or ""))
        assert family_of(name, types) == order[-1] and order[-1] in types, f"{line} is out of place"
        assert (name, labels) not in values, f"{line} comes twice"
        values[name, labels] = float(match[match.lastindex])
    check_histograms(types, values)
    return values


def check_histograms(types, values):
    for family in (name for name, kind in types.items() if kind == "histogram"):
        rows = {}
        for (name, labels), value in values.items():
            if name == family + "_bucket":
                rest = tuple(label for label in labels if label[0] != "le")
                rows.setdefault(rest, []).append((float(dict(labels)["le"]), value))
        for rest, steps in rows.items():
            assert steps == sorted(steps), f"{family}: bounds in order, counts that do not fall"
            assert [count for _, count in steps] == sorted(count for _, count in steps), family
            assert steps[-1][0] == float("inf")
            assert steps[-1][1] == values[family + "_count", rest]
            assert values[family + "_sum", rest] >= 0


def value(values, name, **labels):
    return values[name, tuple(labels.items())]


class Reader(unittest.TestCase):
    """The reader above objects to what is wrong, or it would prove nothing."""

    def test_objections(self):
        head = "# HELP a_total x\n# TYPE a_total counter\n"
        self.assertEqual(parse(head + 'a_total{b="\\""} 1\n'), {("a_total", (("b", '\\"'),)): 1})
        for text in (head + "a_total 1", head + "a_total 1\na_total 2\n", "a 1\n", head + "b 1\n",
                     head + "a_total{b=1} 1\n", "# HELP a x\n# TYPE a counter\na 1\n",
                     head + "a_total x y\n", head + head + "a_total 1\n",
                     "# HELP h x\n# TYPE h histogram\n"
                     'h_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n'):
            with self.assertRaises((AssertionError, ValueError, IndexError), msg=text):
                parse(text)


class Health(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(3, flags=["--segment-bytes", "1048576",
                                        "--snapshot-after-bytes", "65536"]).__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__(None, None, None)

    def http(self, node):
        return self.cluster.ports[node] + 1000

    def await_ready(self, node, status, word):
        deadline = time.monotonic() + 20
        while True:
            answer = get(self.http(node), "/ready")
            if answer[0] == status and word in answer[1]:
                return
            self.assertLess(time.monotonic(), deadline, answer)
            time.sleep(0.05)

    def metrics(self, node):
        status, text = get(self.http(node), "/metrics")
        self.assertEqual(status, 200)
        return parse(text)

    def test_a_node_of_a_healthy_cluster(self):
        for node in self.cluster.nodes():
            self.await_ready(node, 200, "ready")
            self.assertEqual(get(self.http(node), "/live"), (200, "live\n"))
        self.assertEqual(get(self.http(0), "/else")[0], 404)

    def test_without_a_leader_a_node_lives_and_is_not_ready(self):
        self.cluster.wait_until_level()
        others = [1, 2]
        for node in others:
            self.cluster.pause(node)
        try:
            self.await_ready(0, 503, "no leader is known")
            self.assertEqual(get(self.http(0), "/live"), (200, "live\n"))
            self.assertEqual(value(self.metrics(0), "holdfast_ready"), 0)
        finally:
            for node in others:
                self.cluster.resume(node)
        self.await_ready(0, 200, "ready")

    def test_a_draining_node_is_not_ready(self):
        leader = self.cluster.wait_for_leader()
        node = (leader + 1) % 3
        number = self.cluster.info(node)["holdfast_node"]
        connection = self.cluster.connect(leader)
        connection.call("HOLDFAST", "DRAIN", number)
        try:
            self.await_ready(node, 503, "draining")
        finally:
            connection.call("HOLDFAST", "DRAIN", number, "OFF")
            connection.close()
        self.await_ready(node, 200, "ready")

    def test_commands_syncs_and_lag_are_counted(self):
        leader = self.cluster.wait_for_leader()
        before = self.metrics(leader)
        connection = self.cluster.connect(leader)
        for i in range(300):
            connection.call("SET", f"key-{i % 10}", "x" * 1000)
        for _ in range(7):
            with self.assertRaises(Exception):
                connection.call("INCR", "key-1")
        connection.close()
        self.cluster.wait_until_level()
        after = self.metrics(leader)

        def grew(name, **labels):
            row = (name, tuple(labels.items()))
            return after[row] - before.get(row, 0)
        self.assertEqual(grew("holdfast_commands_total", command="set"), 300)
        self.assertEqual(grew("holdfast_command_duration_seconds_count", command="set"), 300)
        self.assertGreater(grew("holdfast_command_duration_seconds_sum", command="set"), 0)
        self.assertEqual(grew("holdfast_commands_failed_total", command="incr"), 7)
        self.assertEqual(grew("holdfast_errors_total", kind="ERR"), 7)
        self.assertGreaterEqual(grew("holdfast_log_sync_duration_seconds_count"), 100)
        self.assertGreaterEqual(grew("holdfast_commit_index"), 300)
        self.assertGreaterEqual(grew("holdfast_snapshots_total"), 1)
        self.assertEqual(value(after, "holdfast_role", role="leader"), 1)
        self.assertGreaterEqual(value(after, "holdfast_leader_changes_total"), 1)
        lags = [number for (name, _), number in after.items() if name == "holdfast_replica_lag_entries"]
        self.assertEqual(len(lags), 2)
        self.assertGreater(value(after, "process_resident_memory_bytes"), 1 << 20)
        self.assertAlmostEqual(value(after, "process_start_time_seconds"), time.time(), delta=120)

    def test_promtool_finds_nothing_to_object_to(self):
        if shutil.which("promtool") is None:
            print("SKIP: promtool check metrics: promtool is not installed (Debian: prometheus)")
            self.skipTest("no promtool")
        for node in self.cluster.nodes():
            text = get(self.http(node), "/metrics")[1]
            done = subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                                  capture_output=True, timeout=30)
            self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_garbage_is_refused_and_harms_nobody(self):
        port = self.http(0)
        self.assertTrue(raw(port, b"*1\r\n$4\r\nPING\r\n\r\n\r\n").startswith(b"HTTP/1.1 400 "))
        self.assertTrue(raw(port, b"POST /ready HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 405 "))
        self.assertTrue(raw(port, b"x" * 100_000).startswith(b"HTTP/1.1 431 "))
        self.assertTrue(raw(port, b"GET /live HT").startswith(b"HTTP/1.1 408 "))
        waiting = [socket.create_connection(("127.0.0.1", port)) for _ in range(64)]
        self.assertTrue(raw(port, b"").startswith(b"HTTP/1.1 503 "))
        for connection in waiting:
            connection.close()
        self.await_ready(0, 200, "ready")


class Starting(unittest.TestCase):
    def test_off_is_off_and_another_port_is_another_port(self):
        port, other = nodes.free_ports(2)
        with folder() as data, Server("--listen", f"127.0.0.1:{port}", "--data", data,
                                      "--http-listen", f"127.0.0.1:{other}") as server:
            server.wait_until_ready()
            self.assertEqual(get(other, "/ready")[0], 200)
            with self.assertRaises(OSError):
                get(port + 1000, "/live")
        with folder() as data, Server("--listen", f"127.0.0.1:{port}", "--data", data,
                                      "--http-listen", "off") as server:
            server.wait_until_ready()
            with self.assertRaises(OSError):
                get(port + 1000, "/live")

    def test_a_port_in_use_is_said_at_the_start(self):
        port, other = nodes.free_ports(2)
        with socket.create_server(("127.0.0.1", other)), folder() as data:
            code, errors = refused("--listen", f"127.0.0.1:{port}", "--data", data,
                                   "--http-listen", f"127.0.0.1:{other}")
        self.assertEqual(code, 1)
        self.assertIn(f"port {other} is in use", errors)
        self.assertIn("--http-listen", errors)

    def test_who_waits_for_its_cluster_lives_and_is_not_ready(self):
        port, other = nodes.free_ports(2)
        with folder() as data, Server("--listen", f"127.0.0.1:{port}", "--data", data, "--join",
                                      f"127.0.0.1:{port},127.0.0.1:{other}"):
            deadline = time.monotonic() + 20
            while True:
                try:
                    status, text = get(port + 1000, "/ready")
                    break
                except OSError:
                    self.assertLess(time.monotonic(), deadline)
                    time.sleep(0.05)
            self.assertEqual((status, "not part of a cluster yet" in text), (503, True))
            self.assertEqual(get(port + 1000, "/live"), (200, "live\n"))
            parse(get(port + 1000, "/metrics")[1])


if __name__ == "__main__":
    sys.exit(unittest.main())
