"""What a command costs: processor time, instructions where they can be counted, system calls."""

import counters
import processes
import servers
from context import Page
from loads import RedisBenchmark, standard
from report import number, ratio, table

NAME = "costs"
SIDES = ["three nodes", "one node", "redis always", "redis memory"]
PIPELINES = [1, 16]


def run(bench):
    benchmark = RedisBenchmark(bench.choose(0.7, 2))
    page = Page("What a command costs")
    unit, count_work = counters.work()
    calls_by, count_calls = counters.system_calls()
    if unit != counters.INSTRUCTIONS:
        page.skip("instructions per "
                  "command", "this machine has no counter for them; processor time stands in their place")
    if count_calls is None:
        page.skip("system calls per command", calls_by)
    rows, work = [], {}
    with servers.Running(bench.folder) as running:
        targets = dict(zip(SIDES, map(running.add, (servers.Holdfast(bench, 3), servers.Holdfast(bench, 1),
                                                    servers.Redis.always(), servers.Redis.memory()))))
        for pipeline in PIPELINES:
            for side, server in targets.items():
                def load():
                    return commands_during(server, lambda: benchmark.rate(server.port(), *standard("SET"),
                                                                          pipeline=pipeline))
                load()
                work[pipeline, side] = count_work(server.pids(), load)
                calls = count_calls(server.pids(), load) if count_calls else None
                cpu = counters.processor_time(server.pids(), load)
                instructions = work[pipeline, side] if unit == counters.INSTRUCTIONS else None
                rows.append([f"{side}, pipeline {pipeline}", number(instructions), ratio(cpu), ratio(calls)])
                print(f"  {rows[-1]}", flush=True)

    page.say("Per SET of 16 bytes, by 50 connections of `redis-benchmark`, of all processes of a side "
             "together: instructions in user mode and kernel, processor time in µs (user and system, all "
             "threads), system "
             "calls" + (f" ({calls_by})." if count_calls else "."))
    page.say(table(["SET", "instructions", "processor, µs", "system calls"], rows))
    page.say("Three nodes / redis always, in " + unit + ": " + "; ".join(
        f"pipeline {pipeline}: "
        f"{ratio(work[pipeline, SIDES[0]] / work[pipeline, SIDES[2]])}" for pipeline in PIPELINES) + ".")
    page.judge("costs/set", work[16, SIDES[0]] / work[16, SIDES[2]])
    return page


def commands_during(server, load):
    """How many commands the server that was asked carried out, by its own count."""
    before = servers.figure(server.port(), "total_commands_processed")
    load()
    return servers.figure(server.port(), "total_commands_processed") - before
