"""Durable writes beside redis-server: words, pipelines, connections, sizes."""

import servers
from context import Page, Rounds
from loads import KEYS, RedisBenchmark, standard
from report import number, ratio, table

NAME = "writes"
WORDS = ["SET", "GET", "INCR"]
PIPELINES = [1, 16, 64]
LARGE = 64 << 10  # bytes of a value; of these there are fewer, or four servers fill the memory
FEW_KEYS = 2_000
SIDES = ["three nodes", "one node", "redis always", "redis memory"]


def groups_of(bench):
    """Of rows (words, connections, pipeline, value size). Each group has servers of its own: what large
    values bring, snapshots and rewritten logs of gigabytes, is no part of what small ones cost.
    """
    small = [(word, 50, pipeline, 16) for pipeline in PIPELINES for word in WORDS]
    if bench.quick:
        return [small]
    small += [("SET", 500, pipeline, 16) for pipeline in (1, 16)]
    return [small, *([("SET", 50, pipeline, size) for pipeline in (1, 16)] for size in (1024, 65536))]


def title(row):
    word, connections, pipeline, size = row
    return (f"{word}, pipeline {pipeline}" + (f", {connections} connections" if connections != 50 else "")
            + (f", {size // 1024} KiB" if size >= 1024 else ""))


def measure_group(bench, group, benchmark, rounds):
    with servers.Running(bench.folder) as running:
        targets = dict(zip(SIDES, (running.add(servers.Holdfast(bench, nodes=3)),
                                   running.add(servers.Holdfast(bench, nodes=1)),
                                   running.add(servers.Redis.always()), running.add(servers.Redis.memory()))))

        def measure(row, side):
            word, connections, pipeline, size = row
            return benchmark.rate(targets[side].port(), *standard(word, size), connections=connections,
                                  pipeline=pipeline, keys=KEYS if size < LARGE else FEW_KEYS)
        for side in SIDES:  # so that GET finds something
            measure(("SET", 50, 16, group[0][-1]), side)
        rounds.run(group, SIDES, measure)


def run(bench):
    benchmark = RedisBenchmark(bench.choose(0.5, 1.5))
    rounds = Rounds(bench.choose(2, 5))
    page = Page("Durable writes beside Redis")
    rows = []
    for group in groups_of(bench):
        measure_group(bench, group, benchmark, rounds)
        rows += group

    page.say("`redis-benchmark -c 50 -P 1|16|64 -r 100000 -d 16 -t set|get|incr` against one node of each, "
             f"of three the one that leads (of 64 KiB {FEW_KEYS:,} keys); medians of {rounds.count} rounds "
             f"of about {benchmark.seconds:g} s. *always* is `appendfsync always`, *memory* keeps nothing "
             "on disk. GET is by quorum here.")
    page.say(table(["a second", *SIDES, "three / always", "one / always"], [
        [title(row), *(number(rounds.median(row, side)) for side in SIDES),
         ratio(rounds.ratio(row, "three nodes", "redis always")),
         ratio(rounds.ratio(row, "one node", "redis always"))] for row in rows]))
    for pipeline in PIPELINES:
        for word in ("SET", "INCR"):
            page.judge(f"three/{word}/{pipeline}",
                       rounds.ratio((word, 50, pipeline, 16), "three nodes", "redis always"))
    for pipeline in (1, 16):
        page.judge(f"one/SET/{pipeline}", rounds.ratio(("SET", 50, pipeline, 16), "one node", "redis always"))
    return page
