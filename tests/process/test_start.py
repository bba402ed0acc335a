#!/usr/bin/env python3
"""Starting and stopping: what works, and what is refused with one clear message."""

import glob
import os
import socket
import time
import unittest

import wire
from nodes import Cluster, free_ports
from server import BINARY, Server, folder, refused, run


def address(port):
    return f"127.0.0.1:{port}"


class OneNode(unittest.TestCase):
    def setUp(self):
        self.port = free_ports(1)[0]
        context = folder()
        self.parent = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        self.data = os.path.join(self.parent, "data")
        self.flags = ("--listen", address(self.port), "--data", self.data)

    def start(self, *more):
        server = Server(*self.flags, *more)
        self.addCleanup(server.kill)
        return server.wait_until_ready()

    def refuse(self, *parts, flags=None, code=1):
        """The server does not start; its one message names all the parts."""
        exit_code, errors = refused(*(flags or self.flags))
        self.assertEqual(exit_code, code, errors)
        last = errors.strip().splitlines()[-1]
        self.assertTrue(last.startswith("holdfast: "), errors)
        for part in parts:
            self.assertIn(part, last)

    def segments(self):
        return sorted(glob.glob(os.path.join(self.data, "log-*")))

    def test_starts_at_once_and_keeps_data(self):
        server = self.start()
        for i in range(100):
            server.call("SET", f"key{i}", f"value{i}")
        self.assertEqual(server.call("INCR", "counter"), 1)
        server.kill()
        server = self.start()
        self.assertEqual(server.call("GET", "key99"), b"value99")
        self.assertEqual(server.call("INCR", "counter"), 2)
        self.assertEqual(server.terminate()[0], 0)
        server = self.start()
        self.assertEqual(server.call("INCR", "counter"), 3)
        self.assertEqual(server.call("DBSIZE"), 102)

    def test_ends_quickly_when_asked(self):
        server = self.start()
        code, took = server.terminate()
        self.assertEqual(code, 0)
        self.assertLess(took, 1)

    def test_port_in_use(self):
        with socket.create_server(("127.0.0.1", self.port)):
            self.refuse(address(self.port), "in use")
        self.assertEqual(self.segments(), [], "nothing was begun")
        with socket.create_server(("127.0.0.1", self.port + 10000)):
            self.refuse(address(self.port + 10000), "in use", "--peer-port")

    def test_folder_that_cannot_be_made(self):
        self.refuse("does not exist", "--data",
                    flags=("--listen", address(self.port), "--data", self.data + "/no/such"))
        with open(self.data, "w") as file:
            file.write("a file")
        self.refuse(self.data)

    def test_folder_where_nobody_may_write(self):
        if not os.path.ismount("/sys"):
            print("SKIP: a folder that even root may not make: /sys is not mounted here")
            self.skipTest("/sys is not mounted here")
        self.refuse("cannot make the data folder /sys/holdfast-data",
                    flags=("--listen", address(self.port), "--data", "/sys/holdfast-data"))

    def test_folder_that_cannot_be_written(self):
        if os.geteuid() == 0:
            print("SKIP: a data folder that may not be written: root may write everywhere")
            self.skipTest("root may write everywhere")
        os.mkdir(self.data, 0o500)
        self.refuse(self.data, "cannot be written")

    def test_folder_of_somebody_else(self):
        os.mkdir(self.data)
        with open(os.path.join(self.data, "holiday.jpg"), "w") as file:
            file.write("sea")
        self.refuse("holiday.jpg", "not Holdfast's", "--data")
        self.assertEqual(sorted(os.listdir(self.data)), ["holiday.jpg", "lock"])

    def test_folder_without_its_identity(self):
        self.start().kill()
        os.remove(os.path.join(self.data, "identity"))
        self.refuse("identity", "Nothing has been changed")

    def test_folder_without_its_log(self):
        server = self.start()
        server.call("SET", "a", "1")
        server.kill()
        for segment in self.segments():
            os.remove(segment)
        self.refuse("log")

    def test_identity_with_a_flipped_bit(self):
        self.start().kill()
        flip(os.path.join(self.data, "identity"), 30)
        self.refuse("identity")

    def test_two_processes_one_folder(self):
        server = self.start()
        server.call("SET", "a", "1")
        other = free_ports(1)[0]
        self.refuse(self.data, flags=("--listen", address(other), "--data", self.data))
        self.assertEqual(server.call("GET", "a"), b"1")

    def test_port_of_a_single_node_may_change(self):
        server = self.start()
        server.call("SET", "a", "1")
        server.kill()
        self.flags = ("--listen", address(free_ports(1)[0]), "--data", self.data)
        self.assertEqual(self.start().call("GET", "a"), b"1")

    def test_an_open_door_must_be_wanted(self):
        flags = ("--listen", f"0.0.0.0:{self.port}", "--data", self.data)
        self.refuse("--bootstrap", flags=flags)
        with Server(*flags, "--bootstrap") as server:
            server.wait_until_ready()
        with Server(*flags) as server:
            server.wait_until_ready()  # the flag is for the first start

    def test_peers_do_not_leave_this_machine(self):
        self.refuse("loopback", flags=("--listen", f"0.0.0.0:{self.port}", "--data", self.data,
                                       "--join", f"0.0.0.0:{self.port},127.0.0.1:1", "--bootstrap"))

    def test_list_without_this_node_founds_nothing(self):
        server = Server(*self.flags, "--join", "127.0.0.1:1,127.0.0.1:2")
        self.addCleanup(server.kill)
        deadline = time.monotonic() + 10
        while "one of 127.0.0.1:1,127.0.0.1:2" not in server.errors():
            self.assertLess(time.monotonic(), deadline, server.errors())
            time.sleep(0.05)
        with self.assertRaises(wire.ErrorReply) as refusal:
            server.call("SET", "k", "v")
        self.assertEqual(refusal.exception.kind(), "NOLEADER")

    def test_list_with_a_node_twice(self):
        self.refuse("twice",
                    flags=(*self.flags, "--join", f"{address(self.port)},localhost:{self.port}"))


