#!/usr/bin/env python3
"""Leadership is handed over under load, again and again, as planned work does it.

    tests/process/test_transfer.py [--transfers N] [--clients N]

The clients and the judge are those of test_kill.py. A stall is the longest time without an
acknowledged write from just before a transfer until 200 ms after it, or until another node leads if
that takes longer; 99 of 100 are to be shorter than 50 ms. If one of fewer is not, it takes a hundred to tell.
"""

import argparse
import statistics
import sys
import time

from judge import judge, measured
from nodes import Cluster
from test_kill import Load

STALL_LIMIT_MS = 50
ENOUGH = 100  # transfers, to tell what 99 of 100 do
MOVE_LIMIT_S = 5


def too_long(stalls):
    return sum(stall >= STALL_LIMIT_MS for stall in stalls)


def hand_over(cluster, load, leader):
    """Returns the node that leads then, and the stall in milliseconds, up to the move."""
    connection = cluster.connect(leader)
    began = time.monotonic()
    connection.call("HOLDFAST", "TRANSFER")
    connection.close()
    time.sleep(0.2)
    heir = cluster.wait_for_leader()
    # A disk that stands still now and then keeps the heir from promising for as long: that is a stall.
    while heir == leader and time.monotonic() - began < MOVE_LIMIT_S:
        time.sleep(0.01)
        heir = cluster.wait_for_leader()
    ended = time.monotonic()
    answers = sorted(answered for journal in load.journals()
                     for _, answered in journal.acknowledged[-2000:] if began <= answered <= ended)
    moments = [began, *answers, ended]
    stall = max(after - before for before, after in zip(moments, moments[1:])) * 1000
    return heir, stall


def transfers(options):
    with Cluster(3, log_as_shipped=True) as cluster:
        load = Load(cluster, options.clients, begin=False)
        stalls, moved = [], 0
        try:
            # Whoever waits for a lock writes nothing meanwhile, whether or not leadership moves.
            for client in load.clients[2:]:
                client.turns_taken = ["count", "keep", "count_once", "write_and_read"]
            load.begin()
            time.sleep(0.5)
            leader = cluster.wait_for_leader()
            while len(stalls) < options.transfers or (len(stalls) < ENOUGH and too_long(stalls) == 1):
                before = leader
                leader, stall = hand_over(cluster, load, before)
                moved += leader != before
                stalls.append(stall)
        finally:
            load.end()
        verdict = judge(load.journals(), load.prefix, [cluster.connect(node) for node in cluster.nodes()])
        verdict.claim(moved == len(stalls), f"{moved} of {len(stalls)} transfers moved")
        verdict.claim_in_time(
            too_long(stalls) * ENOUGH <= len(stalls),
            f"99 of 100 stalls below {STALL_LIMIT_MS} ms: {too_long(stalls)} of {len(stalls)} are not, "
            f"median {statistics.median(stalls):.0f}, longest {max(stalls):.0f}")
        cluster.keep = verdict.failed > 0
        print(f"{verdict.passed} passed, {verdict.failed} failed")
        return verdict


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--transfers", type=int, default=20)
    parser.add_argument("--clients", type=int, default=8)
    options = parser.parse_args()
    return measured(lambda: transfers(options))


if __name__ == "__main__":
    sys.exit(main())
