#!/usr/bin/env python3
"""TLS for clients: who is let in, who is not and what both sides are told; certificates are changed while
clients are served."""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import unittest

import wire
from certificates import Authority
from nodes import SMALL_SEGMENTS, Cluster, free_ports
from server import Server, folder, refused, run

PATIENCE = 20

PYTHON_REDIS = """
import sys, redis
port, authority, cert, key = sys.argv[1:]
client = redis.Redis(host="127.0.0.1", port=int(port), ssl=True, ssl_ca_certs=authority, ssl_certfile=cert,
                     ssl_keyfile=key)
assert client.get("k") == b"v"
with client.pipeline() as pipeline:
    for number in range(2000):
        pipeline.set(f"k{number}", "x" * 1000)
    assert all(pipeline.execute())
assert client.mget([f"k{number}" for number in range(2000)]) == [b"x" * 1000] * 2000
client.close()
"""


class Case(unittest.TestCase):
    def setUp(self):
        context = folder()
        self.parent = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        self.authority = Authority(self.parent)
        self.other = Authority(self.parent, "another")
        self.own = self.authority.issue("server")
        self.port, self.tls_port = free_ports(2)

    def flags(self, **changed):
        values = {"listen": f"127.0.0.1:{self.port}", "data": os.path.join(self.parent, "data"),
                  "tls-port": self.tls_port, "tls-cert-file": self.own.cert,
                  "tls-key-file": self.own.key, "tls-ca-cert-file": self.authority.cert,
                  "segment-bytes": SMALL_SEGMENTS[1]}
        values.update({name.replace("_", "-"): value for name, value in changed.items()})
        return [word for name, value in values.items() if value is not None
                for word in (f"--{name}", str(value))]

    def serve(self, **changed):
        server = Server(*self.flags(**changed))
        self.addCleanup(server.kill)
        return server.wait_until_ready()

    def tls(self, context, timeout=PATIENCE):
        connection = wire.Connection("127.0.0.1", self.tls_port, timeout, context)
        self.addCleanup(connection.close)
        return connection

    def refuse(self, context):
        """In TLS 1.3 a client is through before it is judged: the first answer tells."""
        with self.assertRaises((ssl.SSLError, OSError, EOFError)) as caught:
            self.tls(context).call("PING")
        return str(caught.exception)

    def wait_for(self, text, server):
        deadline = time.monotonic() + PATIENCE
        while text not in server.errors():
            self.assertLess(time.monotonic(), deadline, f"{text!r} is not in\n{server.errors()[-3000:]}")
            time.sleep(0.05)


class Start(Case):
    def refused_start(self, *words, **changed):
        code, errors = refused(*self.flags(**changed))
        self.assertIn(code, (1, 2))
        for word in words:
            self.assertIn(word, errors)
        self.assertFalse(os.path.exists(os.path.join(self.parent, "data")), "nothing has been changed")

    def test_what_cannot_be_used_is_named_and_said_what_to_do(self):
        missing = os.path.join(self.parent, "missing.pem")
        self.refused_start(missing, "tls-cert-file", "No such file", tls_cert_file=missing)
        self.refused_start("tls-key-file", "does not belong", tls_key_file=self.other.key)
        old = self.authority.issue("old", until="20200601000000Z")
        self.refused_start("tls-cert-file", "expired", tls_cert_file=old.cert, tls_key_file=old.key)
        self.refused_start("tls-ca-cert-file", "no certificates", tls_ca_cert_file=self.own.key)
        shown = os.path.join(self.parent, "shown.key")
        shutil.copy(self.own.key, shown)
        os.chmod(shown, 0o644)
        self.refused_start("tls-key-file", "chmod 600", tls_key_file=shown)

    def test_settings_that_do_not_fit_together(self):
        self.refused_start("tls-cert-file and", tls_key_file=None)
        self.refused_start("tls-auth-clients = yes", tls_ca_cert_file=None)
        self.refused_start("tls-port", listen="127.0.0.1:0", tls_port=None)
        self.refused_start("yes, optional or no", tls_auth_clients="maybe")


