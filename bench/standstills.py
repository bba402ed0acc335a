"""Moments in which the machine itself stood still, all of its processors at once.

A machine that is a guest of another is stopped now and then: for what its host does about its memory, or
because it has used up its share of a period. Whatever is measured then is the host, and it looks like a slow
server. A watcher of real-time priority on each processor sleeps and wakes; where all of them woke late
at the same time, nothing on this machine ran.
"""

import json
import os
import subprocess
import sys
import time

NAP = 0.003
LATE = 0.004  # what a busy machine does not do to a process of real-time priority


class Standstills:
    """Watches for so many seconds from now on."""

    def __init__(self, seconds):
        self.watchers = [
            subprocess.Popen([sys.executable, __file__, str(seconds), str(cpu)], stdout=subprocess.PIPE,
                             text=True)
            for cpu in sorted(os.sched_getaffinity(0))]

    def found(self):
        """How long each was, in seconds. None: this machine gives nobody such a priority."""
        late = [watcher.communicate()[0] for watcher in self.watchers]
        if any(watcher.returncode for watcher in self.watchers):
            return None
        return together([json.loads(one) for one in late])


def together(late):
    """What the spans [begin, end] of all lists have in common, as lengths."""
    common = late[0]
    for spans in late[1:]:
        common = [(max(a[0], b[0]), min(a[1], b[1])) for a in common for b in spans
                  if min(a[1], b[1]) > max(a[0], b[0])]
    return [end - begin for begin, end in common if end - begin >= LATE]


def watch(seconds, cpu):
    try:
        os.sched_setaffinity(0, {cpu})
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
    except PermissionError:
        return 1
    late = []
    until = time.monotonic() + seconds
    while (began := time.monotonic()) < until:
        time.sleep(NAP)
        woke = time.monotonic()
        if woke - began - NAP >= LATE:
            late.append((began + NAP, woke))
    print(json.dumps(late))
    return 0


if __name__ == "__main__":
    sys.exit(watch(float(sys.argv[1]), int(sys.argv[2])))
