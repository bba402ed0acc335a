"""The page that a comparison leaves: machine, versions, medians, ratios, the bar."""

import machine

BAR = 10  # times etcd, by three nodes


def number(value):
    return "-" if value is None else f"{value:,.0f}"


def ratio(ours, theirs):
    return "-" if not ours or not theirs else f"{ours / theirs:.2f}"


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|---|" + "---:|" * (len(header) - 1)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def beside_redis(comparison, targets, words, pipelines):
    names = list(targets)
    rows = []
    for pipeline in pipelines:
        for word in words:
            row = f"{word}, pipeline {pipeline}"
            medians = [comparison.median(row, name) for name in names]
            three, one, always, memory = medians
            rows.append([row, *map(number, medians), ratio(three, always), ratio(one, always),
                         ratio(three, memory)])
    ratios = ["three / always", "one / always", "three / memory"]
    return table(["requests per second", *names, *ratios], rows)


def beside_etcd(comparison, loads, rows_of):
    best = comparison.best_of_etcd(loads)
    rows = [[f"etcd, check perf, load {load}", number(comparison.median(f"check perf, load {load}", "etcd")),
             "-"] for load in loads]
    for row, connections, pipeline in rows_of(loads):
        ours = comparison.median(row, "three nodes")
        what = f"three nodes, {connections} clients, pipeline {pipeline}"
        rows.append([what, number(ours), ratio(ours, best)])
    for pipeline in (1, 16):
        ours = comparison.median(f"SET, pipeline {pipeline}", "three nodes")
        rows.append([f"three nodes, small SET, 50 clients, pipeline {pipeline}", number(ours),
                     ratio(ours, best)])
    return table(["writes per second", "median", "times the best of etcd"], rows)


def the_bar(comparison, loads, rows_of):
    """Judged by the same sizes, once by as many clients and once by redis-benchmark's pipelines."""
    best = comparison.best_of_etcd(loads)
    rows = [(f"{connections} clients, pipeline {pipeline}, etcd's sizes", row)
            for row, connections, pipeline in rows_of(loads)]
    rows += [(f"50 clients, pipeline {pipeline}, small values", f"SET, pipeline {pipeline}")
             for pipeline in (1, 16)]
    lines = []
    for what, row in rows:
        times = comparison.median(row, "three nodes") / best
        verdict = "met" if times >= BAR else "not met"
        lines.append(f"- {what}: {times:.1f} times etcd; the bar of {BAR} is **{verdict}**.")
    return "\n".join(lines)


def write(comparison, targets, words, pipelines, loads, rows_of, disk, binary):
    versions = [machine.version(binary, "--version"), machine.version("redis-server", "--version"),
                machine.version("redis-benchmark", "--version")]
    if loads:
        versions.append(machine.version("etcd", "--version"))
    parts = [
        f"# Beside others, {machine.today()}",
        f"- Machine: {machine.describe()}\n- Disk: {disk}\n- Versions: {'; '.join(versions)}\n"
        f"- Medians of {comparison.rounds} interleaved rounds, each of about {comparison.seconds:g} s.",
        "## Beside Redis",
        "`redis-benchmark -c 50 -P 1|16 -r 100000 -t set|get|incr`, against one node of each; of the three "
        "nodes it is the one that leads. *always* is `appendfsync always`, *memory* keeps nothing on disk.",
        beside_redis(comparison, targets, words, pipelines),
    ]
    if loads:
        parts += [
            "## Beside etcd",
            "`etcdctl check perf --load …` (60 s each) against three nodes of etcd; `redis-benchmark -r "
            "100000 SET` with keys of 276 bytes and values of 1024, etcd's sizes there, against three nodes "
            "of Holdfast, before and after each of etcd's loads. The loads allow at most 150, 1000, 8000 and "
            "15000 writes per second (s, m, l, xl).",
            beside_etcd(comparison, loads, rows_of),
            the_bar(comparison, loads, rows_of),
        ]
    return "\n\n".join(parts) + "\n"
