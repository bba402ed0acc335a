#!/usr/bin/env python3
"""A lock and a guarded write, by redis-py: same_lock.py HOST:PORT,… NAME TURNS [TTL_MS WORK_MS]

Raises {NAME}:total by one in each turn, by reading and writing it: without the lock additions would be
lost. Whoever comes too late is refused, says so and ends with 1.
"""

import os
import socket
import sys
import time
import uuid

import redis

PASSING = ("NOLEADER", "UNKNOWN", "LOADING")  # no answer to the command itself: ask again


class Cluster:
    """Asks whichever node answers, until there is an answer: for commands that may be repeated."""

    def __init__(self, addresses):
        self.addresses = addresses.split(",")
        self.next = os.getpid()
        self.connection = None

    def call(self, *words):
        while True:
            try:
                if self.connection is None:
                    host, port = self.addresses[self.next % len(self.addresses)].rsplit(":", 1)
                    self.next += 1
                    self.connection = redis.Redis(host=host, port=int(port), socket_timeout=10)
                return self.connection.execute_command(*words)
            except (redis.ConnectionError, redis.TimeoutError):
                self.connection = None  # the next node
            except redis.ResponseError as error:
                if not str(error).startswith(PASSING):
                    raise
            time.sleep(0.05)


class Lock:
    def __init__(self, cluster, name, ttl_ms):
        self.cluster, self.name, self.ttl_ms = cluster, name, ttl_ms
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex}"

    def acquire(self):
        """The token. Repeated under the same owner it is the same grant, or the same place in the queue."""
        while True:
            grant = self.cluster.call("LOCK.ACQUIRE", self.name, self.owner, "TTL", self.ttl_ms,
                                      "WAIT", 5000)
            if grant is not None:
                return grant[0]

    def write(self, token, key, value):
        """FENCED if a later holder has been here."""
        self.cluster.call("GUARD", self.name, token, "SET", key, value)

    def release(self, token):
        try:
            self.cluster.call("LOCK.RELEASE", self.name, token)
        except redis.ResponseError as error:
            if not str(error).startswith("LOST"):  # then it had ended before
                raise


def main():
    cluster, name, turns = Cluster(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    ttl_ms, work_ms = map(int, sys.argv[4:6] or (10000, 10))
    lock, key = Lock(cluster, name, ttl_ms), f"{{{name}}}:total"
    for _ in range(turns):
        token = lock.acquire()
        print("holding", token, flush=True)
        total = int(cluster.call("GET", key) or 0)
        time.sleep(work_ms / 1000)
        try:
            lock.write(token, key, total + 1)
        except redis.ResponseError as error:
            print("too late:", error)
            return 1
        lock.release(token)
    print(turns, "turns")
    return 0


if __name__ == "__main__":
    sys.exit(main())
