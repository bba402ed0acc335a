"""What clients notice of a snapshot that the leader takes, under half of its load."""

import statistics
import threading
import time

import servers
from context import Page
from loads import CONNECTIONS, Load
from report import number, ratio, table
from standstills import Standstills

NAME = "snapshot"
SIZES = "1024,65536,1024,1048576"  # in turn: 272 KiB on average
MEAN = (1024 + 65536 + 1024 + 1048576) / 4
TURN = "holdfast_longest_turn_usec"
WITHOUT, WITH = "without", "with a snapshot"
FIGURES = ("p50_us", "p99_us", "p999_us", "longest_us")
# Seconds. A window measures the machine if that stood still for longer at a time, or if its memory crawled
# for longer in all.
STANDSTILL = 0.005
CRAWL = 0.005


class Snapshot(threading.Thread):
    """Wants a snapshot of the node, and waits until it is there."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port = port
        self.seconds = None

    def run(self):
        began = time.monotonic()
        index = servers.ask(self.port, "HOLDFAST", "BACKUP")
        servers.ask(self.port, "HOLDFAST", "IMAGE", index, 0)  # a node makes one when it is asked for it
        while (servers.find_figure(self.port, "holdfast_snapshot_index") or 0) < int(index):
            time.sleep(0.05)
        self.seconds = time.monotonic() - began


class Windows:
    """Spans of load on a schedule, on one side or the other."""

    def __init__(self, load, port, rate, seconds):
        self.load, self.port, self.rate, self.seconds = load, port, rate, seconds
        self.found = {WITHOUT: [], WITH: []}

    def measure(self, side):
        servers.ask(self.port, "CONFIG", "RESETSTAT")
        machine = Standstills(self.seconds + 0.2)
        window = self.load.open([self.port], rate=self.rate, seconds=self.seconds, warm_up=0.2,
                                connections=CONNECTIONS)
        window["turn_us"] = servers.find_figure(self.port, TURN)
        window["standstills"] = machine.found()
        print(f"  {side}: {window}", flush=True)
        self.found[side].append(window)

    def counted(self, side):
        """Those in which the machine ran, if they are half of all: what happens most of the time may be no
        accident of the machine's, but what is measured."""
        those = [one for one in self.found[side] if ran(one)]
        return those if 2 * len(those) >= len(self.found[side]) else self.found[side]


def ran(window):
    found = window["standstills"]
    return found is None or (max(found["still"], default=0) <= STANDSTILL and sum(found["memory"]) <= CRAWL)


def median(windows, figure):
    return statistics.median(window[figure] for window in windows)


def longest(windows, figure):
    return max((window[figure] for window in windows if window[figure] is not None), default=None)


def run(bench):
    bytes_wanted = bench.choose(256 << 20, 2 << 30)
    load = Load(bench)
    with servers.Running(bench.folder) as running:
        # Nobody takes one unasked.
        cluster = running.add(servers.Holdfast(bench, 3, "--snapshot-after-bytes", str(1 << 40)))
        load.closed("fill", [cluster.port()], total=int(bytes_wanted / MEAN), value_sizes=SIZES,
                    connections=8, seconds=600)
        servers.wait_until(cluster.whole, "the nodes do not come together", 120)
        port = cluster.port()
        rate = load.closed("set", [port], seconds=bench.choose(1, 3), warm_up=0.3)["per_second"] / 2
        windows = Windows(load, port, rate, bench.choose(2, 8))
        taken = []
        for _ in range(bench.choose(1, 2)):
            for _ in range(3):
                windows.measure(WITHOUT)
            taken.append(Snapshot(port))
            taken[-1].start()
            # To its end, and the removal of the log behind it.
            for _ in range(12):
                over = taken[-1].seconds is not None
                windows.measure(WITH)
                if over:
                    break
            taken[-1].join()
            time.sleep(bench.choose(1, 5))
        if servers.figure(port, "used_memory") < bytes_wanted * 0.9:
            raise RuntimeError("the large values are gone: what was measured is something else")
    return report(bytes_wanted, windows, taken)


def report(bytes_wanted, windows, taken):
    page = Page("A snapshot under load")
    page.say(
        f"Three nodes with {bytes_wanted / 2**30:.2g} GiB in values of 1 KiB, 64 KiB and 1 MiB, and "
        f"{number(windows.rate)} SETs of 16 bytes a second, half of what 50 connections reach, on a "
        f"schedule, in windows of {windows.seconds} s: three without a snapshot, then until the leader has "
        f"taken one, and once more. It took {' and '.join(f'{one.seconds:.1f} s' for one in taken)}.")
    rows = []
    for side, all_of_them in windows.found.items():
        for place, one in enumerate(all_of_them, 1):
            still = one["standstills"]
            rows.append([f"{side}, {place}", *(number(one[name]) for name in (*FIGURES, "turn_us")),
                         *(["?", "?"] if still is None else
                           [f"{max(still['still'], default=0) * 1000:.0f} ms",
                            f"{sum(still['memory']) * 1000:.0f} ms"]),
                         "yes" if one in windows.counted(side) else "no"])
    page.say(table(["µs", "median", "99 %", "99.9 %", "longest", "longest turn", "machine stood still",
                    "memory crawled", "counts"], rows))
    page.say(
        "The machine stood still where all its processors did at once; the longest time is shown. Its "
        "memory crawled where a watcher of real-time priority needed more than 1 ms, not 0.05, to read 100 "
        "bytes here and there of memory that it alone uses; all such times together are shown "
        "(bench/standstills.py). What a window measured then is the host. Windows with more than "
        f"{STANDSTILL * 1000:.0f} ms of the first or {CRAWL * 1000:.0f} ms of the second are shown and do "
        "not count, unless they are more than half of a side's: then all of them do.")
    with_one, without = windows.counted(WITH), windows.counted(WITHOUT)
    turn = longest(with_one, "turn_us")
    if turn is None:
        page.skip("the longest loop turn", f"INFO has no {TURN}")
    page.judge("snapshot/turn", None if turn is None else turn / 1000)
    latency = median(with_one, "p999_us") / median(without, "p999_us")
    page.judge("snapshot/latency", latency)
    page.say(f"Medians of the 99.9th percentile, with / without: {ratio(latency)}. The longest turn is that "
             "of all windows with a snapshot that count.")
    return page