class Clients(Case):
    def redis_cli(self, *words, port=None):
        done = subprocess.run(["redis-cli", "-p", str(port or self.tls_port), *words],
                              capture_output=True, text=True, timeout=PATIENCE)
        return done.stdout + done.stderr

    def test_clients_of_others(self):
        self.serve()
        pair = self.authority.issue("client")
        known = ("--tls", "--cacert", self.authority.cert, "--cert", pair.cert, "--key", pair.key)
        self.assertEqual(self.redis_cli(*known, "SET", "k", "v"), "OK\n")
        self.assertEqual(self.redis_cli("GET", "k", port=self.port), "v\n")
        for interpreter in (sys.executable, "/usr/bin/python3"):  # Debian's package is for Debian's own
            if subprocess.run([interpreter, "-c", "import redis"], capture_output=True).returncode == 0:
                subprocess.run([interpreter, "-c", PYTHON_REDIS, str(self.tls_port), self.authority.cert,
                                *pair], check=True, timeout=PATIENCE)
                return
        print("SKIP: python3-redis over TLS: no python3 here has the module redis")

    def test_who_is_let_in(self):
        server = self.serve()
        self.assertEqual(self.tls(self.authority.client(self.authority.issue("good"))).call("PING"), b"PONG")
        self.assertIn("certificate required", self.refuse(self.authority.client()))
        self.wait_for("showed no certificate", server)
        stranger = self.authority.client(self.other.issue("stranger"))
        self.refuse(stranger)
        self.wait_for("CN = stranger", server)
        self.refuse(self.authority.client(self.authority.issue("late", until="20200601000000Z")))
        self.wait_for("CN = late", server)
        self.wait_for("has expired", server)
        self.assertIn("CERTIFICATE_VERIFY_FAILED", self.refuse(self.other.client()))
        old = self.authority.client(self.authority.issue("good"))
        old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        old.set_ciphers("ALL:@SECLEVEL=0")
        self.refuse(old)
        self.wait_for("no TLS from version 1.2 on", server)
        # TLS 1.2 is spoken, and nothing is resumed.
        two = self.authority.client(self.authority.issue("two"))
        two.maximum_version = ssl.TLSVersion.TLSv1_2
        connection = self.tls(two)
        self.assertEqual(connection.call("PING"), b"PONG")
        self.assertEqual(connection.socket.version(), "TLSv1.2")
        self.assertIn(connection.socket.session.ticket_lifetime_hint, (0, None))
        self.assertFalse(connection.socket.session.has_ticket)

    def test_certificates_may_be_asked_for_or_not(self):
        self.serve(tls_auth_clients="optional")
        self.assertEqual(self.tls(self.authority.client()).call("PING"), b"PONG")
        self.refuse(self.authority.client(self.other.issue("stranger")))
        plain = wire.Connection("127.0.0.1", self.port, PATIENCE)
        plain.call("CONFIG", "SET", "tls-auth-clients", "no")
        self.assertEqual(self.tls(self.authority.client(self.other.issue("stranger"))).call("PING"), b"PONG")
        plain.call("CONFIG", "SET", "tls-auth-clients", "yes")
        self.refuse(self.authority.client())
        plain.close()

    def test_tls_and_plain_at_the_wrong_door(self):
        server = self.serve()
        self.assertIn("speaks TLS only", self.redis_cli("PING"))
        self.wait_for("is no TLS", server)
        began = time.monotonic()
        with self.assertRaises(ssl.SSLError):
            wire.Connection("127.0.0.1", self.port, PATIENCE, self.authority.client())
        self.assertLess(time.monotonic() - began, 3)
        self.wait_for("looks like TLS", server)

    def test_tls_only(self):
        """Either way of saying it: the plain port is 0, or the TLS port is the same."""
        pair = self.authority.issue("client")
        for listen in ("127.0.0.1:0", f"127.0.0.1:{self.tls_port}"):
            data = os.path.join(self.parent, listen)
            flags = self.flags(listen=listen, data=data)
            server = Server(*flags, "--peer-port", str(self.port), "--http-listen", "off")
            try:
                self.wait_for("role=leader", server)
                connection = self.tls(self.authority.client(pair))
                self.assertEqual(connection.call("SET", "k", "v"), b"OK")
                self.assertEqual(connection.call("CONFIG", "GET", "port"), [b"port", b"0"])
                self.assertIn(f"tcp_port:{self.tls_port}".encode(), connection.call("INFO", "server"))
                self.assertRegex(connection.call("INFO", "holdfast"),
                                 rb"holdfast_certificate_for_clients_expires_s:1[0-9]{9}\r")
                self.assertIn("speaks TLS only", self.redis_cli("PING"))
            finally:
                server.kill()

    def test_a_greeting_that_is_not_completed_ends(self):
        """Who holds the door half open is put out, and holds up nobody."""
        server = self.serve()
        held = []
        for number in range(300):
            stranger = socket.create_connection(("127.0.0.1", self.tls_port), timeout=PATIENCE)
            stranger.sendall(b"\x16\x03\x01"[:number % 4])
            held.append(stranger)
        began = time.monotonic()
        context = self.authority.client(self.authority.issue("client"))
        self.assertEqual(self.tls(context).call("SET", "k", "v"), b"OK")
        self.assertLess(time.monotonic() - began, 3)
        for stranger in held:
            self.assertEqual(stranger.recv(100), b"")
            stranger.close()
        self.assertLess(time.monotonic() - began, 15)
        self.wait_for("within 5 s", server)
        self.assertLess(server.errors().count("within 5 s"), 10, "a warning for all of them, not for each")


