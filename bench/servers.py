"""Starts and ends the servers that are compared: on 127.0.0.1, free ports, each in a folder of its own.

Only processes started here are ended, each by its own handle. Ports are taken from $HOLDFAST_BENCH_PORTS,
"LOW-HIGH", or 10000-12000: below the range that Linux hands out.
"""

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
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
    """A port that is free with each of the offsets added."""
    low, high = map(int, os.environ.get("HOLDFAST_BENCH_PORTS", "10000-12000").split("-"))
    while True:
        port = random.randrange(low, high)
        ports = {port + offset for offset in offsets}
        if not ports & _given and all(map(port_is_free, ports)):
            _given.update(ports)
            return port


def host_and_port(server):
    """Of "HOST:PORT", or of a port of this machine."""
    host, _, port = str(server).rpartition(":")
    return host or "127.0.0.1", port


def ask(server, *words, patience=5, inside=()):
    """What redis-cli prints; nothing, if the server says nothing for so many seconds."""
    host, port = host_and_port(server)
    try:
        done = subprocess.run([*inside, "redis-cli", "-h", host, "-p", port, *map(str, words)],
                              capture_output=True, text=True, timeout=patience)
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout.strip()


def number_in(info, name):
    """A number of INFO; None if there is none of that name."""
    found = re.search(rf"^{name}:(\d+)\r?$", info, re.MULTILINE)
    return int(found[1]) if found else None


def find_figure(port, name):
    return number_in(ask(port, "INFO"), name)


def figure(port, name):
    value = find_figure(port, name)
    if value is None:
        raise RuntimeError(f"INFO of port {port} has no {name}")
    return value


def wait_until(condition, what, seconds=START_SECONDS, step=0.1):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {seconds} s: {what}")
        time.sleep(step)


class Running:
    """The servers of one part; at its end their processes end, the last first, and their data goes."""

    def __init__(self, folder, environment=None):
        """`environment`: what the servers find in theirs, beside what is in ours."""
        self.folder = tempfile.mkdtemp(prefix="servers-", dir=folder)
        self.environment = os.environ | (environment or {})
        self.processes = []
        self.count = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in self.processes:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder)

    def add(self, server):
        self.count += 1
        server.start(self, os.path.join(self.folder, str(self.count)))
        return server

    def spawn(self, folder, *command):
        """A second time with the same folder: it goes on there."""
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "log"), "a") as log:
            # In a group of their own, so that a Ctrl-C reaches them through __exit__ only.
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       start_new_session=True, env=self.environment)
        self.processes.append(process)
        return process


class Redis:
    def __init__(self, *flags):
        self.flags = flags

    @classmethod
    def always(cls):
        return cls("--appendonly", "yes", "--appendfsync", "always")

    @classmethod
    def memory(cls):
        return cls("--appendonly", "no", "--repl-diskless-sync-delay", "0")

    @classmethod
    def replica_of(cls, master, durable=False):
        disk = ("--appendonly", "yes", "--appendfsync", "always") if durable else ("--appendonly", "no")
        return cls(*disk, "--replicaof", "127.0.0.1", str(master.port()))

    def start(self, running, folder):
        self.running, self.folder = running, folder
        self._port = free_port()
        self.launch()
        wait_until(lambda: ask(self._port, "PING") == "PONG", "redis-server does not answer")

    def launch(self):
        self.process = self.running.spawn(self.folder, "redis-server", "--bind", "127.0.0.1", "--port",
                                          str(self._port), "--dir", self.folder, "--save", "", *self.flags)

    def port(self):
        return self._port

    def pids(self):
        return [self.process.pid]


class Holdfast:
    """Nodes of one cluster; `flags` go to each."""

    def __init__(self, bench, nodes, *flags):
        self.binary = bench.program("holdfast")
        self.nodes = nodes
        self.flags = flags

    def start(self, running, folder):
        self.running, self.folder = running, folder
        os.makedirs(folder)
        self.ports = self.choose_addresses()
        self.processes = {}
        for port in self.ports:
            self.launch(port)
        wait_until(lambda: self.leader() is not None, "Holdfast has no leader")
        wait_until(self.whole, "the nodes of Holdfast do not come together")

    def choose_addresses(self):
        # Next to the port for clients: those for HTTP, for peers and for cluster clients.
        return [free_port((0, 1000, 10000, 20000)) for _ in range(self.nodes)]

    def launch(self, port):
        """Starts a node, for the first time or again."""
        node = os.path.join(self.folder, str(port))
        join = ",".join(f"127.0.0.1:{one}" for one in self.ports)
        flags = ["--join", join] if self.nodes > 1 else []
        self.processes[port] = self.running.spawn(
            node, self.binary, "server", "--listen", f"127.0.0.1:{port}", "--data",
            os.path.join(node, "data"), *flags, *self.flags)

    def ask(self, port, *words):
        return ask(port, *words)

    def leader(self):
        for port in self.ports:
            if re.search(r"^holdfast_role:leader", self.ask(port, "INFO"), re.MULTILINE):
                return port
        return None

    def whole(self):
        """Whether all nodes follow, and have what the leader had when asked."""
        leader = self.leader()
        if leader is None:
            return False
        info = self.ask(leader, "INFO")
        applied = number_in(info, "holdfast_applied_index")
        if number_in(info, "connected_slaves") != self.nodes - 1:
            return False
        applied_of = (number_in(self.ask(port, "INFO"), "holdfast_applied_index") for port in self.ports)
        return all((one or 0) >= applied for one in applied_of)

    def port(self):
        """The leader's; a plain client may ask any node, which forwards."""
        wait_until(lambda: self.leader() is not None, "Holdfast has no leader")
        return self.leader()

    def pids(self):
        return [process.pid for process in self.processes.values()]


class Etcd:
    def start(self, running, folder):
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
