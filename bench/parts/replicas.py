"""Writes that are on more than one machine: three nodes beside Redis with two replicas and WAIT."""

import servers
from context import Page, Rounds
from loads import Load
from report import number, ratio, table

NAME = "replicas"
OURS = "three nodes"
# (kind of load, pipeline, whether the master's disk counts)
THEIRS = {"redis: SET, WAIT 1": (1, False), "redis: both in one write": (2, False),
          "redis always: SET, WAIT 1": (1, True), "redis always: both in one write": (2, True)}
JUDGED = "redis: SET, WAIT 1"


def with_replicas(running, master):
    running.add(master)
    for _ in range(2):
        running.add(servers.Redis.replica_of(master))
    servers.wait_until(lambda: servers.ask(master.port(), "INFO", "replication").count("state=online") == 2,
                       "the replicas do not join")
    return master


def run(bench):
    load = Load(bench)
    rounds = Rounds(bench.choose(2, 5))
    seconds = bench.choose(0.6, 2)
    page = Page("Beside Redis with replicas")
    with servers.Running(bench.folder) as running:
        ours = running.add(servers.Holdfast(bench, nodes=3))
        masters = {False: with_replicas(running, servers.Redis.memory()),
                   True: with_replicas(running, servers.Redis.always())}

        def measure(row, side):
            pipeline, durable = THEIRS.get(side, (1, False))
            kind, port = ("set", ours.port()) if side == OURS else ("wait", masters[durable].port())
            done = load.closed(kind, [port], connections=50, pipeline=pipeline, seconds=seconds, warm_up=0.2)
            return done["per_second"]
        rounds.run(["SET"], [OURS, *THEIRS], measure)

    page.say("SET of 16 bytes by 50 connections. Each waits for its answer, and at Redis then says WAIT 1 "
             "and waits again, as a client at pipeline 1 does; that is what is judged. Beside it: SET and "
             "WAIT in one write, and a master with `appendfsync always` (the replicas never keep anything "
             "on disk; ours are on two disks).")
    page.say(table(["SET a second", "", "three nodes, so many times"], [
        [side, number(rounds.median("SET", side)), ratio(rounds.ratio("SET", OURS, side))]
        for side in [OURS, *THEIRS]]))
    page.judge("three/wait", rounds.ratio("SET", OURS, JUDGED))
    return page