class Tools(Case):
    def test_the_tools_of_people(self):
        """The TLS port is 2000 above the plain one on each node: so they find the others."""
        pair = self.authority.issue("operator")
        cluster = Cluster(3, flags=["--tls-cert-file", self.own.cert, "--tls-key-file", self.own.key,
                                    "--tls-ca-cert-file", self.authority.cert])
        cluster.own_flags = lambda node: ["--tls-port", str(cluster.ports[node] + 2000)]
        with cluster:
            leader = cluster.wait_for_leader()
            cluster.wait_until_level()
            servers = [f"127.0.0.1:{port + 2000}" for port in cluster.ports]
            follower = servers[(leader + 1) % 3]
            tls = ("--tls", "--cacert", self.authority.cert, "--cert", pair.cert, "--key", pair.key)

            code, output, errors = run("status", "--server", follower, *tls)
            self.assertEqual((code, errors), (0, ""))
            self.assertNotIn("unreachable", output)
            self.assertEqual(output.count("127.0.0.1:"), 3)
            code, output, errors = run("nodes", "--server", follower, *tls)
            self.assertEqual((code, output.count(" yes\n")), (0, 3), errors)
            number = (leader + 1) % 3 + 1
            code, output, errors = run("transfer", str(number), "--server", follower, *tls)
            self.assertEqual((code, output), (0, f"node {number} leads\n"), errors)
            code, output, errors = run("bench", "--servers", ",".join(servers), *tls, "--seconds", "1",
                                       "--clients", "4", "--history", os.path.join(self.parent, "h.jsonl"))
            self.assertEqual(code, 0, output + errors)
            file = os.path.join(self.parent, "backup")
            code, output, errors = run("backup", "--to", file, "--server", follower, *tls)
            self.assertEqual(code, 0, output + errors)

            for words, said in ((tls[:3], "certificate required"),
                                (("--tls",), "no authority that is believed here"),
                                (("--cacert", self.authority.cert), "say --tls as well"),
                                ((*tls[:3], "--cert", pair.cert), "belong together"),
                                ((), "speaks TLS only")):
                code, output, errors = run("status", "--server", follower, *words)
                self.assertEqual((code, output), (1, ""))
                self.assertIn(said, errors)


