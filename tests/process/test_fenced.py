#!/usr/bin/env python3
"""What a fence is for: a holder that sleeps through its TTL, wakes up and writes.

Each holder is in a process of its own. It asks whether it still holds the lock, is told that it does,
and is stopped before it writes (SIGSTOP), for three times its TTL. Meanwhile another takes the lock and
writes. Then the first goes on. Under GUARD its write must be refused, every time; under plain SET it is
not, and destroys what the present holder wrote: both are shown, side by side.

    test_fenced.py [--rounds 200]
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import unittest

import nodes
import wire
from nodes import Cluster

ROUNDS = 200
AT_ONCE = 8
TTL_MS = 150


def hold(host, port, name):
    """The life of a holder: acquires, makes sure, (is stopped here), writes both ways."""
    connection = wire.Connection(host, int(port), timeout=30)
    token = connection.call("LOCK.ACQUIRE", name, f"sleeper {os.getpid()}", "TTL", TTL_MS,
                            "WAIT", 20000)[0]
    if connection.call("LOCK.CHECK", name, token) != 1:
        print("lost", token, flush=True)
        return
    print("holds", token, flush=True)
    sys.stdin.readline()
    try:
        guarded = connection.call("GUARD", name, token, "SET", f"{{{name}}}:guarded", "late").decode()
    except wire.ErrorReply as error:
        guarded = error.kind()
    plain = connection.call("SET", f"{{{name}}}:plain", "late").decode()
    print("wrote", guarded, plain, flush=True)


def serve():
    """What a process of holders does: one life for each line HOST PORT NAME."""
    while line := sys.stdin.readline():
        hold(*line.rstrip("\n").split(" ", 2))


@contextlib.contextmanager
def sleeper():
    """A process that holds for one round after the other: a Python of its own for each of them was most of
    what this test took."""
    process = subprocess.Popen([sys.executable, __file__, "--serve"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True, preexec_fn=nodes.die_with_parent)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


class Round:
    """One holder that is stopped, and one that comes after."""

    def __init__(self, cluster, number):
        self.cluster = cluster
        self.name = f"door {number}"
        self.leader = number % 3

    def run(self, holder):
        host, port = self.cluster.endpoints()[self.leader].split(":")
        holder.stdin.write(f"{host} {port} {self.name}\n")
        holder.stdin.flush()
        return self.past(holder)

    def past(self, holder):
        said = holder.stdout.readline().split()
        if said[0] != "holds":
            return None  # the machine was too slow for this TTL: no round
        holder.send_signal(signal.SIGSTOP)
        holder.stdin.write("go on\n")  # which it reads when it wakes
        holder.stdin.flush()
        time.sleep(3 * TTL_MS / 1000)
        other = self.cluster.connect((self.leader + 1) % 3, timeout=30)
        try:
            token = other.call("LOCK.ACQUIRE", self.name, "present", "TTL", 60000, "WAIT", 20000)[0]
            assert token > int(said[1]), (token, said)
            for key in ("guarded", "plain"):
                other.call("GUARD", self.name, token, "SET", f"{{{self.name}}}:{key}", "present")
            holder.send_signal(signal.SIGCONT)
            wrote = holder.stdout.readline().split()
            left = [other.call("GET", f"{{{self.name}}}:{key}") for key in ("guarded", "plain")]
            return tuple(wrote[1:]), tuple(left)
        finally:
            other.close()


class Fenced(unittest.TestCase):
    def test_a_holder_that_slept_is_refused_every_time(self):
        results = []
        broken = []
        with Cluster(3) as cluster:
            cluster.wait_for_leader()
            numbers = iter(range(ROUNDS * 3))
            done = threading.Event()

            def work():
                with sleeper() as holder:
                    rounds(holder)

            def rounds(holder):
                while not done.is_set():
                    try:
                        result = Round(cluster, next(numbers)).run(holder)
                    except Exception as error:  # noqa: BLE001: told below, and the test fails
                        broken.append(repr(error))
                        return
                    if result is not None:
                        results.append(result)
                    if len(results) >= ROUNDS:
                        done.set()

            workers = [threading.Thread(target=work) for _ in range(AT_ONCE)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
        self.assertEqual(broken, [])
        self.assertGreaterEqual(len(results), ROUNDS)
        self.assertEqual(set(results), {(("FENCED", "OK"), (b"present", b"late"))})
        print(f"{len(results)} holders slept through three times their TTL: under GUARD {len(results)} "
              f"late writes were refused, under plain SET {len(results)} were done")


if __name__ == "__main__":
    if "--serve" in sys.argv:
        serve()
        sys.exit(0)
    if "--rounds" in sys.argv:
        at = sys.argv.index("--rounds")
        ROUNDS = int(sys.argv[at + 1])
        del sys.argv[at:at + 2]
    unittest.main(warnings="ignore")
