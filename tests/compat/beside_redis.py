#!/usr/bin/env python3
"""differential.py beside a redis-server of its own: beside_redis.py HOST PORT

Empties the endpoint.
"""

import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "process"))

import nodes
import wire

STEPS = 4000


def wait_for(port):
    for _ in range(100):
        try:
            return wire.Connection("127.0.0.1", port, timeout=5).call("PING")
        except OSError:
            time.sleep(0.05)
    raise TimeoutError("redis-server does not answer")


def main():
    host, subject = sys.argv[1:]
    [reference] = nodes.free_ports(1)
    with tempfile.TemporaryDirectory(prefix="holdfast-reference-") as folder:
        server = subprocess.Popen(
            ["redis-server", "--bind", "127.0.0.1", "--port", str(reference), "--save", "", "--dir", folder],
            stdout=subprocess.DEVNULL, preexec_fn=nodes.die_with_parent)
        try:
            wait_for(reference)
            return subprocess.run(
                [sys.executable, f"{HERE}/differential.py", "--host", host, "--reference", str(reference),
                 "--subject", subject, "--steps", str(STEPS)]).returncode
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    sys.exit(main())
