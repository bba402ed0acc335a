"""Durable writes beside three nodes of etcd: the best of two clients at several numbers of calls at once."""

import shutil

import servers
from context import Page, Rounds
from loads import Load
from report import number, ratio, table

NAME = "etcd"
# The loads of `etcdctl check perf` and their numbers of clients. It writes keys of 276 bytes and values of
# 1024, for 60 seconds, and never faster than the load's own limit: those of s and m are 150 and 1000 a
# second, no measure of etcd.
LOADS = {"l": 500, "xl": 1000}
CALLS = [(50, 1), (50, 4), (100, 10)]  # connections, and calls at once on each
OURS, ETCD = "three nodes", "etcd, gRPC"
JUDGED = (OURS, 50, 1)


def run(bench):
    page = Page("Beside etcd")
    if not (shutil.which("etcd") and shutil.which("etcdctl")):
        page.skip("etcd", "there is no etcd and etcdctl (etcd-server, etcd-client)")
        return page
    load = Load(bench)
    rounds = Rounds(bench.choose(2, 5))
    seconds = bench.choose(1, 3)
    with servers.Running(bench.folder) as running:
        ours = running.add(servers.Holdfast(bench, nodes=3))
        etcd = running.add(servers.Etcd())

        def measure(row, side):
            length = {"seconds": seconds, "warm_up": 0.3}
            server, connections, calls = side
            if server == OURS:
                return load.closed("set", [ours.port()], connections=connections, pipeline=calls,
                                   **length)["per_second"]
            return load.etcd(etcd.ports, connections=connections, calls=calls, **length)["per_second"]
        try:
            rounds.run(["SET"], [(server, *calls) for calls in CALLS for server in (OURS, ETCD)], measure)
        except RuntimeError as error:
            page.skip("etcd over gRPC", str(error).strip().splitlines()[-1])
        for one in [] if bench.quick else LOADS:
            rounds.note("SET", one, etcd.check_perf(one))
            rounds.note("SET", JUDGED, measure("SET", JUDGED))

    names = {(ETCD, *calls): f"{ETCD}, {calls[0]} connections, calls at once on each: {calls[1]}"
             for calls in CALLS}
    names |= {one: f"etcd, `etcdctl check perf --load {one}`, {LOADS[one]} clients" for one in LOADS}
    found = {side: rounds.median("SET", side) for side in names if rounds.median("SET", side)}
    best = max(found.values(), default=None)
    page.say("Ours: 50 connections to the leader of three nodes, SET of 16 bytes, each waits for its "
             "answer. etcd: puts of the same sizes over gRPC, "
             "calls spread over its three nodes (`holdfast_load etcd`)" + ("." if bench.quick else
             "; and its own `check perf`, with keys of 276 bytes and values of 1024."))
    page.say("What is judged is our 50 commands at once beside the best of etcd's, which has 1,000; the last "
             "two columns are ours with as many as etcd has in that row.")
    own = rounds.median("SET", JUDGED)
    head = ["writes a second", "", "three nodes, so many times", "ours, as many at once", "so many times"]
    page.say(table(head, [[OURS, number(own), "", "", ""]] + [
        [names[side], number(rate), ratio(own / rate), *as_many(rounds, side, rate)]
        for side, rate in found.items()]))
    page.judge("three/etcd", own / best if best else None)
    return page


def as_many(rounds, side, rate):
    ours = rounds.median("SET", (OURS, *side[1:])) if side not in LOADS else None
    return [number(ours), ratio(ours / rate)] if ours else ["", ""]