class DamagedLog(OneNode):
    """What was acknowledged is either there or its loss is said; never silently gone."""

    def written(self):
        server = self.start()
        for i in range(50):
            server.call("SET", f"key{i}", "x" * 1000)
        server.kill()

    def used(self):
        """The segment with data and the offset of its last byte that is not zero."""
        for segment in reversed(self.segments()):
            with open(segment, "rb") as file:
                data = file.read().rstrip(b"\0")
            if len(data) > 20_000:
                return segment, len(data)
        self.fail(f"no segment with data among {self.segments()}")

    def test_flipped_bit(self):
        self.written()
        segment, size = self.used()
        flip(segment, size // 2)
        before = {path: os.path.getsize(path) for path in self.segments()}
        self.refuse(os.path.basename(segment))
        self.refuse(os.path.basename(segment))
        self.assertEqual(before, {path: os.path.getsize(path) for path in self.segments()},
                         "corruption is never cut off")
        flip(segment, size // 2)
        self.assertEqual(self.start().call("DBSIZE"), 51)

    def test_torn_tail(self):
        # A crash in the middle of the last write: its last sectors never reached the disk.
        self.written()
        segment, size = self.used()
        with open(segment, "r+b") as file:
            file.seek(size // 512 * 512 - 512)
            file.write(b"\0" * 1024)
        server = self.start()
        self.assertGreaterEqual(server.call("DBSIZE"), 49)
        self.assertEqual(server.call("GET", "key48"), b"x" * 1000)


# Its own tests once are enough.
for name in [name for name in dir(OneNode) if name.startswith("test_")]:
    setattr(DamagedLog, name, None)


def flip(path, offset):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 0x10]))


class CommandLine(unittest.TestCase):
    def test_help_and_version(self):
        code, out, _ = run("--version")
        self.assertEqual((code, out.split()[0]), (0, "holdfast"))
        code, out, _ = run("--help")
        self.assertEqual(code, 0)
        self.assertIn("server", out)
        self.assertIn("status", out)
        code, out, _ = run("server", "--help")
        self.assertIn("--listen", out)

    def test_usage(self):
        for words in [(), ("nonsense",), ("server", "--nonsense"), ("server", "--listen"),
                      ("server", "--listen", "nowhere"), ("server", "--election-ms", "1"),
                      ("server", "--config", "/no/such/file")]:
            code, _, errors = run(*words)
            self.assertEqual(code, 2, words)
            self.assertTrue(errors, words)

    def test_where_settings_come_from(self):
        with folder() as parent:
            path = os.path.join(parent, "holdfast.toml")
            with open(path, "w") as file:
                file.write('listen = "127.0.0.1:1111"\nheartbeat-ms = 60\nelection_ms = 700\n'
                           'join = ["127.0.0.1:1111", "127.0.0.1:2"]\nprotected-mode = false\n')
            code, out, errors = run("server", "--config", path, "--print-config", "--listen",
                                    "127.0.0.1:3333", HOLDFAST_LISTEN="127.0.0.1:2222",
                                    HOLDFAST_HEARTBEAT_MS="80", HOLDFAST_BIN=BINARY)
            self.assertEqual((code, errors), (0, ""))
            for line in ['listen = "127.0.0.1:3333" # --listen', "peer-port = 13333 # default",
                         "heartbeat-ms = 80 # HOLDFAST_HEARTBEAT_MS",
                         f"election-ms = 700 # {path}:3", f"protected-mode = false # {path}:5",
                         f'join = "127.0.0.1:1111,127.0.0.1:2" # {path}:4',
                         "max-clients = 10000 # default", "loops = 1 # default"]:
                self.assertIn(line, " ".join(out.split()))
            # What is printed can be read.
            with open(path, "w") as file:
                file.write(out)
            code, again, errors = run("server", "--config", path, "--print-config")
            self.assertEqual((code, errors), (0, ""))
            values = [[line.split("#")[0].strip() for line in text.splitlines()] for text in (out, again)]
            self.assertEqual(*values)

            with open(path, "w") as file:
                file.write("colour = 1\n")
            code, _, errors = run("server", "--config", path)
            self.assertEqual(code, 2)
            self.assertIn(f"{path}:1: there is no setting 'colour'", errors)
            with open(path, "w") as file:
                file.write("listen = \n")
            code, _, errors = run("server", "--config", path)
            self.assertEqual(code, 2)
            self.assertIn(f"{path}:", errors)


