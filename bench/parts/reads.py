"""Linearizable reads of the leader: by lease beside Redis without persistence, and by quorum."""

import servers
from context import Page, Rounds
from loads import RedisBenchmark, standard
from report import number, ratio, table

NAME = "reads"
PIPELINES = [1, 16, 64]
SIDES = ["lease", "quorum", "redis memory"]


def run(bench):
    benchmark = RedisBenchmark(bench.choose(0.5, 1.5))
    rounds = Rounds(bench.choose(2, 5))
    page = Page("Linearizable reads")
    with servers.Running(bench.folder) as running:
        clusters = {"lease": running.add(servers.Holdfast(bench, 3, "--reads", "lease")),
                    "quorum": running.add(servers.Holdfast(bench, 3, "--reads", "quorum")),
                    "redis memory": running.add(servers.Redis.memory())}
        for cluster in clusters.values():
            benchmark.rate(cluster.port(), *standard("SET"), pipeline=16)
        before = {side: reads_by(clusters[side], side) for side in ("lease", "quorum")}
        rounds.run(PIPELINES, SIDES, lambda pipeline, side: benchmark.rate(
            clusters[side].port(), *standard("GET"), pipeline=pipeline))
        shares = {side: reads_by(clusters[side], side) - before[side] for side in before}
        for side, count in shares.items():
            if count <= 0:
                raise RuntimeError(f"no read was answered by {side}: what was measured is something else")

    page.say("`redis-benchmark -c 50 -P 1|16|64 -r 100000 -t get` against the leader of three nodes, which "
             f"take no writes meanwhile; medians of {rounds.count} rounds of about {benchmark.seconds:g} s.")
    page.say(table(["GET a second", *SIDES, "lease / redis", "quorum / lease"], [
        [f"pipeline {pipeline}", *(number(rounds.median(pipeline, side)) for side in SIDES),
         ratio(rounds.ratio(pipeline, "lease", "redis memory")),
         ratio(rounds.ratio(pipeline, "quorum", "lease"))]
        for pipeline in PIPELINES]))
    for pipeline in PIPELINES:
        page.judge(f"lease/{pipeline}", rounds.ratio(pipeline, "lease", "redis memory"))
    page.judge("quorum/16", rounds.ratio(16, "quorum", "lease"))
    return page


def reads_by(cluster, how):
    """How many reads the leader has answered so, by its own count."""
    return servers.figure(cluster.port(), f"holdfast_reads_by_{how}")
