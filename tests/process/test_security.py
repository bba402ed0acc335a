#!/usr/bin/env python3
"""Who may speak on the peer port: with the cluster's secret a node is one of them, without it nothing
is, whatever it has recorded; and both logs say so."""

import os
import re
import socket
import threading
import time
import unittest

from nodes import Cluster, free_ports
from server import Server, folder, refused

PATIENCE = 20
SECRET = "0123456789abcdef0123456789abcdef\n"
OTHER = "fedcba9876543210fedcba9876543210\n"


def write_secret(path, content, mode=0o600):
    with open(path, "w") as file:
        file.write(content)
    os.chmod(path, mode)
    return path


def address_of_this_machine(test):
    """One that is not loopback; no packet leaves for it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            address = probe.getsockname()[0]
        except OSError:
            address = "127.0.0.1"
    if re.match(r"127\.", address):
        print("SKIP: nodes beyond loopback: this machine has no other address")
        test.skipTest("no address but loopback")
    return address


def answer_to(said, port):
    """All that a node's peer port answers to these bytes, until it hangs up."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as thief:
        thief.sendall(said)
        try:
            while data := thief.recv(65536):
                answer += data
        except OSError:
            pass
    return answer


class Recorder:
    """A wire between two nodes that keeps what the dialler says."""

    def __init__(self, target):
        self.target = target
        self.said = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                dialler, _ = self.listener.accept()
            except OSError:
                return
            try:
                node = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                dialler.close()
                continue
            said = bytearray()
            self.said.append(said)
            threading.Thread(target=self._carry, args=(dialler, node, said), daemon=True).start()
            threading.Thread(target=self._carry, args=(node, dialler, None), daemon=True).start()

    @staticmethod
    def _carry(source, target, kept):
        try:
            while data := source.recv(65536):
                if kept is not None:
                    kept += data
                target.sendall(data)
        except OSError:
            pass
        source.close()
        target.close()


class Case(unittest.TestCase):
    def setUp(self):
        context = folder()
        self.parent = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        self.secret = write_secret(os.path.join(self.parent, "secret"), SECRET)

    def wait_for(self, text, errors):
        deadline = time.monotonic() + PATIENCE
        while text not in errors():
            self.assertLess(time.monotonic(), deadline, f"{text!r} is not in\n{errors()[-3000:]}")
            time.sleep(0.05)

    def log_of(self, cluster, node):
        with open(cluster.log(node), errors="replace") as file:
            return file.read()


class File(Case):
    def refuse(self, words, content, mode=0o600):
        write_secret(self.secret, content, mode)
        port = free_ports(1)[0]
        data = os.path.join(self.parent, "data")
        code, errors = refused("--listen", f"127.0.0.1:{port}", "--data", data,
                               "--cluster-secret", self.secret)
        self.assertEqual(code, 1)
        self.assertIn(words, errors)
        self.assertIn(self.secret, errors)
        self.assertFalse(os.path.exists(data), "nothing has been changed")

    def test_what_is_no_secret(self):
        self.refuse("chmod 600", SECRET, 0o644)
        self.refuse("16 to 1024", "password\n")
        self.refuse("empty", "")
        self.refuse("more than 4096 bytes", "s" * 5000)
        os.remove(self.secret)
        code, errors = refused("--cluster-secret", self.secret, "--data", self.secret + ".d")
        self.assertEqual(code, 1)
        self.assertIn("No such file", errors)


