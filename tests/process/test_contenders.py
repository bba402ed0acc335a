#!/usr/bin/env python3
"""Many contenders on one lock through three nodes, and the leader killed every two seconds.

    tests/process/test_contenders.py [--contenders 2000] [--kills 20]

All of them queue while somebody else has the lock. Then each holds it for a moment, in the order of their
queueing. Who loses his connection asks the next node again, under the same owner: within the grace he finds
his place, after it he queues anew. Judged are:
  - the order: each grant is of a later index in the queue than the one before it, as LOCK.INFO told them;
  - nobody is forgotten, nobody is served twice;
  - at most two entries of the log for a hand-over, beside those that bring back who lost his connection.
"""

import argparse
import collections
import random
import selectors
import socket
import sys
import threading
import time

import wire
from nodes import Cluster

LOCK = "yard"
TTL_MS = 60_000
WAIT_MS = 600_000
AGAIN = 0.05  # seconds until what was refused is asked once more
EVERY = 2.0   # seconds between two kills
DOWN = 0.3    # seconds until the killed node is started again


def encoded(*words):
    return b"".join([b"*%d\r\n" % len(words)]
                    + [b"$%d\r\n%s\r\n" % (len(str(word)), str(word).encode()) for word in words])


def take_reply(buffer):
    """(reply, bytes used) of a whole reply in front, else None. A grant is its token; null is None."""
    end = buffer.find(b"\r\n")
    if end < 0:
        return None
    head = bytes(buffer[:end])
    if head[:1] == b":":
        return int(head[1:]), end + 2
    if head[:1] == b"-":
        return wire.ErrorReply(head[1:].decode()), end + 2
    if head == b"*-1":
        return None, end + 2
    if head != b"*4":
        raise ValueError(f"neither a grant nor an answer to a release: {head!r}")
    lines = bytes(buffer).split(b"\r\n")
    if len(lines) < 7:  # *4, token, ttl, fence, length and text of the mode, and what is behind them
        return None
    return int(lines[1][1:]), sum(len(line) + 2 for line in lines[:6])


class Contender:
    """Waits, holds for a moment, releases. Its node may die at any time."""

    def __init__(self, number, addresses):
        self.owner = f"c{number}"
        self.at = number
        self.addresses = addresses
        self.socket = None
        self.buffer = bytearray()
        self.state = "waiting"  # then "holding", "releasing", "over"
        self.due = 0.0          # when to do something by itself; None: it is answered first
        self.tokens = []        # that it was told
        self.asked = []         # when it asked to be queued: each time after the first brought it back
        self.moved = False      # it has lost its connection since it was granted the lock
        self.withdrawn = False  # and the lock, before it could say that it knew
        self.problems = []

    def words(self):
        if self.state == "waiting":
            return encoded("LOCK.ACQUIRE", LOCK, self.owner, "TTL", TTL_MS, "WAIT", WAIT_MS)
        return encoded("LOCK.RELEASE", LOCK, self.tokens[-1])

    def connect(self):
        """A socket that has been asked, or None: that node is not there."""
        address = self.addresses[self.at % len(self.addresses)]
        try:
            self.socket = socket.create_connection(address, timeout=2)
            self.socket.setblocking(False)
            self.buffer.clear()
            return self.ask()
        except OSError:
            self.disconnect()
            return None

    def ask(self):
        if self.state == "waiting":
            self.asked.append(time.monotonic())
        self.due = None
        self.socket.send(self.words())
        return self.socket

    def disconnect(self):
        if self.socket is not None:
            self.socket.close()
        self.socket = None
        self.moved = self.state != "waiting"
        self.at += 1
        self.due = time.monotonic() + AGAIN * random.random()

    def on_reply(self, reply, hold):
        now = time.monotonic()
        if isinstance(reply, wire.ErrorReply):
            if reply.kind() == "LOST":
                self.withdrawn = self.moved
                if not self.moved:
                    self.problems.append(f"{self.owner}: {reply}")
                self.state = "over"
            self.due = now + AGAIN
        elif self.state == "waiting":
            if reply is None:
                self.problems.append(f"{self.owner} was told that its wait is over")
                self.state = "over"
                return
            self.tokens.append(reply)
            self.state, self.due = "holding", now + hold
        elif self.state == "releasing":
            self.state, self.due = "over", None


