"""What a measurement was made on, without names of hosts."""

import datetime
import os
import platform
import statistics
import subprocess
import time


def today():
    return datetime.date.today().isoformat()


def _field(path, name):
    with open(path) as file:
        for line in file:
            key, _, value = line.partition(":")
            if key.strip() == name:
                return value.strip()
    return "unknown"


def describe():
    memory = int(_field("/proc/meminfo", "MemTotal").split()[0]) / 2**20
    return (f"{os.cpu_count()} cores ({_field('/proc/cpuinfo', 'model name')}), {memory:.0f} GiB, "
            f"Linux {platform.release()}; all servers and clients on it, over loopback")


def describe_disk(folder):
    """The file system, and how long it takes to sync 4 KiB there: this bounds every durable write."""
    kind = subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True, text=True).stdout.strip()
    path = os.path.join(folder, "sync-probe")
    file = os.open(path, os.O_CREAT | os.O_WRONLY)
    times = []
    for i in range(200):
        began = time.perf_counter()
        os.pwrite(file, os.urandom(4096), i * 4096)
        os.fdatasync(file)
        times.append((time.perf_counter() - began) * 1000)
    os.close(file)
    os.unlink(path)
    times.sort()
    return (f"{kind}; 4 KiB appended and synced in {statistics.median(times):.2f} ms "
            f"(99th of 100: {times[197]:.2f} ms)")


def version(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    return (done.stdout or done.stderr).strip().split("\n")[0]
