"""Writes that are on more than one machine: three nodes beside Redis with two replicas and WAIT."""

import servers
from context import Page, Rounds
from loads import Load
from report import number, ratio, table

NAME = "replicas"
OURS = "three nodes"
# (pipeline, who has `appendfsync always`)
THEIRS = {"redis: SET, WAIT 1": (1, "nobody"), "redis: both in one write": (2, "nobody"),
          "redis always: SET, WAIT 1": (1, "master"), "redis always: both in one write": (2, "master"),
          "redis always, replicas too: SET, WAIT 1": (1, "all")}
JUDGED = "redis: SET, WAIT 1"


def with_replicas(running, who):
    master = running.add(servers.Redis.memory() if who == "nobody" else servers.Redis.always())
    for _ in range(2):
        running.add(servers.Redis.replica_of(master, durable=who == "all"))
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
        masters = {who: with_replicas(running, who) for who in ("nobody", "master", "all")}

        def measure(row, side):
            pipeline, who = THEIRS.get(side, (1, ""))
            kind, port = ("set", ours.port()) if side == OURS else ("wait", masters[who].port())
            done = load.closed(kind, [port], connections=50, pipeline=pipeline, seconds=seconds, warm_up=0.2)
            return done["per_second"]
        rounds.run(["SET"], [OURS, *THEIRS], measure)

    page.say("SET of 16 bytes by 50 connections. Each waits for its answer, and at Redis then says WAIT 1 "
             "and waits again, as a client at pipeline 1 does; that is what is judged. Beside it: SET and "
             "WAIT in one write, a master with `appendfsync always`, and replicas that have it too: the "
             "nearest to what our nodes promise, which answer when a write is on two disks (WAIT does not "
             "ask whether a replica's disk has it).")
    page.say(table(["SET a second", "", "three nodes, so many times"], [
        [side, number(rounds.median("SET", side)), ratio(rounds.ratio("SET", OURS, side))]
        for side in [OURS, *THEIRS]]))
    page.judge("three/wait", rounds.ratio("SET", OURS, JUDGED))
    return page