class ThreeNodes(unittest.TestCase):
    def test_any_node_serves_and_status_shows_all(self):
        with Cluster(3) as cluster:
            for node in cluster.nodes():
                self.assertEqual(cluster.connect(node).call("INCR", "counter"), node + 1)
            for endpoint in cluster.endpoints():
                code, out, errors = run("status", "--server", endpoint)
                self.assertEqual((code, errors), (0, ""))
                self.assertEqual(out.count("follower"), 2, out)
                self.assertEqual(out.count(" leader "), 2, out)
                self.assertEqual(out.count("  agrees\n"), 3, out)
            code, out, _ = run("status", "--json", "--server", cluster.endpoints()[0])
            self.assertEqual(out.count('"role"'), 3)
            gone = next(node for node in cluster.nodes() if node != cluster.leader())
            cluster.kill(gone)
            code, out, _ = run("status", "--server", cluster.endpoints()[cluster.leader()])
            self.assertIn("unreachable", out)
        code, _, errors = run("status", "--server", "127.0.0.1:1")
        self.assertEqual(code, 1)
        self.assertIn("cannot connect", errors)

    def test_stopping_the_leader_hands_over(self):
        with Cluster(3) as cluster:
            leader = cluster.wait_for_leader()
            connection = cluster.connect((leader + 1) % 3)
            connection.call("SET", "a", "1")
            began = time.monotonic()
            cluster.processes[leader].terminate()
            connection.call("SET", "a", "2")
            self.assertLess(time.monotonic() - began, 1)
            self.assertEqual(cluster.processes.pop(leader).wait(10), 0)
            cluster.start(leader)
            cluster.wait_until_level()
            self.assertEqual(cluster.connect(leader).call("GET", "a"), b"2")

    def test_late_node_wiped_node_and_lost_majority(self):
        with Cluster(3) as cluster:
            connection = cluster.connect(0)
            connection.call("SET", "a", "1")
            # A wiped node is a new node: it stays outside and says why.
            wiped = next(node for node in cluster.nodes() if node != cluster.leader())
            cluster.kill(wiped)
            for name in os.listdir(os.path.join(cluster.folder, str(wiped))):
                os.remove(os.path.join(cluster.folder, str(wiped), name))
            cluster.start(wiped)
            self.wait_for_log(cluster, wiped, "a wiped node is a new node")
            with self.assertRaises(wire.ErrorReply) as refusal:
                cluster.connect(wiped).call("SET", "a", "2")
            self.assertEqual(refusal.exception.kind(), "NOLEADER")
            # With it gone the other two still are a majority; with one, nobody is.
            survivor, other = [node for node in cluster.nodes() if node != wiped]
            self.assertEqual(cluster.connect(survivor).call("INCR", "counter"), 1)
            cluster.kill(other)
            with self.assertRaises(wire.ErrorReply) as refusal:
                cluster.connect(survivor).call("SET", "a", "2")
            self.assertIn(refusal.exception.kind(), ("NOLEADER", "UNKNOWN"))

    def test_third_node_may_come_late(self):
        cluster = Cluster(3)
        try:
            cluster.start(1)
            cluster.start(0)
            cluster.wait_for_leader()
            cluster.connect(1).call("SET", "a", "1")
            cluster.start(2)
            cluster.wait_until_level()
            self.assertEqual(cluster.connect(2).call("GET", "a"), b"1")
            cluster.kill(0)
            cluster.wait_for_leader()
            self.assertEqual(cluster.connect(2).call("GET", "a"), b"1")
        finally:
            cluster.__exit__(Exception)

    def test_a_node_must_keep_its_address(self):
        with Cluster(3) as cluster:
            cluster.kill(2)
            port = free_ports(1)[0]
            code, errors = refused("--listen", address(port), "--data",
                                   os.path.join(cluster.folder, "2"))
            self.assertEqual(code, 1)
            self.assertIn("is node 3 of a cluster", errors)

    def wait_for_log(self, cluster, node, text):
        deadline = time.monotonic() + 10
        while text not in cluster.end_of_log(node):
            self.assertLess(time.monotonic(), deadline, cluster.end_of_log(node))
            time.sleep(0.05)


if __name__ == "__main__":
    unittest.main(warnings="ignore")
