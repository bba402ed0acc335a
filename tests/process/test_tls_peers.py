#!/usr/bin/env python3
"""TLS between nodes: a cluster whose nodes show each other certificates, and who does not get in: without a
certificate, with one of another authority, for another name, or with what was recorded on the way."""

import os
import shutil
import signal
import socket
import ssl
import threading
import time
import unittest

import wire
from certificates import Authority
from nodes import Cluster, free_ports
from server import Server, folder, refused
from test_security import (SECRET, OTHER, Recorder, address_of_this_machine, answer_to,
                           write_secret)

PATIENCE = 20


def flags(pair, authority_file, *more):
    return ["--peer-tls-cert-file", pair.cert, "--peer-tls-key-file", pair.key,
            "--peer-tls-ca-cert-file", authority_file, *more]


class TlsCluster(Cluster):
    """Each node has a certificate of its own, in files that can be replaced."""

    def __init__(self, authority, count=3, more=()):
        super().__init__(count, more)
        self.authorities = os.path.join(self.folder, "authorities.pem")
        shutil.copy(authority.cert, self.authorities)
        self.give(authority)
        self.own_flags = lambda node: flags(self.pair(node), self.authorities)

    def pair(self, node):
        base = os.path.join(self.folder, f"node-{node}")
        return type(self.issued)(base + ".pem", base + ".key")

    def give(self, authority):
        for node in self.nodes():
            self.issued = authority.issue(f"node-{node}")
            for source, target in zip(self.issued, self.pair(node)):
                shutil.copy(source, target)

    def log_of(self, node):
        with open(self.log(node), errors="replace") as file:
            return file.read()

    def reload(self):
        for node, process in self.processes.items():
            seen = self.log_of(node).count("certificates read again")
            process.send_signal(signal.SIGHUP)
            self._wait(lambda node=node, seen=seen: self.log_of(node).count("certificates read again") > seen,
                       f"node {node} does not read again")


class Case(unittest.TestCase):
    def setUp(self):
        context = folder()
        self.parent = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        self.authority = Authority(self.parent)
        self.other = Authority(self.parent, "another")

    def wait_for(self, text, errors):
        deadline = time.monotonic() + PATIENCE
        while text not in errors():
            self.assertLess(time.monotonic(), deadline, f"{text!r} is not in\n{errors()[-3000:]}")
            time.sleep(0.05)

    def single(self, name, *more, port=None):
        port = port or free_ports(1)[0]
        server = Server("--listen", f"127.0.0.1:{port}", "--data", os.path.join(self.parent, name), *more)
        self.addCleanup(server.kill)
        return server


