"""A network of its own for a cluster: each node in a network namespace, all on one bridge in another.

Taking a node off the bridge drops every packet to and from it, without any end of a connection and without a
word to anybody: what a broken switch does. Nothing outside these namespaces is touched.
"""

import contextlib
import os
import subprocess

import servers
from loads import Load

PORT = 7379


def _ip(*words):
    return subprocess.run(["ip", *words], capture_output=True, text=True)


def why_not():
    """Why this user cannot have such a network here; empty if he can."""
    try:
        with Namespace():
            return ""
    except (OSError, RuntimeError) as error:
        return f"no network namespace can be made here ({str(error).strip().splitlines()[-1]})"


class Namespace:
    NODES = 3

    def __init__(self):
        self.hub = f"holdfast-{os.getpid()}"

    def __enter__(self):
        try:
            self._make()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_):
        self._remove()

    def space(self, i):
        return f"{self.hub}-{i}"

    def _make(self):
        self._run("netns", "add", self.hub)
        self._in(self.hub, "link", "add", "bridge", "type", "bridge")
        self._in(self.hub, "addr", "add", "10.77.0.254/24", "dev", "bridge")
        for device in ("lo", "bridge"):
            self._in(self.hub, "link", "set", device, "up")
        for i in range(1, self.NODES + 1):
            self._run("netns", "add", self.space(i))
            self._in(self.hub, "link", "add", f"port{i}", "type", "veth", "peer", "name", "eth0", "netns",
                     self.space(i))
            self._in(self.space(i), "addr", "add", f"10.77.0.{i}/24", "dev", "eth0")
            for device in ("lo", "eth0"):
                self._in(self.space(i), "link", "set", device, "up")
            self._in(self.hub, "link", "set", f"port{i}", "master", "bridge", "up")

    def _remove(self):
        for name in [self.space(i) for i in range(1, self.NODES + 1)] + [self.hub]:
            _ip("netns", "del", name)

    def _in(self, space, *words):
        self._run("-n", space, *words)

    def _run(self, *words):
        done = _ip(*words)
        if done.returncode != 0:
            raise RuntimeError(f"ip {' '.join(words)}: {done.stderr.strip()}")

    def inside(self, space, *command):
        return ["ip", "netns", "exec", space, *command]

    @contextlib.contextmanager
    def silent(self, i):
        self._in(self.hub, "link", "set", f"port{i}", "nomaster")
        try:
            yield
        finally:
            self._in(self.hub, "link", "set", f"port{i}", "master", "bridge")


class SpacedLoad(Load):
    """In the namespace of the bridge."""

    def __init__(self, bench, space):
        super().__init__(bench)
        self.space = space

    def command(self, *words, **flags):
        return self.space.inside(self.space.hub, *super().command(*words, **flags))


class SpacedHoldfast(servers.Holdfast):
    """One node in each namespace."""

    def __init__(self, bench, space):
        super().__init__(bench, Namespace.NODES, "--protected-mode=false")
        self.space = space

    def choose_addresses(self):
        return [f"10.77.0.{i}:{PORT}" for i in range(1, self.nodes + 1)]

    def number(self, address):
        return self.ports.index(address) + 1

    def silent(self, address):
        return self.space.silent(self.number(address))

    def launch(self, address):
        secret = os.path.join(self.folder, "secret")
        if not os.path.exists(secret):
            with open(os.open(secret, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
                file.write(os.urandom(32).hex() + "\n")
        node = os.path.join(self.folder, str(self.number(address)))
        self.processes[address] = self.running.spawn(
            node, *self.space.inside(self.space.space(self.number(address))), self.binary, "server",
            "--listen", address, "--data", os.path.join(node, "data"), "--join", ",".join(self.ports),
            "--bootstrap", "--cluster-secret", secret, *self.flags)

    def ask(self, address, *words):
        return servers.ask(address, *words, inside=self.space.inside(self.space.hub))
