"""What running processes use, read from /proc; and their sudden end."""

import glob
import os
import re
import signal


def resident_bytes(pids):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/status") as status:
            total += int(re.search(r"VmRSS:\s+(\d+)", status.read())[1]) * 1024
    return total


def cpu_seconds(pids):
    """User and system time of all threads so far, to the nanosecond where the kernel counts so."""
    total = 0
    for pid in pids:
        for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
            with open(path) as stat:
                total += int(stat.read().split()[0])
    return total / 1e9


def kill(running, pid):
    """SIGKILL, to a process that is one of ours; waits for its end."""
    process = next(one for one in running.processes if one.pid == pid)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
