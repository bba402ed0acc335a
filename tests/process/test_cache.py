#!/usr/bin/env python3
"""A crowd that misses one key makes one flight, whatever becomes of who flies.

Members of the crowd ask through all nodes, and wait. Whoever is told to fetch stores what he has fetched,
or his process dies, or somebody changes the key meanwhile, or the leader is killed; each time one is told to
fetch, and the others what he stored.
"""

import argparse
import sys
import threading
import time

import wire
from nodes import Cluster

CONNECTION_LOST = (OSError, EOFError)
WAIT_MS = 30000


class Member(threading.Thread):
    """Asks once, and keeps its connection."""

    def __init__(self, cluster, node, lease_ms):
        super().__init__(daemon=True)
        self.node = node
        self.lease_ms = lease_ms
        self.connection = cluster.connect(node, timeout=WAIT_MS / 1000 + 10)
        self.answer = None
        self.answered = threading.Event()

    def run(self):
        try:
            self.answer = self.connection.call("CACHE.GET", "page", "LEASE", self.lease_ms, "WAIT", WAIT_MS)
        except (*CONNECTION_LOST, wire.ErrorReply) as error:
            self.answer = error
        self.answered.set()

    def lease(self):
        return self.answer[1] if isinstance(self.answer, list) else None


class Crowd:
    def __init__(self, cluster, size, lease_ms):
        self.cluster = cluster
        self.members = [Member(cluster, number % 3, lease_ms) for number in range(size)]
        self.told = set()
        for member in self.members:
            member.start()
        self.wait_for(lambda: self.waiting() == size - 1, "the crowd does not wait")

    def waiting(self):
        leader = self.cluster.leader()
        info = {} if leader is None else self.cluster.info(leader)
        return int(info.get("holdfast_cache_waiters", -1))

    @staticmethod
    def wait_for(condition, otherwise):
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline, otherwise
            time.sleep(0.05)

    def next_to_fetch(self):
        """The member that was told to. There is no other, unless his time is over already."""
        def found():
            return [member for member in self.members if member.lease() and member not in self.told]
        self.wait_for(found, "nobody is told to fetch")
        begun = time.monotonic()
        time.sleep(0.2)
        fetching = sorted(found(), key=Member.lease)
        assert len(fetching) == 1 or time.monotonic() - begun > 0.5, f"{len(fetching)} fetch at once"
        self.told.add(fetching[0])
        return fetching[0]

    def all_told(self, value, lost=()):
        for member in self.members:
            if member in self.told or member in lost:
                continue
            assert member.answered.wait(20), f"a member at node {member.node} is forgotten"
            assert member.answer == value, f"told {member.answer!r} instead of {value!r}"

    def leave(self):
        for member in self.members:
            member.connection.close()


def call(cluster, *words):
    """Through whatever node does it."""
    deadline = time.monotonic() + 30
    while True:
        for node in list(cluster.processes):
            try:
                connection = cluster.connect(node)
                try:
                    return connection.call(*words)
                finally:
                    connection.close()
            except wire.ErrorReply as error:
                if error.kind() != "NOLEADER":
                    raise
            except CONNECTION_LOST:
                pass
        assert time.monotonic() < deadline, f"{words[0]} is not done"
        time.sleep(0.1)


def fill(cluster, lease, value):
    return call(cluster, "CACHE.FILL", "page", lease, value, "PX", 600000)


def one_flight(cluster, size):
    crowd = Crowd(cluster, size, 60000)
    first = crowd.next_to_fetch()
    assert fill(cluster, first.lease(), "one") == 1
    crowd.all_told(b"one")
    assert crowd.waiting() == 0
    crowd.leave()
    assert call(cluster, "CACHE.INVALIDATE", "page") == 1


def who_dies_is_replaced(cluster, size):
    crowd = Crowd(cluster, size, 6000)
    first = crowd.next_to_fetch()
    first.connection.close()
    second = crowd.next_to_fetch()
    assert second.lease() > first.lease()
    assert fill(cluster, first.lease(), "late") == 0
    assert fill(cluster, second.lease(), "two") == 1
    crowd.all_told(b"two")
    crowd.leave()
    assert call(cluster, "DEL", "page") == 1


def a_removal_voids(cluster, size):
    crowd = Crowd(cluster, size, 60000)
    first = crowd.next_to_fetch()
    assert call(cluster, "DEL", "page") == 0
    second = crowd.next_to_fetch()
    assert fill(cluster, first.lease(), "old") == 0
    assert call(cluster, "GET", "page") is None
    assert fill(cluster, second.lease(), "new") == 1
    crowd.all_told(b"new")
    crowd.leave()
    assert call(cluster, "CACHE.INVALIDATE", "page") == 1


def whoever_leaves_is_not_waited_for(cluster, size):
    crowd = Crowd(cluster, size, 60000)
    first = crowd.next_to_fetch()
    left = [member for member in crowd.members if member is not first][::2]
    for member in left:
        member.connection.socket.shutdown(2)
    crowd.wait_for(lambda: crowd.waiting() == size - 1 - len(left), "who left is still waited for")
    assert fill(cluster, first.lease(), "three") == 1
    crowd.all_told(b"three", lost=left)
    crowd.leave()
    assert call(cluster, "CACHE.INVALIDATE", "page") == 1


def a_change_of_leader_forgets_nobody(cluster, size):
    crowd = Crowd(cluster, size, 60000)
    first = crowd.next_to_fetch()
    leader = cluster.wait_for_leader()
    cluster.kill(leader)
    lost = [member for member in crowd.members if member.node == leader]
    cluster.wait_for_leader()
    assert fill(cluster, first.lease(), "four") == 1
    crowd.all_told(b"four", lost=lost)
    crowd.leave()
    cluster.start(leader)
    cluster.wait_until_level()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--crowd", type=int, default=60)
    options = parser.parse_args()
    with Cluster(3) as cluster:
        cluster.wait_until_level()
        for story in (one_flight, who_dies_is_replaced, a_removal_voids, whoever_leaves_is_not_waited_for,
                      a_change_of_leader_forgets_nobody):
            cluster.keep = True  # unless it ends well
            story(cluster, options.crowd)
            cluster.keep = False
            print(f"{story.__name__}: {options.crowd} ask")
    return 0


if __name__ == "__main__":
    sys.exit(main())
