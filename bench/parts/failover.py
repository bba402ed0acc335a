"""How long writes stand still when the leader dies, falls silent, or cannot be reached, under load."""

import json
import os
import select
import signal
import statistics
import time

import network
import servers
from context import Page
from loads import Load
from report import number, table

NAME = "failover"
SETTLE_S = 0.7  # of load, once all nodes are together again
SILENT_S = 2.0
PATIENCE_S = 60
SHARE = 0.5  # of what the nodes can do


class Trial:
    """A cluster under a load that goes on while its leader is disturbed."""

    def __init__(self, cluster, load, rate):
        self.cluster = cluster
        self.process = load.start_open(cluster.ports, rate=rate, seconds=0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def settle(self):
        servers.wait_until(self.cluster.whole, "the nodes do not come together again", 60, step=0.05)
        self.say("spread")  # a third of the connections at each node, as in the beginning
        time.sleep(SETTLE_S)
        return self.cluster.leader()

    def mark(self, moment_ns):
        """Milliseconds from that moment to the first acknowledgement of a write that was sent after it."""
        self.say(f"mark {moment_ns}")
        if not select.select([self.process.stdout], [], [], PATIENCE_S)[0]:
            raise TimeoutError(f"no write was acknowledged for {PATIENCE_S} s")
        return json.loads(self.process.stdout.readline())["ms"]

    def finish(self):
        said, _ = self.process.communicate("stop\n")
        return json.loads(said.strip().split("\n")[-1])


def kill(trial, cluster):
    leader = trial.settle()
    pid = cluster.processes[leader].pid
    os.kill(pid, signal.SIGKILL)
    waited = trial.mark(time.monotonic_ns())
    cluster.processes[leader].wait()
    cluster.launch(leader)
    return waited


def stop(trial, cluster):
    leader = trial.settle()
    process = cluster.processes[leader]
    process.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    try:
        waited = trial.mark(time.monotonic_ns())
        time.sleep(max(0.0, SILENT_S - (time.monotonic() - began)))
    finally:
        process.send_signal(signal.SIGCONT)
    return waited


def drop(trial, cluster):
    leader = trial.settle()
    with cluster.silent(leader):
        waited = trial.mark(time.monotonic_ns())
        time.sleep(SILENT_S)
    return waited


def repeat(name, count, disturb, trial, cluster):
    waits = []
    for i in range(count):
        waits.append(disturb(trial, cluster))
        print(f"  {name} {i + 1}: {waits[-1]:.0f} ms", flush=True)
    return waits


def top_rate(load, cluster, seconds):
    """By as many connections to all nodes, each of which waits for its answer."""
    return load.closed("set", cluster.ports, seconds=seconds, warm_up=0.3)["per_second"]


def percentile(waits, share):
    waits = sorted(waits)
    return waits[min(len(waits) - 1, int(len(waits) * share))]


def row_of(name, waits):
    return [name, str(len(waits)), *(number(value) for value in (
        min(waits), statistics.median(waits), percentile(waits, 0.9), max(waits)))]


def run(bench):
    load = Load(bench)
    page = Page("Failover under load")
    rows, ends = [], {}
    with servers.Running(bench.folder) as running:
        cluster = running.add(servers.Holdfast(bench, nodes=3))
        rate = SHARE * top_rate(load, cluster, bench.choose(1, 3))
        for key, name, count, disturb in (("kill", "SIGKILL", bench.choose(10, 50), kill),
                                          ("stop", "SIGSTOP", bench.choose(3, 20), stop)):
            with Trial(cluster, load, rate) as trial:
                waits = repeat(name, count, disturb, trial, cluster)
                trial.settle()
                ends[name] = trial.finish()
            rows.append(row_of(name, waits))
            page.judge(f"failover/{key}/p90", percentile(waits, 0.9))
            if key == "kill":
                page.judge("failover/kill/longest", max(waits))
    rows += dropped_packets(bench, page)

    page.say(f"Three nodes under {number(rate)} SETs a second, spread over all of them on a schedule that "
             "does not wait, half of what they can do. The leader is disturbed; time is from there to the "
             "acknowledgement of the first write sent after it, in milliseconds. Between two disturbances "
             "all three nodes come together again.")
    page.say(table(["leader", "times", "shortest", "median", "90 %", "longest"], rows))
    for name, end in ends.items():
        page.say(f"{name}: of {number(end['sent'])} writes {number(end['answered'])} were acknowledged, "
                 f"{number(end['refused'])} refused, and {number(end['lost'])} lost with their connection.")
    return page


def dropped_packets(bench, page):
    """In a network of its own, if this user may make one."""
    reason = network.why_not()
    if reason:
        page.skip("failover with dropped packets", reason)
        return []
    count = bench.choose(3, 20)
    with network.Namespace() as space, servers.Running(bench.folder) as running:
        cluster = running.add(network.SpacedHoldfast(bench, space))
        load = network.SpacedLoad(bench, space)
        rate = SHARE * top_rate(load, cluster, bench.choose(1, 3))
        with Trial(cluster, load, rate) as trial:
            waits = repeat("packets dropped", count, drop, trial, cluster)
            trial.finish()
    return [row_of("packets dropped", waits)]