class Served(Case):
    def test_a_leader_dies(self):
        with TlsCluster(self.authority) as cluster:
            counts = 0
            for _ in range(2):
                leader = cluster.wait_for_leader()
                other = next(node for node in cluster.nodes() if node != leader)
                connection = cluster.connect(other)
                for _ in range(100):
                    counts += 1
                    self.assertEqual(connection.call("INCR", "n"), counts)
                cluster.kill(leader)
                # The write that finds no leader is held, or refused as not done: it is sent again.
                began = time.monotonic()
                while True:
                    try:
                        self.assertEqual(connection.call("INCR", "n"), counts + 1)
                        break
                    except wire.ErrorReply as error:
                        self.assertEqual(error.kind(), "NOLEADER")
                    self.assertLess(time.monotonic() - began, PATIENCE)
                counts += 1
                self.assertLess(time.monotonic() - began, 5)
                cluster.start(leader)
                cluster.wait_until_level()
            for node in cluster.nodes():
                self.assertEqual(cluster.connect(node).call("GET", "n"), str(counts).encode())

    def test_authority_and_certificates_are_changed_under_load(self):
        """As docs/guide/operations.md says; at the end nobody believes the first authority any more."""
        with TlsCluster(self.authority) as cluster:
            broken, counts, ending = [], [0] * 3, threading.Event()

            def load(node):
                try:
                    connection = cluster.connect(node)
                    while not ending.is_set():
                        counts[node] += 1
                        if connection.call("INCR", f"c{node}") != counts[node]:
                            broken.append("a count is wrong")
                except Exception as error:
                    broken.append(repr(error))

            threads = [threading.Thread(target=load, args=(node,)) for node in cluster.nodes()]
            for thread in threads:
                thread.start()
            try:
                with open(self.authority.cert) as old, open(self.other.cert) as new:
                    both = old.read() + new.read()
                with open(cluster.authorities, "w") as file:
                    file.write(both)
                cluster.reload()
                cluster.give(self.other)
                cluster.reload()
                shutil.copy(self.other.cert, cluster.authorities)
                cluster.reload()
                time.sleep(1)
            finally:
                ending.set()
                for thread in threads:
                    thread.join()
            self.assertEqual(broken, [])
            # Connections that were there go on; new ones go by what is in force now.
            for node in cluster.nodes():
                cluster.terminate(node)
                cluster.start(node)
                cluster.wait_until_level()
            for node in cluster.nodes():
                self.assertNotIn("TLS connection refused", cluster.log_of(node))

    def test_beyond_loopback_without_a_secret(self):
        address = address_of_this_machine(self)
        ports = free_ports(2)
        places = ",".join(f"{address}:{port}" for port in ports)
        pair = self.authority.issue("node", names=f"IP:{address}")
        words = [("--listen", f"{address}:{port}", "--data", os.path.join(self.parent, str(port)),
                  "--join", places) for port in ports]
        code, errors = refused(*words[0])
        self.assertEqual(code, 1)
        self.assertIn("--peer-tls-cert-file", errors)
        servers = [Server(*each, *flags(pair, self.authority.cert)) for each in words]
        for server in servers:
            self.addCleanup(server.kill)
        for server in servers:
            self.wait_for("peer alive", server.errors)
        for port in ports:
            socket.create_connection((address, port + 10000), timeout=5).close()