class Contest:
    def __init__(self, addresses, contenders, hold):
        self.contenders = [Contender(number, addresses) for number in range(contenders)]
        self.hold = hold
        self.selector = selectors.DefaultSelector()
        self.left = len(self.contenders)

    def leave(self, one):
        self.selector.unregister(one.socket)
        one.disconnect()

    def come(self, one):
        if one.socket is None:
            if one.connect() is not None:
                self.selector.register(one.socket, selectors.EVENT_READ, one)
            return
        try:
            one.ask()
        except OSError:
            self.leave(one)

    def read(self, one):
        try:
            data = one.socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            return self.leave(one)
        one.buffer += data
        taken = take_reply(one.buffer)
        if taken is None:
            return
        reply, used = taken
        del one.buffer[:used]
        one.on_reply(reply, self.hold)
        if one.state == "over":
            self.left -= 1
            self.selector.unregister(one.socket)
            one.socket.close()

    def turn(self):
        """What has come, and what is due."""
        for key, _ in self.selector.select(0.005):
            self.read(key.data)
        now = time.monotonic()
        for one in self.contenders:
            if one.state == "over" or one.due is None or one.due > now:
                continue
            if one.state == "holding":
                one.state = "releasing"
            self.come(one)


class Watch(threading.Thread):
    """The queue and who leads, again and again, as the cluster tells it."""

    def __init__(self, cluster):
        super().__init__(daemon=True)
        self.cluster = cluster
        self.over = threading.Event()
        self.leader = None
        self.snapshots = []  # (asked, answered, [(owner, index)])
        self.problem = None

    def look(self):
        for node in self.cluster.nodes():
            try:
                connection = self.cluster.connect(node, timeout=3)
                asked = time.monotonic()
                info = connection.call("LOCK.INFO", LOCK)
                connection.close()
                queue = [(waiter[0].decode(), waiter[1]) for waiter in info[8]] if info else []
                self.snapshots.append((asked, time.monotonic(), queue))
                return info
            except (OSError, EOFError, wire.ErrorReply):
                continue
        return None

    def run(self):
        try:
            while not self.over.wait(0.2):
                self.look()
                leaders = [(info["holdfast_epoch"], node) for node in self.cluster.nodes()
                           if (info := self.cluster.info(node)).get("holdfast_role") == "leader"]
                self.leader = leaders[0][1] if len(leaders) == 1 else None
        except Exception as error:  # told by whoever waits for the end
            self.problem = error


class Killer:
    """Kills who leads, every two seconds, and starts him again. Of the main thread: a node ends with the
    thread that started it."""

    def __init__(self, cluster, watch, kills):
        self.cluster = cluster
        self.watch = watch
        self.kills = kills
        self.killed = 0
        self.down = None  # (node, when to start it again)
        self.next = time.monotonic() + EVERY / 2

    def turn(self):
        now = time.monotonic()
        if self.down is not None:
            node, when = self.down
            if now >= when:
                self.cluster.start(node)
                self.down = None
        elif self.killed < self.kills and now >= self.next and self.watch.leader is not None:
            leader, self.watch.leader = self.watch.leader, None
            self.cluster.kill(leader)
            self.killed += 1
            self.down = (leader, now + DOWN)
            self.next = max(self.next + EVERY, now + EVERY / 2)


def entries(cluster):
    return int(cluster.info(cluster.wait_for_leader())["holdfast_commit_index"])


def index_of(snapshots, one, by):
    """The index at which it was queued, if a look after it asked last, and before `by`, told it."""
    for asked, answered, queue in reversed(snapshots):
        if answered >= by:
            continue
        if asked < one.asked[-1]:
            return None
        found = queue.get(one.owner)
        if found is not None:
            return found
    return None


