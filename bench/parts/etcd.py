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
OURS = "three nodes"


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
            if side == OURS:
                return load.closed("set", [ours.port()], connections=50, **length)["per_second"]
            connections, calls = side
            return load.etcd(etcd.ports, connections=connections, calls=calls, **length)["per_second"]
        try:
            rounds.run(["SET"], [OURS, *CALLS], measure)
        except RuntimeError as error:
            page.skip("etcd over gRPC", str(error).strip().splitlines()[-1])
        for one in [] if bench.quick else LOADS:
            rounds.note("SET", one, etcd.check_perf(one))
            rounds.note("SET", OURS, measure("SET", OURS))

    names = {side: f"etcd, gRPC, {side[0]} connections, calls at once on each: {side[1]}" for side in CALLS}
    names |= {one: f"etcd, `etcdctl check perf --load {one}`, {LOADS[one]} clients" for one in LOADS}
    found = {side: rounds.median("SET", side) for side in names if rounds.median("SET", side)}
    best = max(found.values(), default=None)
    page.say("Ours: 50 connections to the leader of three nodes, SET of 16 bytes, each waits for its "
             "answer. etcd: puts of the same sizes over gRPC, "
             "calls spread over its three nodes (`holdfast_load etcd`)" + ("." if bench.quick else
             "; and its own `check perf`, with keys of 276 bytes and values of 1024."))
    own = rounds.median("SET", OURS)
    page.say(table(["writes a second", "", "three nodes, so many times"], [[OURS, number(own), ""]] + [
        [names[side], number(rate), ratio(own / rate)] for side, rate in found.items()]))
    page.judge("three/etcd", own / best if best else None)
    return page