class Strangers(Case):
    def test_start(self):
        """What the other nodes would refuse is refused at home."""
        pair = self.authority.issue("node")
        data = os.path.join(self.parent, "data")
        for words, said in (
                (flags(pair, self.other.cert), "would refuse this certificate"),
                (flags(pair, self.authority.cert, "--peer-tls-name", "holdfast"), "subjectAltName"),
                (flags(self.authority.issue("old", until="20200601000000Z"), self.authority.cert), "expired"),
                (flags(pair, self.authority.cert)[:2], "all three")):
            code, errors = refused("--data", data, *words)
            self.assertIn(code, (1, 2))
            self.assertIn(said, errors)
            self.assertFalse(os.path.exists(data))

    def test_a_node_that_is_none_gets_nowhere(self):
        with TlsCluster(self.authority) as cluster:
            cluster.connect(0).call("SET", "k", "v")
            join = ("--join", ",".join(cluster.endpoints()))
            for name, words, said, heard in (
                    ("plain", (), "speaks TLS to other nodes", "is no TLS"),
                    ("foreign", flags(self.other.issue("foreign"), self.other.cert),
                     "no authority that is believed here", "the other side refuses it"),
                    # Its certificate is not theirs, though it would believe them.
                    ("half", flags(self.other.issue("half"), self.both()),
                     "the other side refuses it", "CN = half")):
                stranger = self.single(name, *join, *words)
                self.wait_for(said, stranger.errors)
                for node in cluster.nodes():
                    self.wait_for(heard, lambda node=node: cluster.log_of(node))
                time.sleep(1)
                self.assertNotIn("serving", stranger.errors())
                stranger.kill()
            self.assertEqual(cluster.connect(1).call("GET", "k"), b"v")
            info = cluster.info(cluster.wait_for_leader())
            self.assertEqual((info["holdfast_voters"], info["holdfast_learners"]), ("3", "0"))
            for node in cluster.nodes():
                lines = cluster.log_of(node).count("TLS connection refused")
                self.assertLess(lines, 30, "strangers that knock again and again fill no log")

    def both(self):
        path = os.path.join(self.parent, "both.pem")
        with open(path, "w") as file:
            for authority in (self.authority, self.other):
                with open(authority.cert) as one:
                    file.write(one.read())
        return path

    def test_certificates_at_the_peer_port(self):
        tls = flags(self.authority.issue("node"), self.authority.cert)
        node = self.single("node", *tls).wait_until_ready()
        for pair, heard in ((None, "showed no certificate"),
                            (self.other.issue("stranger"), "CN = stranger"),
                            (self.authority.issue("late", until="20200601000000Z"), "has expired")):
            with self.assertRaises((ssl.SSLError, OSError, EOFError)):
                stranger = wire.Connection("127.0.0.1", node.port + 10000, 5, self.authority.client(pair))
                stranger.call("PING")
            self.wait_for(heard, node.errors)
        self.assertEqual(node.call("GET", "is-ready"), b"yes")

    def test_a_certificate_for_clients_is_none_for_nodes(self):
        """Where one authority signs both, a name tells them apart."""
        pair = self.authority.issue("node", names="DNS:holdfast-node")
        named = flags(pair, self.authority.cert, "--peer-tls-name", "holdfast-node")
        first = self.single("first", *named).wait_until_ready()
        client = self.authority.issue("client", names="DNS:client,IP:127.0.0.1")
        with self.assertRaises((ssl.SSLError, OSError, EOFError)):
            wire.Connection("127.0.0.1", first.port + 10000, 5, self.unnamed(client)).call("PING")
        self.wait_for("holdfast-node is not among its names", first.errors)
        second = self.single("second", "--join", f"127.0.0.1:{first.port}", *named)
        self.wait_for("serving", second.errors)

    def unnamed(self, pair):
        context = self.authority.client(pair)
        context.check_hostname = False
        return context

    def test_a_secret_as_well(self):
        secret = write_secret(os.path.join(self.parent, "secret"), SECRET)
        wrong = write_secret(os.path.join(self.parent, "wrong"), OTHER)
        pair = self.authority.issue("node")
        tls = flags(pair, self.authority.cert)
        first = self.single("first", *tls, "--cluster-secret", secret).wait_until_ready()
        join = ("--join", f"127.0.0.1:{first.port}")
        thief = self.single("thief", *join, *tls, "--cluster-secret", wrong)
        self.wait_for("does not know", thief.errors)
        self.wait_for("the proof is wrong", first.errors)
        second = self.single("second", *join, *tls, "--cluster-secret", secret)
        self.wait_for("serving", second.errors)
        self.assertNotIn("serving", thief.errors())

    def test_what_was_recorded_is_of_no_use_and_not_to_be_read(self):
        ports = free_ports(2)
        recorder = Recorder(ports[0] + 10000)
        self.addCleanup(recorder.listener.close)
        pair = self.authority.issue("node")
        tls = flags(pair, self.authority.cert)
        first = self.single("first", "--bootstrap", *tls, port=ports[0]).wait_until_ready()
        # The second node reaches the first one through the recorder.
        second = self.single("second", "--join", f"127.0.0.1:{ports[0]}@{recorder.port}", *tls, port=ports[1])
        self.wait_for("peer alive", first.errors)
        value = "a value that would be seen"
        self.assertEqual(second.call("SET", "k", value), b"OK")
        recorded = [bytes(said) for said in recorder.said if len(said) > 100]
        self.assertTrue(recorded, "the handshake went over the recorded wire")
        for said in recorded:
            self.assertEqual(said[:2], b"\x16\x03")
            self.assertNotIn(value.encode(), said)
            self.assertNotIn(b"HOLDFAST", said)
        alive = first.errors().count("peer alive")
        for said in recorded:
            self.assertNotIn(b"HOLDFAST", answer_to(said, ports[0] + 10000))
        self.wait_for("TLS connection refused", first.errors)
        self.assertEqual(first.errors().count("peer alive"), alive)
        self.assertEqual(first.call("GET", "k"), value.encode())

    def test_a_member_in_plain_is_out(self):
        with TlsCluster(self.authority) as cluster:
            leader = cluster.wait_for_leader()
            follower = next(node for node in cluster.nodes() if node != leader)
            cluster.terminate(follower)
            own, cluster.own_flags = cluster.own_flags, lambda node: ()
            cluster.start(follower)
            self.wait_for("is no TLS", lambda: cluster.log_of(leader))
            self.wait_for("speaks TLS to other nodes", lambda: cluster.log_of(follower))
            self.assertEqual(cluster.info(follower)["holdfast_leader"], "0")
            cluster.terminate(follower)
            cluster.own_flags = own
            cluster.start(follower)
            cluster.wait_until_level()


if __name__ == "__main__":
    unittest.main(warnings="ignore")