class Reload(Case):
    def setUp(self):
        super().setUp()
        # What the settings name; what is in it changes.
        self.live = [os.path.join(self.parent, name) for name in ("live.pem", "live.key", "live-ca.pem")]
        self.put(self.own, self.authority.cert)

    def put(self, pair, authority):
        for source, target in zip((pair.cert, pair.key, authority), self.live):
            shutil.copy(source, target + ".new")
            os.chmod(target + ".new", 0o600)
            os.replace(target + ".new", target)

    def shown_to(self, context):
        return self.tls(context).socket.getpeercert(binary_form=True)

    def test_certificates_are_changed_under_load(self):
        server = self.serve(tls_cert_file=self.live[0], tls_key_file=self.live[1],
                            tls_ca_cert_file=self.live[2])
        pair = self.authority.issue("client")
        context = self.authority.client(pair)
        context.load_verify_locations(self.other.cert)
        broken, counts, ending = [], [0] * 8, threading.Event()

        def load(number):
            try:
                connection = wire.Connection("127.0.0.1", self.tls_port, PATIENCE, context)
                while not ending.is_set():
                    counts[number] += 1
                    if connection.call("INCR", f"c{number}") != counts[number]:
                        broken.append("a count is wrong")
                connection.close()
            except Exception as error:
                broken.append(repr(error))

        threads = [threading.Thread(target=load, args=(number,)) for number in range(len(counts))]
        for thread in threads:
            thread.start()
        try:
            first = self.shown_to(context)
            for round_number, authority in enumerate((self.other, self.authority, self.other), 1):
                self.put(authority.issue("server"), self.authority.cert)
                before = sum(counts)
                server.process.send_signal(signal.SIGHUP)
                deadline = time.monotonic() + PATIENCE
                while server.errors().count("certificates read again") < round_number:
                    self.assertLess(time.monotonic(), deadline)
                    time.sleep(0.02)
                shown = self.shown_to(context)
                self.assertNotEqual(shown, first)
                first = shown
                time.sleep(0.3)
                self.assertGreater(sum(counts), before, "the load goes on")
            self.refuse(self.authority.client(pair))  # which does not trust the other authority
        finally:
            ending.set()
            for thread in threads:
                thread.join()
        self.assertEqual(broken, [])

    def test_what_is_bad_changes_nothing(self):
        server = self.serve(tls_cert_file=self.live[0], tls_key_file=self.live[1],
                            tls_ca_cert_file=self.live[2])
        context = self.authority.client(self.authority.issue("client"))
        before = self.shown_to(context)
        with open(self.live[0], "w") as file:
            file.write("-----BEGIN CERTIFICATE-----\nnothing\n")
        server.process.send_signal(signal.SIGHUP)
        self.wait_for("certificates stay as they were", server)
        self.wait_for(self.live[0], server)
        self.assertEqual(self.shown_to(context), before)
        # The same, asked for by a client: he is told, and the settings are as they were.
        admin = self.tls(context)
        other = self.authority.issue("server")
        with self.assertRaises(wire.ErrorReply) as caught:
            admin.call("CONFIG", "SET", "tls-cert-file", other.cert, "tls-key-file", self.own.key)
        self.assertIn("does not belong", str(caught.exception))
        self.assertEqual(admin.call("CONFIG", "GET", "tls-cert-file")[1].decode(), self.live[0])
        self.assertEqual(self.shown_to(context), before)
        admin.call("CONFIG", "SET", "tls-cert-file", other.cert, "tls-key-file", other.key)
        self.assertNotEqual(self.shown_to(context), before)
        self.assertEqual(admin.call("PING"), b"PONG")


if __name__ == "__main__":
    unittest.main(warnings="ignore")
