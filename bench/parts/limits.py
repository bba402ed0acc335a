"""What the machine can do at best: a bare echo on our event loop, syncs of the disk, copies of memory."""

import json
import os
import subprocess

import servers
from context import Page
from loads import RedisBenchmark
from report import number, table

NAME = "limits"


class Echo:
    def __init__(self, bench):
        self.binary = bench.program("holdfast_limits")

    def start(self, running, folder):
        self._port = servers.free_port()
        running.spawn(folder, self.binary, "echo", str(self._port))
        servers.wait_until(lambda: servers.ask(self._port, "PING") == "PING", "the echo does not answer")

    def port(self):
        return self._port


def once(bench, *words):
    command = [bench.program("holdfast_limits"), *map(str, words)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def run(bench):
    seconds = bench.choose(0.5, 2)
    benchmark = RedisBenchmark(seconds)
    page = Page("Limits of the machine")
    rows = []
    with servers.Running(bench.folder) as running:
        echo = running.add(Echo(bench))
        memory = running.add(servers.Redis.memory())
        for pipeline in (1, 16, 64):
            rates = [benchmark.rate(server.port(), "-t", "ping_mbulk", pipeline=pipeline)
                     for server in (echo, memory)]
            rows.append([f"PING, pipeline {pipeline}, a second: echo; redis", *map(number, rates)])
            print(f"  {rows[-1]}", flush=True)
        syncs = once(bench, "sync", os.path.join(running.folder, "sync"), seconds)["syncs_per_second"]
    copies = once(bench, "memcpy", seconds)
    rows.append(["4 KiB appended and synced, a second", number(syncs), ""])
    rows.append(["memcpy, GB/s: 64 MiB; 32 KiB", f"{copies['memory_gb_per_second']:.1f}",
                 f"{copies['cache_gb_per_second']:.1f}"])
    page.say("An echo server on our event loop, asked by `redis-benchmark -c 50`: what a server would do "
             "that did nothing. Beside it redis-server, which does almost nothing for PING.")
    page.say(table(["", "", ""], rows))
    return page
