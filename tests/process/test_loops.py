#!/usr/bin/env python3
"""Three nodes whose clients' connections are read and written by threads of their own (--loops).

    tests/process/test_loops.py [--loops N] [--requests N]

redis-benchmark runs at the leader, with and without a pipeline, and gets every answer. Then eight clients
write through all nodes (load.py) while it runs again, and its node is killed with kill -9 in the middle of
it. Judged is what the clients were promised (judge.py), and that the node serves again when it is back.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time

from judge import judge
from nodes import Cluster
from test_kill import OUTAGE_LIMIT_MS, Load, kill_leader

CONNECTIONS = 50
PATIENCE_SECONDS = 60


def benchmark(cluster, node, word, pipeline, requests):
    host, port = cluster.address(node)
    return subprocess.Popen(
        ["redis-benchmark", "-h", host, "-p", str(port), "-c", str(CONNECTIONS), "-P", str(pipeline),
         "-r", "1000", "-n", str(requests), "-t", word, "--csv"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def answered(verdict, cluster, node, requests):
    """Every request of it, and as many commands as that are counted by the node."""
    for word, pipeline in [("set", 1), ("set", 16), ("get", 1), ("get", 64)]:
        before = int(cluster.info(node)["total_commands_processed"])
        running = benchmark(cluster, node, word, pipeline, requests)
        printed, _ = running.communicate(timeout=PATIENCE_SECONDS)
        counted = int(cluster.info(node)["total_commands_processed"]) - before
        verdict.claim(running.returncode == 0 and f'"{word.upper()}"' in printed and counted >= requests,
                      f"redis-benchmark {word} -P {pipeline}: {requests} of {counted} commands\n{printed}")


def io_threads(cluster, node):
    tasks = f"/proc/{cluster.processes[node].pid}/task"
    names = []
    for task in os.listdir(tasks):
        with open(f"{tasks}/{task}/comm") as file:
            names.append(file.read().strip())
    return sorted(name for name in names if name.startswith("io-"))


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--loops", type=int, default=2)
    parser.add_argument("--requests", type=int, default=20_000)
    options = parser.parse_args()
    if shutil.which("redis-benchmark") is None:
        print("SKIP: process.loops: redis-benchmark is not installed")
        return 0

    with Cluster(3, flags=["--loops", str(options.loops)], log_as_shipped=True) as cluster:
        load = Load(cluster, 8, begin=False)
        leader = cluster.wait_for_leader()
        load.begin()
        time.sleep(0.5)
        running = benchmark(cluster, leader, "set", 16, 100_000_000)
        time.sleep(0.5)
        under_way = running.poll() is None
        outage = kill_leader(cluster, load)
        running.kill()
        running.communicate()
        load.end()

        verdict = judge(load.journals(), load.prefix, [cluster.connect(node) for node in cluster.nodes()])
        verdict.claim(under_way, "redis-benchmark was under way when its node was killed")
        verdict.claim(outage <= OUTAGE_LIMIT_MS, f"writes go on within {OUTAGE_LIMIT_MS} ms: {outage:.0f}")
        for node in cluster.nodes():
            verdict.claim(len(io_threads(cluster, node)) == options.loops - 1,
                          f"node {node} has {options.loops - 1} I/O threads: {io_threads(cluster, node)}")
        answered(verdict, cluster, cluster.wait_for_leader(), options.requests)
        answered(verdict, cluster, leader, options.requests)  # the one that was killed
        cluster.keep = verdict.failed > 0
        print(f"{outage:.0f} ms without writes; {verdict.passed} passed, {verdict.failed} failed")
        return 1 if verdict.failed else 0


if __name__ == "__main__":
    sys.exit(main())
