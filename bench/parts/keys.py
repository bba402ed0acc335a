"""Very many small keys: what they take in memory, and how long a restart takes with them."""

import statistics
import time

import processes
import servers
from context import Page
from loads import Load
from report import number, ratio, table

NAME = "keys"
SIDES = ["one node", "redis always"]
CHUNK = 50


def run(bench):
    keys = bench.choose(500_000, 5_000_000)
    load = Load(bench)
    page = Page("Memory and restart")
    rows, memory, restart = [], {}, {}
    with servers.Running(bench.folder) as running:
        targets = dict(zip(SIDES, map(running.add, (servers.Holdfast(bench, 1), servers.Redis.always()))))
        for side, server in targets.items():
            before = processes.resident_bytes(server.pids())
            load.closed("fill", [server.port()], total=keys, value_sizes=32, connections=CHUNK, pipeline=32,
                        seconds=600)
            wait_until_quiet(server)
            memory[side] = (processes.resident_bytes(server.pids()) - before) / keys
            used = servers.figure(server.port(), "used_memory") / keys
            restart[side] = statistics.median(
                restarted(server, side, keys) for _ in range(bench.choose(1, 3)))
            rows.append([side, f"{memory[side]:.1f}", f"{used:.1f}", f"{restart[side]:.2f}"])
            print(f"  {rows[-1]}", flush=True)

    page.say(f"{number(keys)} keys of 16 bytes with values of 32, each written once. Memory is what the "
             "process holds more than when it was empty (RSS), beside it what INFO calls `used_memory`. "
             "Restart is from the start of the process, which was killed with SIGKILL, to the first right "
             "answer; both read files that are still cached.")
    page.say(table(["", "bytes per key", "used_memory per key", "restart, s"], rows))
    page.say(f"Ratios: memory {ratio(memory[SIDES[0]] / memory[SIDES[1]])}, restart "
             f"{ratio(restart[SIDES[0]] / restart[SIDES[1]])}.")
    page.judge("memory", memory[SIDES[0]] / memory[SIDES[1]])
    page.judge("restart", restart[SIDES[0]] / restart[SIDES[1]])
    return page


def wait_until_quiet(server):
    """No snapshot and no rewriting of a log is going on."""
    port = server.port()
    servers.wait_until(lambda: not any(servers.find_figure(port, name) for name in (
        "rdb_bgsave_in_progress", "aof_rewrite_in_progress", "aof_rewrite_scheduled")), "no quiet comes", 300)


def restarted(server, side, keys):
    """Seconds from the start of the process to the first answer that knows the last key."""
    port = server.port()
    for pid in server.pids():
        processes.kill(server.running, pid)
    began = time.monotonic()
    server.launch(port) if isinstance(server, servers.Holdfast) else server.launch()
    last, value = f"key:{keys - 1:012}", "v" * 32
    servers.wait_until(lambda: servers.ask(port, "GET", last) == value, f"{side} does not come back", 300,
                       step=0.002)
    return time.monotonic() - began
