"""Starts and ends the servers that are compared: on 127.0.0.1, free ports, each in a folder of its own.

Only processes started here are ended, each by its own handle.
"""

import os
import random
import re
import socket
import subprocess
import time

START_SECONDS = 30


def port_is_free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


_given = set()


def free_port(offsets=(0,)):
    """A port that is free with each of the offsets added; below the range that Linux hands out."""
    while True:
        port = random.randrange(10000, 12000)
        ports = {port + offset for offset in offsets}
        if not ports & _given and all(map(port_is_free, ports)):
            _given.update(ports)
            return port


def ask(port, *words):
    done = subprocess.run(["redis-cli", "-p", str(port), *map(str, words)], capture_output=True, text=True)
    return done.stdout.strip()


def wait_until(condition, what):
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {START_SECONDS} s: {what}")
        time.sleep(0.1)


class Running:
    """The servers of one run; at its end their processes end, the last started first."""

    def __init__(self, folder):
        self.folder = folder
        self.processes = []
        self.count = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def add(self, server):
        self.count += 1
        server.start(self, os.path.join(self.folder, str(self.count)))
        return server

    def spawn(self, folder, *command):
        os.makedirs(folder)
        with open(os.path.join(folder, "log"), "w") as log:
            # In a group of their own, so that a Ctrl-C reaches them through __exit__ only.
            self.processes.append(subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True))


class Redis:
    def __init__(self, *flags):
        self.flags = flags

    def start(self, running, folder):
        self._port = free_port()
        running.spawn(folder, "redis-server", "--bind", "127.0.0.1", "--port", str(self._port), "--dir",
                      folder, "--save", "", *self.flags)
        wait_until(lambda: ask(self._port, "PING") == "PONG", "redis-server does not answer")

    def port(self):
        return self._port


class Holdfast:
    def __init__(self, binary, nodes):
        self.binary = binary
        self.nodes = nodes

    def start(self, running, folder):
        # Next to the port for clients: those for HTTP, for peers and for cluster clients.
        self.ports = [free_port((0, 1000, 10000, 20000)) for _ in range(self.nodes)]
        join = ",".join(f"127.0.0.1:{port}" for port in self.ports)
        os.makedirs(folder)
        for port in self.ports:
            node = os.path.join(folder, str(port))
            flags = ["--join", join] if self.nodes > 1 else []
            running.spawn(node, self.binary, "server", "--listen", f"127.0.0.1:{port}", "--data",
                          os.path.join(node, "data"), *flags)
        wait_until(lambda: self.leader() is not None, "Holdfast has no leader")

    def leader(self):
        for port in self.ports:
            if re.search(r"^holdfast_role:leader", ask(port, "INFO"), re.MULTILINE):
                return port
        return None

    def port(self):
        """The leader's; a plain client may ask any node, which forwards."""
        wait_until(lambda: self.leader() is not None, "Holdfast has no leader")
        return self.leader()


class Etcd:
    def start(self, running, folder):
        os.makedirs(folder)
        self.ports = [free_port((0, 1000)) for _ in range(3)]
        peers = [f"n{i}=http://127.0.0.1:{client + 1000}" for i, client in enumerate(self.ports)]
        for i, client in enumerate(self.ports):
            here, peer = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{client + 1000}"
            node = os.path.join(folder, f"n{i}")
            running.spawn(node, "etcd", "--name", f"n{i}", "--data-dir", os.path.join(node, "data"),
                          "--listen-client-urls", here, "--advertise-client-urls", here,
                          "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                          "--initial-cluster", ",".join(peers), "--initial-cluster-state", "new",
                          "--quota-backend-bytes", str(8 << 30), "--log-level", "error")
        wait_until(lambda: self.etcdctl("endpoint", "health").returncode == 0, "etcd has no leader")

    def etcdctl(self, *words, timeout=30):
        endpoints = ",".join(f"http://127.0.0.1:{port}" for port in self.ports)
        return subprocess.run(["etcdctl", "--endpoints", endpoints, *words], capture_output=True, text=True,
                              timeout=timeout, env=os.environ | {"ETCDCTL_API": "3"})

    def check_perf(self, load):
        """Writes per second. Whether that is what the load hoped for ('PASS') does not matter here."""
        done = self.etcdctl("check", "perf", "--load", load, timeout=240)
        found = re.search(r"Throughput\D*(\d+) writes/s", done.stdout)
        if not found:
            raise RuntimeError(f"etcdctl check perf --load {load}:\n{done.stdout[-1000:]}{done.stderr}")
        return float(found[1])
