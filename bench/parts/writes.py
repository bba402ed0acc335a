"""Durable writes beside redis-server: words, pipelines, connections, sizes."""

import servers
from context import Page, Rounds
from loads import RedisBenchmark, standard
from report import number, ratio, table

NAME = "writes"
WORDS = ["SET", "GET", "INCR"]
PIPELINES = [1, 16, 64]
SIDES = ["three nodes", "one node", "redis always", "redis memory"]


def rows_of(bench):
    """(words, connections, pipeline, value size)"""
    rows = [(word, 50, pipeline, 16) for pipeline in PIPELINES for word in WORDS]
    if not bench.quick:
        rows += [("SET", 500, pipeline, 16) for pipeline in (1, 16)]
        rows += [("SET", 50, pipeline, size) for size in (1024, 65536) for pipeline in (1, 16)]
    return rows


def title(row):
    word, connections, pipeline, size = row
    return (f"{word}, pipeline {pipeline}" + (f", {connections} connections" if connections != 50 else "")
            + (f", {size // 1024} KiB" if size >= 1024 else ""))


def run(bench):
    benchmark = RedisBenchmark(bench.choose(0.5, 1.5))
    rounds = Rounds(bench.choose(2, 5))
    page = Page("Durable writes beside Redis")
    with servers.Running(bench.folder) as running:
        targets = dict(zip(SIDES, (running.add(servers.Holdfast(bench, nodes=3)),
                                   running.add(servers.Holdfast(bench, nodes=1)),
                                   running.add(servers.Redis.always()), running.add(servers.Redis.memory()))))

        def measure(row, side):
            word, connections, pipeline, size = row
            return benchmark.rate(targets[side].port(), *standard(word, size), connections=connections,
                                  pipeline=pipeline)
        for side in SIDES:  # so that GET finds something
            measure(("SET", 50, 16, 16), side)
        rounds.run(rows_of(bench), SIDES, measure)

    page.say("`redis-benchmark -c 50 -P 1|16|64 -r 100000 -d 16 -t set|get|incr` against one node of each, "
             f"of three the one that leads; medians of {rounds.count} rounds of about {benchmark.seconds:g} "
             "s. *always* is `appendfsync always`, *memory* keeps nothing on disk. GET is by quorum here.")
    page.say(table(["a second", *SIDES, "three / always", "one / always"], [
        [title(row), *(number(rounds.median(row, side)) for side in SIDES),
         ratio(rounds.ratio(row, "three nodes", "redis always")),
         ratio(rounds.ratio(row, "one node", "redis always"))] for row in rows_of(bench)]))
    for pipeline in PIPELINES:
        for word in ("SET", "INCR"):
            page.judge(f"three/{word}/{pipeline}",
                       rounds.ratio((word, 50, pipeline, 16), "three nodes", "redis always"))
    for pipeline in (1, 16):
        page.judge(f"one/SET/{pipeline}", rounds.ratio(("SET", 50, pipeline, 16), "one node", "redis always"))
    return page