class Strangers(Case):
    def test_a_node_without_the_secret_gets_nowhere(self):
        """Nor does one with another secret."""
        with Cluster(3, flags=["--cluster-secret", self.secret]) as cluster:
            connection = cluster.connect(0)
            connection.call("SET", "k", "v")
            list_of_all = ",".join(cluster.endpoints())
            wrong = write_secret(os.path.join(self.parent, "wrong-secret"), OTHER)
            for name, flags, said, heard in (
                    ("none", (), "asks for it", "has no cluster secret"),
                    ("wrong", ("--cluster-secret", wrong), "does not know", "does not know")):
                port = free_ports(1)[0]
                with Server("--listen", f"127.0.0.1:{port}", "--data",
                            os.path.join(self.parent, name), "--join", list_of_all,
                            *flags) as stranger:
                    self.wait_for(said, stranger.errors)
                    for node in cluster.nodes():
                        self.wait_for(heard, lambda node=node: self.log_of(cluster, node))
                    self.assertNotIn("serving", stranger.errors())
            self.assertEqual(connection.call("GET", "k"), b"v")
            nodes = cluster.info(cluster.wait_for_leader())
            self.assertEqual((nodes["holdfast_voters"], nodes["holdfast_learners"]), ("3", "0"))

    def test_a_member_without_the_secret_is_out(self):
        with Cluster(3, flags=["--cluster-secret", self.secret]) as cluster:
            leader = cluster.wait_for_leader()
            follower = next(node for node in cluster.nodes() if node != leader)
            cluster.terminate(follower)
            cluster.flags = []
            cluster.start(follower)
            self.wait_for("has no cluster secret", lambda: self.log_of(cluster, leader))
            self.wait_for("asks for it", lambda: self.log_of(cluster, follower))
            cluster.connect(leader).call("SET", "k", "v")
            self.assertEqual(cluster.info(follower)["holdfast_leader"], "0")
            cluster.terminate(follower)
            cluster.flags = ["--cluster-secret", self.secret]
            cluster.start(follower)
            cluster.wait_until_level()

    def test_a_recorded_handshake_gets_nowhere(self):
        ports = free_ports(2)
        recorder = Recorder(ports[0] + 10000)
        self.addCleanup(recorder.listener.close)
        # The second node reaches the first one through the recorder.
        places = f"127.0.0.1:{ports[0]}@{recorder.port},127.0.0.1:{ports[1]}"
        first = Server("--listen", f"127.0.0.1:{ports[0]}", "--data",
                       os.path.join(self.parent, "0"), "--cluster-secret", self.secret,
                       "--bootstrap")
        self.addCleanup(first.kill)
        first.wait_until_ready()
        second = Server("--listen", f"127.0.0.1:{ports[1]}", "--data",
                        os.path.join(self.parent, "1"), "--cluster-secret", self.secret,
                        "--join", places.split(",")[0])
        self.addCleanup(second.kill)
        self.wait_for("peer alive", first.errors)
        recorded = [bytes(said) for said in recorder.said if len(said) > 100]
        self.assertTrue(recorded, "the handshake went over the recorded wire")
        for said in recorded:
            self.assertIn(b"the proof is wrong", answer_to(said, ports[0] + 10000))
        self.assertIn("the proof is wrong", first.errors())
        self.assertEqual(first.errors().count("the proof is wrong"), 1,
                         "a stranger that knocks again and again is not written down each time")
        self.assertEqual(first.call("GET", "is-ready"), b"yes")


class Cluster3(Case):
    def test_the_secret_is_changed_while_clients_are_served(self):
        with Cluster(3, flags=["--cluster-secret", self.secret]) as cluster:
            connection = cluster.connect(0)
            count = 0
            for content in (SECRET + OTHER, OTHER + SECRET, OTHER):
                write_secret(self.secret, content)
                for node in cluster.nodes():
                    cluster.terminate(node)
                    cluster.start(node)
                    cluster.wait_until_level()
                    count += 1
                    connection = cluster.connect(node)
                    self.assertEqual(connection.call("INCR", "changes"), count)
            for node in cluster.nodes():
                self.assertNotIn("does not know", self.log_of(cluster, node))

    def test_nodes_beyond_loopback(self):
        """The peer port leaves loopback with a secret, and not without."""
        address = address_of_this_machine(self)
        ports = free_ports(2)
        places = ",".join(f"{address}:{port}" for port in ports)
        flags = [("--listen", f"{address}:{port}", "--data", os.path.join(self.parent, str(port)),
                  "--join", places) for port in ports]
        code, errors = refused(*flags[0])
        self.assertEqual(code, 1)
        self.assertIn("--cluster-secret", errors)
        servers = [Server(*each, "--cluster-secret", self.secret) for each in flags]
        for server in servers:
            self.addCleanup(server.kill)
        for server in servers:
            self.wait_for("peer alive", server.errors)
        for port in ports:
            socket.create_connection((address, port + 10000), timeout=5).close()


if __name__ == "__main__":
    unittest.main(warnings="ignore")
