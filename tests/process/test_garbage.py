#!/usr/bin/env python3
"""Bad manners: whatever is sent to a node, it stays up, others are served, memory is bounded."""

import os
import random
import socket
import time
import unittest

from nodes import SMALL_SEGMENTS, Cluster, free_ports
from server import SLOWDOWN, Server, folder

MIB = 1 << 20


class Manners(unittest.TestCase):
    def setUp(self):
        context = folder()
        parent = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        self.port = free_ports(1)[0]
        self.server = Server("--listen", f"127.0.0.1:{self.port}", "--data",
                             os.path.join(parent, "data"), *SMALL_SEGMENTS)
        self.addCleanup(self.server.kill)
        self.server.wait_until_ready()
        self.witness = self.server.connect(timeout=5)
        self.before = self.memory()

    def tearDown(self):
        """After everything the node still lives, and somebody else is served."""
        self.assertIsNone(self.server.process.poll(), self.server.errors()[-2000:])
        self.assertEqual(self.witness.call("ECHO", "hello"), b"hello")
        self.assertEqual(self.server.call("SET", "after", "all"), b"OK")
        self.witness.close()

    def memory(self):
        """Resident bytes."""
        with open(f"/proc/{self.server.process.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def dial(self, port=None):
        connection = socket.create_connection(("127.0.0.1", port or self.port), timeout=5)
        self.addCleanup(connection.close)
        return connection

    def pour(self, connection, data, limit, pause=0.0):
        """Sends data over and over; bytes taken until the server ended it or `limit` was reached."""
        sent = 0
        try:
            while sent < limit:
                sent += connection.send(data)
                if pause:
                    time.sleep(pause)
        except OSError:
            pass
        return sent

    def answer(self, connection):
        """All that comes until the server closes."""
        data = b""
        try:
            while piece := connection.recv(65536):
                data += piece
        except OSError:
            pass
        return data

    def test_garbage(self):
        chance = random.Random(1)
        for port in (self.port, self.port + 10000):
            for _ in range(200):
                connection = self.dial(port)
                kind = chance.randrange(3)
                if kind == 0:
                    data = chance.randbytes(chance.randrange(1, 3000))
                elif kind == 1:
                    data = bytes(chance.choice(b"*$:+-_0123456789\r\n\0") for _ in range(500))
                else:
                    data = b"*3\r\n$3\r\nSET\r\n" + chance.randbytes(200)
                try:
                    connection.sendall(data)
                except OSError:
                    pass
                connection.close()
        self.assertEqual(self.witness.call("INCR", "counter"), 1)

    def test_half_requests(self):
        whole = b"*3\r\n$3\r\nSET\r\n$4\r\nhalf\r\n$5\r\nvalue\r\n"
        for cut in range(1, len(whole)):
            connection = self.dial()
            connection.sendall(whole[:cut])
            if cut % 2:
                connection.close()
        self.assertIsNone(self.witness.call("GET", "half"))

    def test_claims_without_bytes(self):
        for claim in (b"*1000000\r\n", b"*2147483647\r\n", b"*-5\r\n", b"*99999999999999999999\r\n",
                      b"*1\r\n$629145600\r\n", b"*1\r\n$-7\r\n", b"*1\r\n$99999999999999999999\r\n"):
            for _ in range(20):
                self.dial().sendall(claim)
        time.sleep(0.2)
        self.witness.call("PING")
        self.assertLess(self.memory() - self.before, 32 * MIB, "memory follows bytes, not claims")

    def test_bulk_of_600_mib(self):
        connection = self.dial()
        connection.sendall(b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$629145600\r\n")
        self.pour(connection, b"x" * MIB, 600 * MIB)
        self.assertIn(b"-ERR Protocol error: invalid bulk length", self.answer(connection))
        self.assertIsNone(self.witness.call("GET", "key"))
        self.assertLess(self.memory() - self.before, 64 * MIB)

    def test_endless_array(self):
        connection = self.dial()
        connection.sendall(b"*1048576\r\n")
        self.pour(connection, b"$1\r\nx\r\n" * 10_000, 256 * MIB)
        self.witness.call("PING")
        connection.close()
        connection = self.dial()
        for _ in range(50):  # a queue without an end
            queue = b"*1\r\n$5\r\nMULTI\r\n" + b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n" * 1000
            self.pour(connection, queue, 30_000)
        self.witness.call("PING")

    def test_endless_line(self):
        connection = self.dial()
        self.pour(connection, b"x" * 65536, 64 * MIB)
        self.assertIn(b"too big inline request", self.answer(connection))
        self.assertLess(self.memory() - self.before, 32 * MIB)

    def test_client_that_never_reads(self):
        self.witness.call("SET", "large", "x" * MIB)
        connection = self.dial()
        connection.settimeout(0.5)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        asked = self.pour(connection, b"*2\r\n$3\r\nGET\r\n$5\r\nlarge\r\n" * 100, 300_000)
        for _ in range(10):
            began = time.monotonic()
            self.assertEqual(self.witness.call("ECHO", "still"), b"still")
            self.assertLess(time.monotonic() - began, 1 * SLOWDOWN)
        self.assertLess(self.memory() - self.before, 512 * MIB, f"{asked} bytes of questions")

    def test_thousands_of_connections(self):
        many = [self.dial() for _ in range(1500)]
        for connection in many[::3]:
            connection.sendall(b"PING\r\n")
        for connection in many[::3]:
            self.assertEqual(connection.recv(100), b"+PONG\r\n")
        self.assertEqual(self.witness.call("INCR", "counter"), 1)
        strangers = [self.dial(self.port + 10000) for _ in range(400)]
        self.assertEqual(self.witness.call("INCR", "counter"), 2)
        for connection in many + strangers:
            connection.close()

    def test_frames_that_claim_too_much(self):
        connection = self.dial(self.port + 10000)
        # A right header that announces 13 bytes more than strangers may send.
        huge = b"\x0d\x00\x01\x00\x05" + b"\x00" * 8 + b"\x57\xba\xb6\xb3"
        connection.sendall(huge + b"x" * 1000)
        self.assertIn(b"bytes, where", self.answer(connection))
        connection = self.dial(self.port + 10000)
        message = b"\x0e\x00\x00\x00\x05\x11\xcd\xb2\x80\x64\x6c\xf0\xea\x95\xf1\x4b\x26x"
        connection.sendall(message)
        self.assertIn(b"the greeting comes first", self.answer(connection))
        connection = self.dial(self.port + 10000)
        connection.sendall(message[:-1] + b"y")
        self.assertIn(b"fails its checksum", self.answer(connection))
        http = self.dial(self.port + 10000)
        http.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.answer(http)


class PeerManners(unittest.TestCase):
    def test_garbage_among_peers(self):
        """A cluster goes on while strangers shout at its peer ports."""
        chance = random.Random(2)
        with Cluster(3) as cluster:
            connection = cluster.connect(0)
            leader = cluster.leader()
            for turn in range(300):
                port = cluster.ports[turn % 3] + 10000
                with socket.create_connection(("127.0.0.1", port), timeout=5) as stranger:
                    stranger.sendall(chance.randbytes(chance.randrange(1, 2000)))
                if turn % 30 == 0:
                    self.assertEqual(connection.call("INCR", "counter"), turn // 30 + 1)
            self.assertEqual(cluster.leader(), leader, "nobody had to stand for election")


if __name__ == "__main__":
    unittest.main(warnings="ignore")
