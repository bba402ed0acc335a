"""Durable writes where a sync takes longer than here: what a slower disk leaves of the ratios."""

import os

import servers
from context import Page, Rounds
from loads import RedisBenchmark, standard
from report import number, ratio, table

NAME = "disks"
SHIM = "libslow_sync.so"
SIDES = ["three nodes", "one node", "redis always"]
DELAYS_MS = [0, 1, 10]
LOADS = [(50, 1), (50, 16), (500, 1)]  # connections, pipeline


def row_of(delay, connections, pipeline):
    return f"{delay} ms more, pipeline {pipeline}, {connections} connections"


def measure_with(bench, delay, rounds, load):
    slowly = {"LD_PRELOAD": bench.program(SHIM), "HOLDFAST_SYNC_DELAY_US": str(delay * 1000)}
    with servers.Running(bench.folder, slowly) as running:
        sides = dict(zip(SIDES, [running.add(servers.Holdfast(bench, nodes=3)),
                                 running.add(servers.Holdfast(bench, nodes=1)),
                                 running.add(servers.Redis.always())]))
        kinds = {row_of(delay, *kind): kind for kind in LOADS}

        def measure(row, side):
            connections, pipeline = kinds[row]
            return load.rate(sides[side].port(), *standard("SET"), connections=connections, pipeline=pipeline)
        rounds.run(kinds, SIDES, measure)


def run(bench):
    rounds = Rounds(bench.choose(1, 3))
    page = Page("On slower disks")
    if not os.path.exists(bench.program(SHIM)):
        page.skip("slower disks", f"{SHIM} is not built")
        return page
    for delay in DELAYS_MS:
        measure_with(bench, delay, rounds, RedisBenchmark(bench.choose(0.5, 1.5)))
    page.say("SET of 16 bytes by `redis-benchmark`. Each sync of each server returns so much later "
             "(`bench/slow_sync`); three nodes sync at a time, as three machines would. No bar asks for it.")
    page.say(table(["SET a second", *SIDES, "three / always", "one / always"], [
        [row, *(number(rounds.median(row, side)) for side in SIDES),
         *(ratio(rounds.ratio(row, side, "redis always")) for side in SIDES[:2])]
        for delay in DELAYS_MS for row in (row_of(delay, *kind) for kind in LOADS)]))
    return page
