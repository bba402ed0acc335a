"""Real nodes on 127.0.0.1, for tests: started, found, killed, stopped.

    with Cluster(3) as cluster:
        leader = cluster.wait_for_leader()
        cluster.kill(leader)

A node is named by its number, 0 to N-1. The binary is $HOLDFAST_BIN or build/release/holdfast. Data and
logs lie in a folder for this cluster alone, which is left behind if `keep` is set, and in which a node
that ends by itself has said why: the end of its log is then printed, and leaving the `with` fails.
Only processes started here are signalled, each by its own handle.
"""

import contextlib
import ctypes
import fcntl
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import wire

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
READY_SECONDS = 30

# A start fills a segment of the log with zeros: of the shipped 64 MiB that was the most that the nodes of
# tests did. Small ones are closed and left behind now and then, too.
SMALL_SEGMENTS = ("--segment-bytes", str(4 << 20))

# Next to the port for clients lie those for HTTP, for peers and for cluster clients.
PORT_OFFSETS = (0, 1000, 10000, 20000)
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def die_with_parent():
    """However this test ends, its nodes do not outlive it."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _port_is_free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


# Files locked for as long as this process lives, one for each port that is its own. A node listens at some of
# its ports only when it has found its cluster, and until then another test must not take them.
_own_ports = []


def _make_own(ports):
    folder = os.path.join(tempfile.gettempdir(), f"holdfast-ports-{os.getuid()}")
    os.makedirs(folder, exist_ok=True)
    locked = []
    try:
        for port in ports:
            locked.append(open(os.path.join(folder, str(port)), "w"))
            fcntl.flock(locked[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        for file in locked:
            file.close()
        return False
    _own_ports.extend(locked)
    return True


def free_ports(count):
    """Ports for clients of `count` nodes. All lie below the range that Linux hands out by itself. There are
    fewer than the smallest offset, so that none is another's; `holdfast bench --start` takes higher ones."""
    chosen = []
    while len(chosen) < count:
        port = random.randrange(10200, 11000)
        ports = [port + offset for offset in PORT_OFFSETS]
        if all(map(_port_is_free, ports)) and _make_own(ports):
            chosen.append(port)
    return chosen


