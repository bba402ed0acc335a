"""Locks: many names, and one that everybody wants."""

import statistics

import servers
from context import Page, Rounds
from loads import Load
from report import number, ratio, table

NAME = "locks"
OURS, THEIRS = "three nodes", "redis always"
NAMES = 10_000
WAITERS = 100


def run(bench):
    load = Load(bench)
    seconds = bench.choose(1, 3)
    rounds = Rounds(bench.choose(2, 5))
    latencies = []
    page = Page("Locks")
    with servers.Running(bench.folder) as running:
        ports = {OURS: running.add(servers.Holdfast(bench, nodes=3)).port(),
                 THEIRS: running.add(servers.Redis.always()).port()}
        kinds = {("pairs", OURS): "lock", ("pairs", THEIRS): "redis-lock",
                 ("hand-overs", OURS): "contend", ("hand-overs", THEIRS): "redis-poll"}

        def measure(row, side):
            keys, connections = (NAMES, 50) if row == "pairs" else (1, WAITERS)
            if (row, side) == ("hand-overs", OURS):
                latencies.append(load.closed("set", [ports[OURS]], connections=1, seconds=seconds / 2,
                                             warm_up=0.1)["p50_us"])
                print(f"  commit latency {latencies[-1]:.0f} µs", flush=True)
            done = load.closed(kinds[row, side], [ports[side]], keys=keys, connections=connections,
                               seconds=seconds, warm_up=0.3)
            return done["per_second"]
        rounds.run(["pairs", "hand-overs"], [OURS, THEIRS], measure)

    latency = statistics.median(latencies)
    page.say(f"Pairs: 50 connections, {NAMES:,} names, `LOCK.ACQUIRE` and `LOCK.RELEASE`, against `SET NX "
             f"PX` and an `EVAL` that compares and deletes. Hand-overs: {WAITERS} connections want one lock, "
             "hold it for no time and want it again; ours wait in its queue, those of Redis try again every "
             "10 ms, half a period more or less. Commit latency: one connection alone, SET after SET, "
             "median.")
    page.say(table(["a second", OURS, THEIRS, "ratio"], [
        [row, number(rounds.median(row, OURS)), number(rounds.median(row, THEIRS)),
         ratio(rounds.ratio(row, OURS, THEIRS))] for row in ("pairs", "hand-overs")]))
    page.say(f"Commit latency: {latency:.0f} µs; a hand-over takes "
             f"{1e6 / rounds.median('hand-overs', OURS):.0f} µs.")
    page.judge("locks/pairs", rounds.ratio("pairs", OURS, THEIRS))
    page.judge("locks/latency", rounds.median("hand-overs", OURS) * latency / 1e6)
    page.judge("locks/poll", rounds.ratio("hand-overs", OURS, THEIRS))
    return page
