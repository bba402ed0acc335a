"""Moments in which the machine itself stood still, or its memory did.

A machine that is a guest of another is stopped now and then, all of its processors at once: because it has
used up its share of a period, say. And its memory is taken away now and then and comes back when it is
touched, page by page: for what the host does about it (a copy of it, say). Then each program crawls that
touches memory, and seems to use the processor all the time. Whatever is measured then is the host, and it
looks like a slow server.

A watcher of real-time priority on each processor sleeps, wakes, and touches some memory of its own. Where
all of them woke late at the same time, nothing on this machine ran. Where that little memory took one of them
many times as long as ever else, it was slow for everybody.
"""

import json
import mmap
import os
import random
import subprocess
import sys
import time

NAP = 0.003
LATE = 0.004  # what a busy machine does not do to a process of real-time priority
MEMORY = 16 << 20
TOUCHES = 100  # 50 microseconds, most of it Python's; 400 on a busy machine once in a thousand times
CRAWL = 0.001


class Standstills:
    """Watches for so many seconds from now on; returns when the watchers have begun."""

    def __init__(self, seconds):
        self.watchers = [
            subprocess.Popen([sys.executable, __file__, str(seconds), str(cpu)], stdout=subprocess.PIPE,
                             text=True)
            for cpu in sorted(os.sched_getaffinity(0))]
        for watcher in self.watchers:
            watcher.stdout.readline()

    def found(self):
        """How long the machine stood still each time, and how long the watchers' memory took each time that
        it crawled, in seconds. None: this machine gives nobody such a priority."""
        said = [watcher.communicate()[0] for watcher in self.watchers]
        if any(watcher.returncode for watcher in self.watchers):
            return None
        said = [json.loads(one) for one in said]
        return {"still": together([one["late"] for one in said]),
                "memory": [took for one in said for took in one["crawled"]]}


def together(late):
    """What the spans [begin, end] of all lists have in common, as lengths."""
    common = late[0]
    for spans in late[1:]:
        common = [(max(a[0], b[0]), min(a[1], b[1])) for a in common for b in spans
                  if min(a[1], b[1]) > max(a[0], b[0])]
    return [end - begin for begin, end in common if end - begin >= LATE]


class Memory:
    def __init__(self):
        self.bytes = mmap.mmap(-1, MEMORY)
        for place in range(0, MEMORY, mmap.PAGESIZE):
            self.bytes[place] = 1
        chosen = random.Random(1)
        self.places = [[chosen.randrange(MEMORY) for _ in range(TOUCHES)] for _ in range(200)]
        self.turn = 0

    def touch(self):
        self.turn += 1
        for place in self.places[self.turn % len(self.places)]:
            self.bytes[place]


def watch(seconds, cpu):
    memory = Memory()
    try:
        os.sched_setaffinity(0, {cpu})
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
    except PermissionError:
        return 1
    print("begun", flush=True)
    late = []
    crawled = []
    until = time.monotonic() + seconds
    while (began := time.monotonic()) < until:
        time.sleep(NAP)
        woke = time.monotonic()
        if woke - began - NAP >= LATE:
            late.append((began + NAP, woke))
        memory.touch()
        took = time.monotonic() - woke
        if took >= CRAWL:
            crawled.append(took)
    print(json.dumps({"late": late, "crawled": crawled}))
    return 0


if __name__ == "__main__":
    sys.exit(watch(float(sys.argv[1]), int(sys.argv[2])))
