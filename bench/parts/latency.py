"""Percentiles at fixed rates, counted from the moment at which a command was due."""

import servers
from context import Page
from loads import Load
from report import number, table

NAME = "latency"
SHARES = [0.25, 0.5, 0.75]
PERCENTILES = ["p50_us", "p90_us", "p99_us", "p999_us", "longest_us"]


def run(bench):
    load = Load(bench)
    seconds = bench.choose(2, 10)
    page = Page("Latency at fixed rates")
    page.say("SET of 16 bytes over 50 connections, at shares of the rate that 50 connections reach when "
             "each waits for its answer. Commands leave when a schedule says so, whatever the answers do, "
             f"and their time counts from then (`holdfast_load open`); {seconds} s each. Microseconds. "
             "*Behind*: how late the generator itself was, at most, in milliseconds.")
    rows = []
    with servers.Running(bench.folder) as running:
        sides = {"three nodes": running.add(servers.Holdfast(bench, nodes=3)).port(),
                 "redis always": running.add(servers.Redis.always()).port()}
        tops = {side: load.closed("set", [port], seconds=seconds / 2, warm_up=0.3)["per_second"]
                for side, port in sides.items()}
        for share in SHARES:
            for side, port in sides.items():
                done = load.open([port], rate=tops[side] * share, seconds=seconds, warm_up=0.5)
                print(f"  {share:.0%} {side}: {done}", flush=True)
                if done["refused"] or done["lost"]:
                    raise RuntimeError(f"{side} refused or lost commands: {done}")
                rows.append([f"{side}, {share:.0%}", number(tops[side] * share),
                             *(number(done[name]) for name in PERCENTILES), f"{done['late_ms']:.1f}"])
    page.say(table(["", "a second", "median", "90 %", "99 %", "99.9 %", "longest", "behind"], rows))
    return page
