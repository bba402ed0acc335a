#!/usr/bin/env python3
"""A client that shuts down its side after its last command (`printf … | nc -N`) lost the answers
that still waited for their commit: the end of its input was taken for the end of the client."""

import os
import socket
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "process"))
from nodes import Cluster


def ask_and_shut(port, commands, patience=5):
    """Everything that the server says after these were the last words."""
    with socket.create_connection(("127.0.0.1", port), timeout=patience) as connection:
        connection.sendall(commands)
        connection.shutdown(socket.SHUT_WR)
        said = b""
        while piece := connection.recv(65536):
            said += piece
        return said


class HalfClosed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(3).__enter__()
        cls.cluster.connect(0).call("SET", "there", "1")

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__(None, None, None)

    def test_answers_still_come(self):
        for port in self.cluster.ports:
            said = ask_and_shut(port, b"SET key value\r\n" + b"INCR there\r\nDECR there\r\n" * 500)
            self.assertEqual(said, b"+OK\r\n" + b":2\r\n:1\r\n" * 500)

    def test_half_a_command_is_no_command(self):
        said = ask_and_shut(self.cluster.ports[0], b"INCR half\r\n*2\r\n$4\r\nINCR\r\n$4\r\nha")
        self.assertEqual(said, b":1\r\n")

    def test_who_waits_and_has_gone_leaves_the_queue(self):
        port = self.cluster.ports[0]
        client = self.cluster.connect(0)
        token = client.call("LOCK.ACQUIRE", "door", "alice", "TTL", "60000")[0]
        said = ask_and_shut(port, b"LOCK.ACQUIRE door bob TTL 60000 WAIT 60000\r\n")
        self.assertEqual(said, b"")
        client.call("LOCK.ACQUIRE", "other", "x", "TTL", "60000")
        deadline = time.monotonic() + 15
        while client.call("LOCK.INFO", "door")[8] and time.monotonic() < deadline:
            time.sleep(0.1)
        self.assertEqual(client.call("LOCK.INFO", "door")[8], [])
        self.assertEqual(client.call("LOCK.RELEASE", "door", str(token)), 1)


if __name__ == "__main__":
    unittest.main(warnings="ignore")
