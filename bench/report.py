"""The page that a run leaves: machine, versions, commands, bars, and then each part's tables."""

import os

import bars
import bars_zh
import machine


def number(value):
    return "-" if value is None else f"{value:,.0f}"


def ratio(value):
    return "-" if value is None else f"{value:.2f}"


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|---|" + "---:|" * (len(header) - 1)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def amount(value, unit):
    if value is None:
        return "-"
    if unit == "×":
        return f"{value:.2f} ×"
    return f"{value:,.0f} {unit}" if value >= 10 else f"{value:.1f} {unit}"


def bound(bar, value):
    return "" if value is None else f"{'≥' if bar.side == bars.AT_LEAST else '≤'} {value:g} {bar.unit}"


def bars_table(pages, everything=False):
    """Of the bars that these pages speak of; `everything`: of those that were not measured, too."""
    figures = {key: value for page in pages for key, value in page.figures.items()}
    unknown = figures.keys() - {bar.key for bar in bars.BARS}
    if unknown:
        raise KeyError(f"bars.py has no bar for {unknown}")
    return table(["what", "measured", "at least", "aim", ""], [
        [bar.what, amount(figures.get(bar.key), bar.unit), bound(bar, bar.least), bound(bar, bar.aim),
         f"*{bar.verdict(figures.get(bar.key))}*"] for bar in bars.BARS if everything or bar.key in figures])


def write(bench, pages, disk, command, remark, everything):
    versions = [machine.version(bench.program("holdfast"), "--version"),
                machine.version("redis-server", "--version")]
    if any(page.title.startswith("Beside etcd") for page in pages):
        versions.append(machine.version("etcd", "--version"))
    skipped = [row for page in pages for row in page.skipped]
    parts = [
        f"# Measured, {machine.today()}",
        "\n".join([f"- Machine: {machine.describe()}", f"- Disk: {disk}",
                   f"- Versions: {'; '.join(versions)}", f"- Command: `{command}`"]
                  + ([f"- {remark}"] if remark else [])
                  + [f"- Not measured: {row}" for row in skipped]),
        "## Bars",
        "What is divided was measured in one run, in turns. Where a bar says ≤, less is better.",
        bars_table(pages, everything),
    ]
    for page in pages:
        parts += [f"## {page.title}", *page.paragraphs]
    return "\n\n".join(parts) + "\n"


# --- What README shows of a page ----------------------------------------------------------------

def rows_of(page):
    """(bar, measured, verdict), as they stand in a page's table of bars."""
    by_what = {bar.what: bar for bar in bars.BARS}
    for line in page.split("\n"):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 5 and cells[0] in by_what:
            yield by_what[cells[0]], cells[1], cells[4].strip("*")


def line_of(page, name):
    beginning = f"- {name}: "
    return next((line[len(beginning):] for line in page.split("\n") if line.startswith(beginning)), "")


def date_of(page):
    return page.split("\n")[0].rpartition(", ")[2]


def summary(page, path):
    rows = [[bar.what, measured, bound(bar, bar.least), bound(bar, bar.aim), verdict]
            for bar, measured, verdict in rows_of(page)]
    return (f"Measured on {date_of(page)}, on {line_of(page, 'Machine')}, by {line_of(page, 'Command')} "
            f"([{os.path.basename(path)}]({path})):\n\n"
            + table(["what", "measured", "at least", "aim", ""], rows))


def summary_zh(page, path):
    rows = [[bars_zh.WHAT[bar.key], measured, bound(bar, bar.least), bound(bar, bar.aim),
             bars_zh.VERDICTS[verdict]] for bar, measured, verdict in rows_of(page)]
    return (f"{date_of(page)} 用 {line_of(page, 'Command')} 测得"
            f"([{os.path.basename(path)}]({path}));机器:{line_of(page, 'Machine')}\n\n"
            + table(bars_zh.HEADER, rows))
