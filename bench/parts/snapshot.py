"""What clients notice of a snapshot: the leader takes them, one after the other, under half its load."""

import threading
import time

import servers
from context import Page
from loads import CONNECTIONS, Load
from report import number, ratio, table

NAME = "snapshot"
SIZES = "1024,65536,1024,1048576"  # in turn: 272 KiB on average
MEAN = (1024 + 65536 + 1024 + 1048576) / 4
TURN = "holdfast_longest_turn_usec"
WITHOUT, WITH = "without", "with snapshots"


class Snapshots(threading.Thread):
    """Wants a snapshot of the node, and the next when that is there, until told to stop."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port = port
        self.over = threading.Event()
        self.taken = []  # seconds

    def run(self):
        while not self.over.is_set():
            began = time.monotonic()
            index = servers.ask(self.port, "HOLDFAST", "BACKUP")
            servers.ask(self.port, "HOLDFAST", "IMAGE", index, 0)  # a node makes one when it is asked for it
            while not self.over.wait(0.05):
                if (servers.find_figure(self.port, "holdfast_snapshot_index") or 0) >= int(index):
                    self.taken.append(time.monotonic() - began)
                    print(f"  a snapshot in {self.taken[-1]:.1f} s", flush=True)
                    break

    def finish(self):
        self.over.set()
        self.join()


def run(bench):
    bytes_wanted = bench.choose(256 << 20, 2 << 30)
    seconds = bench.choose(4, 20)
    load = Load(bench)
    page = Page("A snapshot under load")
    found, turns = {}, {}
    with servers.Running(bench.folder) as running:
        # Nobody takes one unasked.
        cluster = running.add(servers.Holdfast(bench, 3, "--snapshot-after-bytes", str(1 << 40)))
        load.closed("fill", [cluster.port()], total=int(bytes_wanted / MEAN), value_sizes=SIZES,
                    connections=8, seconds=600)
        servers.wait_until(cluster.whole, "the nodes do not come together", 120)
        port = cluster.port()
        rate = load.closed("set", [port], seconds=bench.choose(1, 3), warm_up=0.3)["per_second"] / 2
        for side in (WITHOUT, WITH):
            snapshots = Snapshots(port)
            if side == WITH:
                snapshots.start()
                time.sleep(0.2)
            servers.ask(port, "CONFIG", "RESETSTAT")
            found[side] = load.open([port], rate=rate, seconds=seconds, warm_up=0.2, connections=CONNECTIONS)
            turns[side] = servers.find_figure(port, TURN)
            busy = servers.find_figure(port, "rdb_bgsave_in_progress")
            if servers.figure(port, "used_memory") < bytes_wanted * 0.9:
                raise RuntimeError("the large values are gone: what was measured is something else")
            if side == WITH:
                snapshots.finish()
            print(f"  {side}: {found[side]}", flush=True)
    if not busy and not snapshots.taken:
        raise RuntimeError("no snapshot was taken: what was measured is something else")

    page.say(f"Three nodes with {bytes_wanted / 2**30:.2g} GiB in values of 1 KiB, 64 KiB and 1 MiB, and "
             f"{number(rate)} SETs of 16 bytes a second, half of what 50 connections reach, on a schedule; "
             f"{seconds} s without a snapshot, and {seconds} s in which the leader takes one after the "
             f"other. {len(snapshots.taken)} were finished, the quickest in "
             f"{min(snapshots.taken, default=0):.1f} s.")
    page.say(table(["µs", "median", "99 %", "99.9 %", "longest", "longest turn"], [
        [side, *(number(one[name]) for name in ("p50_us", "p99_us", "p999_us", "longest_us")),
         number(turns[side])] for side, one in found.items()]))
    if turns[WITH] is None:
        page.skip("the longest loop turn", f"INFO has no {TURN}")
    page.judge("snapshot/turn", None if turns[WITH] is None else turns[WITH] / 1000)
    page.judge("snapshot/latency", found[WITH]["p999_us"] / found[WITHOUT]["p999_us"])
    page.say("99.9th percentile with / without: "
             f"{ratio(found[WITH]['p999_us'] / found[WITHOUT]['p999_us'])}.")
    return page