def judge(contest, watch, told):
    problems = [problem for one in contest.contenders for problem in one.problems]
    served = collections.Counter(token for one in contest.contenders for token in one.tokens)
    problems += [f"token {token} was given {count} times" for token, count in served.items() if count > 1]
    for one in contest.contenders:
        if len(one.tokens) != 1:
            problems.append(f"{one.owner} was served {len(one.tokens)} times: {one.tokens}")
    snapshots = [(asked, answered, dict(queue)) for asked, answered, queue in watch.snapshots]
    for _, _, queue in watch.snapshots:
        if [index for _, index in queue] != sorted(index for _, index in queue):
            problems.append("a queue was told that is not in the order of its indexes")
            break
    order = sorted((one for one in contest.contenders if one.tokens), key=lambda one: one.tokens[-1])
    known = 0
    before = (0, None)
    for one in order:
        token = one.tokens[-1]
        index = index_of(snapshots, one, told[token])
        if index is None:
            continue
        known += 1
        if index < before[0]:
            problems.append(f"{one.owner}, queued at {index}, was served after {before[1]}, queued at "
                            f"{before[0]}")
        before = (index, one.owner)
    return problems, known


def contend(cluster, contenders, kills):
    holder = cluster.connect(cluster.leader())
    token = holder.call("LOCK.ACQUIRE", LOCK, "starter", "TTL", TTL_MS)[0]
    contest = Contest(cluster.addresses(), contenders, 1.1 * kills * EVERY / contenders)
    watch = Watch(cluster)
    deadline = time.monotonic() + 60
    while True:
        contest.turn()
        if all(one.asked and one.due is None for one in contest.contenders):
            if len((watch.look() or [[]] * 9)[8]) == contenders:
                break
        assert time.monotonic() < deadline, "not all of them came to wait"
    first = entries(cluster)
    began = time.monotonic()
    watch.start()
    killer = Killer(cluster, watch, kills)
    assert holder.call("LOCK.RELEASE", LOCK, token) == 1
    told = {}
    deadline = began + kills * (EVERY + 3) + contenders * 0.02 + 60
    while (contest.left > 0 or killer.down) and watch.problem is None:
        contest.turn()
        killer.turn()
        for one in contest.contenders:
            if one.tokens and one.tokens[-1] not in told:
                told[one.tokens[-1]] = time.monotonic()
        if time.monotonic() > deadline:
            break
    seconds = time.monotonic() - began
    watch.over.set()
    watch.join()
    if watch.problem is not None:
        raise watch.problem
    problems, known = judge(contest, watch, told)
    if killer.killed < kills:
        problems.append(f"only {killer.killed} leaders were killed before all were served")
    if contest.left > 0:
        waiting = [one.owner for one in contest.contenders if one.state == "waiting"]
        problems.append(f"{contest.left} were not served in time; waiting: {waiting[:10]}")
    written = entries(cluster) - first
    # Who comes back after a leader's end does so in a few entries, one for each turn of the new one; and
    # that takes those of dead nodes out of the queue, and has entries of its own.
    most = 2 * contenders + 50 * (killer.killed + 1)
    if written > most:
        problems.append(f"{written} entries were written for {contenders} hand-overs, more than {most}")
    again = sum(len(one.asked) - 1 for one in contest.contenders)
    withdrawn = sum(one.withdrawn for one in contest.contenders)
    print(f"{contenders} contenders, {killer.killed} leaders killed, {seconds:.1f} s: {len(told)} grants in "
          f"the order of the queue, of which the index of {known} is known; {again} times somebody asked "
          f"again, {withdrawn} lost the lock with his node; {written} entries of the log with all that came "
          f"back, {written / contenders:.2f} for each hand-over")
    return problems


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--contenders", type=int, default=200)
    parser.add_argument("--kills", type=int, default=3)
    options = parser.parse_args()
    with Cluster(3) as cluster:
        problems = contend(cluster, options.contenders, options.kills)
        for problem in problems[:20]:
            print(problem)
        cluster.keep = bool(problems)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
