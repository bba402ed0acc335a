"""What is demanded of each measured figure: one row each, judged by report.py, and nothing fails.

A figure is a ratio, or a time, of one run. `least` is the bar, `aim` what we would like; with AT_MOST
the figure is to be smaller, with AT_LEAST greater.
"""

from typing import NamedTuple, Optional

AT_LEAST, AT_MOST = "at least", "at most"


class Bar(NamedTuple):
    key: str
    what: str
    side: str
    least: float
    aim: Optional[float] = None
    unit: str = "×"

    def reaches(self, figure, bound):
        return figure >= bound if self.side == AT_LEAST else figure <= bound

    def verdict(self, figure):
        if figure is None:
            return "not measured"
        if not self.reaches(figure, self.least):
            return "falls short"
        if self.aim is not None and self.reaches(figure, self.aim):
            return "met, and the aim"
        return "met"


def _writes():
    bounds = {1: (0.6, 1.0), 16: (0.8, 1.0), 64: (1.0, 1.3)}
    for pipeline, (least, aim) in bounds.items():
        for word in ("SET", "INCR"):
            yield Bar(f"three/{word}/{pipeline}", f"3 nodes / redis always: {word}, pipeline {pipeline}",
                      AT_LEAST, least, aim)


BARS = [
    *_writes(),
    Bar("three/etcd", "3 nodes / the best of 3 nodes of etcd: SET, pipeline 1", AT_LEAST, 20),
    Bar("three/wait", "3 nodes / redis and 2 replicas with WAIT 1 after each SET, pipeline 1",
        AT_LEAST, 1.5, 2),
    Bar("one/SET/1", "1 node / redis always: SET, pipeline 1", AT_LEAST, 0.95, 1.0),
    Bar("one/SET/16", "1 node / redis always: SET, pipeline 16", AT_LEAST, 1.2, 1.5),
    Bar("lease/1", "GET by lease / redis without persistence: pipeline 1", AT_LEAST, 0.9, 1.0),
    Bar("lease/16", "GET by lease / redis without persistence: pipeline 16", AT_LEAST, 1.1, 1.3),
    Bar("lease/64", "GET by lease / redis without persistence: pipeline 64", AT_LEAST, 1.1, 1.3),
    Bar("quorum/16", "GET by quorum / by lease: 3 nodes, pipeline 16", AT_LEAST, 0.7, 0.85),
    Bar("locks/pairs", "lock pairs on 3 nodes / SET NX PX + EVAL on redis always: 10,000 names",
        AT_LEAST, 0.75, 1.0),
    Bar("locks/latency", "one lock, 100 waiters: hand-overs a second × commit latency", AT_LEAST, 0.7),
    Bar("locks/poll", "one lock, 100 waiters: hand-overs / those of 100 who poll redis", AT_LEAST, 5),
    Bar("costs/set", "work for a SET at pipeline 16: 3 nodes together / redis always", AT_MOST, 2.5, 2.0),
    Bar("snapshot/turn", "longest loop turn while a snapshot is taken", AT_MOST, 10, 3, "ms"),
    Bar("snapshot/latency", "99.9th percentile of SET with a snapshot / without", AT_MOST, 2),
    Bar("memory", "memory per key, 16 B and 32 B / redis", AT_MOST, 1.0, 0.7),
    Bar("restart", "restart with all these keys / redis loading its AOF", AT_MOST, 1.0, 0.5),
    Bar("failover/kill/p90", "leader killed to next acknowledged write: 90th percentile",
        AT_MOST, 300, 150, "ms"),
    Bar("failover/kill/longest", "leader killed to next acknowledged write: longest",
        AT_MOST, 1000, None, "ms"),
    Bar("failover/stop/p90", "leader silent (SIGSTOP): 90th percentile", AT_MOST, 1000, 500, "ms"),
]
