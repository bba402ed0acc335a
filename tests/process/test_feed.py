#!/usr/bin/env python3
"""Who reads a feed misses nothing and sees nothing twice, through changes of leader and reconnects.

Writers write pairs of keys in transactions, and keys that end by themselves, through all nodes. Meanwhile
the leader is killed, or hands over, --changes times. A watcher reads the feed from its beginning, in small
pages, with BLOCK, leaving its connection now and then for one to another node; it knows nothing but the
position that it was told last.
"""

import argparse
import collections
import random
import sys
import threading
import time

import wire
from nodes import Cluster

CONNECTION_LOST = (OSError, EOFError)
# Certainly not done.
REFUSED = ("NOLEADER", "LOADING", "BUSY")


class Client:
    """Keeps to a connection until it breaks, then takes one to another node."""

    def __init__(self, cluster, number):
        self.cluster = cluster
        self.next_node = number
        self.connection = None

    def leave(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def call(self, *commands):
        """The answers to commands sent as one."""
        if self.connection is None:
            self.next_node = (self.next_node + 1) % len(self.cluster.ports)
            self.connection = self.cluster.connect(self.next_node, timeout=15)
        try:
            for words in commands:
                self.connection.send(*words)
            answers = []
            for _ in commands:
                try:
                    answers.append(self.connection.receive())
                except wire.ErrorReply as error:
                    answers.append(error)
            return answers
        except CONNECTION_LOST:
            self.leave()
            raise


class Writer(threading.Thread):
    def __init__(self, cluster, number, stop):
        super().__init__()
        self.client = Client(cluster, number)
        self.number = number
        self.stop = stop
        self.done = []      # acknowledged
        self.unknown = []
        self.short = []     # keys that end by themselves, acknowledged
        self.problem = None

    def run(self):
        value = 0
        while not self.stop.is_set():
            value += 1
            name = f"f:{self.number}"
            short = f"f:t{self.number}.{value}"
            try:
                answers = self.client.call(("MULTI",), ("SET", name + "a", value),
                                           ("SET", name + "b", value), ("EXEC",),
                                           ("SET", short, "x", "PX", "30"))
            except CONNECTION_LOST:
                self.unknown.append(value)
                time.sleep(0.02)
                continue
            if answers[3] == [b"OK", b"OK"]:
                self.done.append(value)
            elif isinstance(answers[3], wire.ErrorReply) and answers[3].kind() == "UNKNOWN":
                self.unknown.append(value)
            elif not (isinstance(answers[3], wire.ErrorReply) and answers[3].kind() in REFUSED):
                self.problem = f"EXEC was answered by {answers[3]!r}"
                return
            if answers[4] == b"OK":
                self.short.append(short)
            time.sleep(random.uniform(0, 0.02))


class Watcher(threading.Thread):
    def __init__(self, cluster):
        super().__init__()
        self.client = Client(cluster, 0)
        self.position = b"0"
        self.changes = []
        self.pages = []     # lists of values: of a, of b, by writer
        self.reconnects = 0
        self.finish = threading.Event()
        self.problem = None

    def run(self):
        while True:
            last = self.finish.is_set()
            if random.random() < 0.05:
                self.client.leave()
                self.reconnects += 1
            try:
                answer, = self.client.call(("FEED.READ", self.position, "COUNT",
                                            random.randint(1, 9), "BLOCK", "0" if last else "300"))
            except CONNECTION_LOST:
                self.reconnects += 1
                time.sleep(0.02)
                continue
            if isinstance(answer, wire.ErrorReply):
                if answer.kind() in REFUSED:
                    time.sleep(0.02)
                    continue
                self.problem = f"FEED.READ was answered by {answer!r}"
                return
            self.position, changes = answer
            self.changes += changes
            self.pages.append(changes)
            if last and not changes:
                return


def judge(watcher, writers):
    problems = [thread.problem for thread in [watcher, *writers] if thread.problem]
    revisions = [change[3] for change in watcher.changes]
    if revisions != sorted(set(revisions)):
        problems.append("revisions do not grow from change to change")
    seen = collections.defaultdict(collections.Counter)
    for key, operation, value, _ in watcher.changes:
        seen[key.decode()][(operation, value)] += 1
    for page in watcher.pages:
        halves = collections.Counter()
        for key, _, value, _ in page:
            if key.endswith(b"a") or key.endswith(b"b"):
                halves[(key[:-1], value)] += 1
        split = [half for half, count in halves.items() if count != 2]
        if split:
            problems.append(f"a page holds half of a transaction: {split}")
    for writer in writers:
        may_be = set(writer.done) | set(writer.unknown)
        for half in "ab":
            told = {int(value): count
                    for (_, value), count in seen[f"f:{writer.number}{half}"].items()}
            for value in writer.done:
                if told.get(value) != 1:
                    problems.append(f"{value} of writer {writer.number} was told {told.get(value, 0)} times")
            problems += [f"{value} of writer {writer.number} was told {count} times, and was not written"
                         for value, count in told.items() if value not in may_be or count > 1]
        for short in writer.short:
            told = {operation: count for (operation, _), count in seen[short].items()}
            if told != {b"set": 1, b"expire": 1, b"expired": 1}:
                problems.append(f"{short} was told as {told}")
    return problems


def change_leader(cluster, number):
    leader = cluster.wait_for_leader()
    if number % 2 == 0:
        cluster.kill(leader)
        cluster.wait_for_leader()
        cluster.start(leader)
        cluster.wait_until_level()
        return
    deadline = time.monotonic() + 20
    while cluster.wait_for_leader() == leader:
        if time.monotonic() > deadline:
            raise TimeoutError("leadership was not handed over")
        connection = cluster.connect(leader)
        try:
            connection.call("HOLDFAST", "TRANSFER")
        except (*CONNECTION_LOST, wire.ErrorReply):
            pass
        finally:
            connection.close()
        time.sleep(0.2)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--changes", type=int, default=20)
    parser.add_argument("--writers", type=int, default=3)
    options = parser.parse_args()
    with Cluster(3) as cluster:
        client = Client(cluster, 0)
        deadline = time.monotonic() + 20
        while client.call(("FEED.DECLARE", "f:", "RETAIN", "BYTES", "67108864"))[0] != b"OK":
            assert time.monotonic() < deadline, "no feed could be declared"
            time.sleep(0.1)
        stop = threading.Event()
        watcher = Watcher(cluster)
        writers = [Writer(cluster, number, stop) for number in range(options.writers)]
        for thread in [watcher, *writers]:
            thread.start()
        try:
            for number in range(options.changes):
                change_leader(cluster, number)
                time.sleep(0.2)
        finally:
            stop.set()
            for writer in writers:
                writer.join()
            time.sleep(1)  # what is to end by itself has ended
            watcher.finish.set()
            watcher.join()
        problems = judge(watcher, writers)
        done = sum(len(writer.done) for writer in writers)
        unknown = sum(len(writer.unknown) for writer in writers)
        print(f"{options.changes} changes of leader, {watcher.reconnects} reconnects of the watcher, "
              f"{len(watcher.pages)} pages, {len(watcher.changes)} changes, {done} transactions done, "
              f"{unknown} unknown")
        if problems:
            cluster.keep = True
            print("\n".join(problems[:20]))
        return 1 if problems or done == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