@contextlib.contextmanager
def nobody():
    """HOST:PORT that refuses connections as long as this is open: bound, so that nobody else can listen."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"


class Cluster:
    def __init__(self, count=3, flags=(), founders=None, log_as_shipped=False):
        """With `founders` only so many are started, as one cluster; the others join it when started. Where
        outages are measured the log is to be as shipped."""
        self.founders = founders or count
        self.known = range(self.founders)  # whom those who join are told of
        self.binary = os.environ.get("HOLDFAST_BIN") or os.path.join(ROOT, "build/release/holdfast")
        self.flags = list(flags)
        if not log_as_shipped and "--segment-bytes" not in self.flags:
            self.flags += SMALL_SEGMENTS
        self.own_flags = lambda node: ()  # of one node
        self.ports = free_ports(count)
        self.folder = tempfile.mkdtemp(prefix="holdfast-test-")
        self.processes = {}
        self.keep = False

    def __enter__(self):
        for node in range(self.founders):
            self.start(node)
        self.wait_for_leader()
        return self

    def __exit__(self, kind, *_):
        ended = [node for node, process in self.processes.items() if process.poll() is not None]
        for node in ended:
            print(f"Node {node} ended with {self.processes[node].returncode}:\n{self.end_of_log(node)}")
        for node in list(self.processes):
            self.kill(node)
        if self.keep:
            print(f"Data and logs: {self.folder}")
        else:
            shutil.rmtree(self.folder)
        if ended and kind is None:
            raise RuntimeError(f"nodes ended by themselves: {ended}")

    # --- What there is ----------------------------------------------------------------------

    def nodes(self):
        return range(len(self.ports))

    def address(self, node):
        return "127.0.0.1", self.ports[node]

    def addresses(self):
        return [self.address(node) for node in self.nodes()]

    def endpoints(self):
        return [f"{host}:{port}" for host, port in self.addresses()]

    def connect(self, node, timeout=10):
        return wire.Connection(*self.address(node), timeout=timeout)

    def log(self, node):
        return os.path.join(self.folder, f"{node}.log")

    def end_of_log(self, node, lines=20):
        with open(self.log(node), errors="replace") as file:
            return "".join(file.readlines()[-lines:])

    # --- Life and death ---------------------------------------------------------------------

    def start(self, node):
        host, port = self.address(node)
        command = [self.binary, "server", "--listen", f"{host}:{port}", "--data",
                   os.path.join(self.folder, str(node)), *self.flags, *self.own_flags(node)]
        if self.founders > 1 or node >= self.founders:
            known = range(self.founders) if node < self.founders else self.known
            command += ["--join", ",".join(self.endpoints()[other] for other in known)]
        with open(self.log(node), "a") as log:
            self.processes[node] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                                    stderr=log, preexec_fn=die_with_parent)

    def terminate(self, node):
        """SIGTERM: it hands over, if it leads, and ends in order."""
        self.processes[node].terminate()
        return self.processes.pop(node).wait(READY_SECONDS)

    def kill(self, *nodes):
        """kill -9, all of them before waiting for any."""
        for node in nodes:
            self.processes[node].kill()
        for node in nodes:
            self.processes.pop(node).wait()

    def pause(self, node):
        self.processes[node].send_signal(signal.SIGSTOP)

    def resume(self, node):
        self.processes[node].send_signal(signal.SIGCONT)

    # --- Waiting ----------------------------------------------------------------------------

    def info(self, node):
        """The fields of INFO; empty if the node does not answer."""
        try:
            connection = self.connect(node, timeout=1)
            try:
                text = connection.call("INFO", "everything").decode()
            finally:
                connection.close()
        except (OSError, EOFError, wire.ErrorReply):
            return {}
        return dict(re.findall(r"^([^#:\s]+):(.*?)\r?$", text, re.MULTILINE))

    def leader(self):
        """The node that leads. One that was just replaced may not know it yet: the highest epoch wins."""
        leaders = []
        for node in self.processes:
            info = self.info(node)
            if info.get("holdfast_role") == "leader":
                epoch = [int(number) for number in info["holdfast_epoch"].split(".")]
                leaders.append((epoch, node))
        return max(leaders)[1] if leaders else None

    def wait_for_leader(self):
        return self._wait(self.leader, "no node leads")

    def wait_for_newest_words(self):
        """Until the nodes have agreed that all of them know every command."""
        def newest():
            infos = [self.info(node) for node in self.processes]
            return all(info.get("holdfast_level", 0) == info["holdfast_newest_level"] for info in infos)
        self._wait(newest, "the level has not risen")

    def wait_for_roster(self):
        """Until each running node knows of all of them where they are."""
        def complete():
            return all(len(self.roster(node)) == len(self.processes) for node in self.processes)
        self._wait(complete, "the nodes do not know where all of them are")

    def roster(self, node):
        """Whom the node knows of; empty if it does not answer, or belongs to no cluster yet."""
        try:
            connection = self.connect(node, timeout=1)
            try:
                return connection.call("HOLDFAST", "NODES")
            finally:
                connection.close()
        except (OSError, EOFError, wire.ErrorReply):
            return []

    def wait_until_level(self):
        """Until each running node has applied what the leader had committed by now."""
        leader = self.wait_for_leader()
        goal = int(self.info(leader)["holdfast_commit_index"])

        def level():
            return all(int(self.info(node).get("holdfast_applied_index", -1)) >= goal
                       for node in self.processes)
        self._wait(level, f"not all nodes have applied index {goal}")

    def _wait(self, condition, otherwise):
        deadline = time.monotonic() + READY_SECONDS
        while (value := condition()) is None or value is False:  # node 0 may lead
            for node, process in self.processes.items():
                if process.poll() is not None:
                    raise RuntimeError(f"node {node} ended with {process.returncode}:\n"
                                       f"{self.end_of_log(node)}")
            if time.monotonic() > deadline:
                self.keep = True
                logs = "".join(f"\nNode {node}:\n{self.end_of_log(node, 5)}" for node in self.nodes())
                raise TimeoutError(f"after {READY_SECONDS} s: {otherwise}{logs}")
            time.sleep(0.05)
        return value
