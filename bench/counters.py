"""Counts what processes do per command: with perf where the machine lets it, else with what there is.

Each counter is called with the processes and a load; the load is run and says how many commands it was.
"""

import re
import shutil
import signal
import subprocess
import time

import processes

INSTRUCTIONS, PROCESSOR_TIME = "instructions", "µs of processor time"


def processor_time(pids, load):
    before = processes.cpu_seconds(pids)
    commands = load()
    return (processes.cpu_seconds(pids) - before) * 1e6 / commands


def work():
    """(unit, counter): instructions, if this machine counts them for us."""
    if perf_counts("instructions"):
        return INSTRUCTIONS, lambda pids, load: with_perf("instructions", pids, load)
    return PROCESSOR_TIME, processor_time


def system_calls():
    """(how, counter), or (why not, None)."""
    event = "raw_syscalls:sys_enter"
    if perf_counts(event):
        return f"`perf stat -e {event}`", lambda pids, load: with_perf(event, pids, load)
    if shutil.which("strace") and strace_may_attach():
        return "`strace -c -f`, which slows the processes down", with_strace
    return "neither perf's trace points nor strace can be used here", None


def perf_counts(event):
    if not shutil.which("perf"):
        return False
    done = subprocess.run(["perf", "stat", "-x,", "-e", event, "true"], capture_output=True, text=True)
    return done.returncode == 0 and re.match(r"\d", done.stderr.strip()) is not None


def with_perf(event, pids, load):
    command = ["perf", "stat", "-x,", "-e", event, "-p", ",".join(map(str, pids))]
    perf = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    time.sleep(0.3)
    commands = load()
    perf.send_signal(signal.SIGINT)
    said = perf.communicate()[1]
    rows = [row for row in said.split("\n") if f",{event}" in row]
    if not rows:
        raise RuntimeError(f"{' '.join(command)}: {said}")
    return float(rows[0].split(",")[0]) / commands


def strace_may_attach():
    probe = subprocess.Popen(["sleep", "5"])
    try:
        done = subprocess.run(["timeout", "-s", "INT", "0.3", "strace", "-c", "-p", str(probe.pid)],
                              capture_output=True, text=True)
        return "not permitted" not in done.stderr
    finally:
        probe.kill()
        probe.wait()


def with_strace(pids, load):
    command = ["strace", "-c", "-f", "-q"] + [word for pid in pids for word in ("-p", str(pid))]
    strace = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    time.sleep(0.5)
    commands = load()
    strace.send_signal(signal.SIGINT)
    said = strace.communicate()[1]
    total = re.search(r"^100\.00\s+\S+\s+\S+\s+(\d+)\s.*total$", said, re.MULTILINE)
    if not total:
        raise RuntimeError(f"{' '.join(command)}: {said[-500:]}")
    return int(total[1]) / commands
