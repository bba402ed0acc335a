#!/usr/bin/env python3
"""redis-cli, unchanged, against one endpoint: redis_cli.py HOST PORT

Each story in redis_cli.txt is a session: its commands are given to one redis-cli on standard
input, and what that prints must be what stands below them. What a text cannot hold (pipe mode,
scanning, inline commands) follows as functions.
"""

import difflib
import os
import re
import socket
import subprocess
import sys
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
HOST, PORT = sys.argv[1], sys.argv[2]

# Names are new in each run, so that one server can be tried many times.
NAME = "cli:" + uuid.uuid4().hex[:8]


def cli(*words, text=None):
    command = ["redis-cli", "-h", HOST, "-p", PORT, *words]
    done = subprocess.run(command, input=text, capture_output=True, timeout=60)
    return done.stdout.decode() + done.stderr.decode()


# --- Stories ------------------------------------------------------------------------------------

def read_stories():
    """Yields (title, flags, needs Holdfast, commands, expected output)."""
    with open(os.path.join(HERE, "redis_cli.txt")) as file:
        blocks = file.read().split("\n== ")[1:]
    for number, block in enumerate(blocks):
        title, *lines = re.sub(r"\bmy:", f"{NAME}:{number}:", block).split("\n")
        title, _, flags = title.partition(" | ")
        flags = flags.split()
        commands = [line[2:] for line in lines if line.startswith("> ")]
        expected = [line for line in lines if line and not line.startswith("> ")]
        ours = "holdfast" in flags
        yield title, [flag for flag in flags if flag != "holdfast"], ours, commands, expected


def matches(expected, line):
    pattern = re.escape(expected).replace("<n>", r"\d+").replace("<>", ".*")
    return re.fullmatch(pattern, line) is not None


def run_story(flags, commands, expected):
    printed = cli("--no-raw", *flags, text="\n".join(commands + [""]).encode())
    lines = [line.rstrip() for line in printed.split("\n") if line]
    if len(lines) == len(expected) and all(map(matches, expected, lines)):
        return
    shown = [line if matches(text, line) else text for text, line in zip(expected, lines)]
    shown += expected[len(lines):]
    raise AssertionError(
        "\n".join(difflib.unified_diff(shown, lines, "expected", "printed", lineterm="")))


# --- What a text cannot hold --------------------------------------------------------------------

def pipe_mode():
    """Mass insertion: 10,000 commands as raw protocol, none of them refused."""
    data = b"".join(
        b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%d\r\n" % (len(key), key, len(str(i)), i)
        for i in range(10000) for key in [b"%s:pipe:%d" % (NAME.encode(), i)])
    printed = cli("--pipe", text=data)
    assert "errors: 0, replies: 10000" in printed, printed
    assert cli("GET", f"{NAME}:pipe:9999") == "9999\n"


def pipe_mode_counts_errors():
    data = f"SET {NAME}:word hello\r\nINCR {NAME}:word\r\nNO-SUCH-COMMAND\r\n".encode()
    printed = cli("--pipe", text=data)
    assert "errors: 2, replies: 3" in printed, printed


def scan():
    for i in range(0, 300, 100):
        cli("MSET", *[word for j in range(i, i + 100) for word in (f"{NAME}:scan:{j}", "x")])
    found = cli("--scan", "--pattern", f"{NAME}:scan:*").split()
    assert sorted(set(found)) == sorted(f"{NAME}:scan:{i}" for i in range(300)), len(found)


def last_argument_from_standard_input():
    value = bytes(range(256)) * 400
    assert cli("-x", "SET", f"{NAME}:x", text=value) == "OK\n"
    assert cli("STRLEN", f"{NAME}:x") == f"{len(value)}\n"


def exit_status_of_an_error():
    done = subprocess.run(["redis-cli", "-h", HOST, "-p", PORT, "-e", "INCR"], capture_output=True,
                          timeout=60)
    assert done.returncode != 0, done.stdout


def repeated():
    assert cli("-r", "5", "INCR", f"{NAME}:repeated").split() == ["1", "2", "3", "4", "5"]


def inline():
    """What people type into telnet or nc."""
    with socket.create_connection((HOST, int(PORT)), timeout=20) as connection:
        lines = connection.makefile("rb")
        for typed, expected in [
            (b"PING\r\n", [b"+PONG"]),
            (b"\r\n\r\nping\n", [b"+PONG"]),
            (b"  SET  %s:inline \"two words\\x21\\n\"\r\n" % NAME.encode(), [b"+OK"]),
            (b"STRLEN %s:inline\r\n" % NAME.encode(), [b":11"]),
            (b"SET %s:inline 'it\\'s'\r\n" % NAME.encode(), [b"+OK"]),
            (b"GET %s:inline\r\n" % NAME.encode(), [b"$4", b"it's"]),
            (b"QUIT\r\n", [b"+OK", b""]),
        ]:
            connection.sendall(typed)
            got = [lines.readline().rstrip(b"\r\n") for _ in expected]
            assert got == expected, (typed, got)


def statistics():
    assert "role:" in cli("INFO", "replication")
    assert "redis_version:" in cli("INFO")


FUNCTIONS = [pipe_mode, pipe_mode_counts_errors, scan, last_argument_from_standard_input,
             exit_status_of_an_error, repeated, inline, statistics]


# --- All of them --------------------------------------------------------------------------------

def main():
    holdfast = "holdfast_version:" in cli("INFO", "everything")
    tests = [(function.__name__, False, function) for function in FUNCTIONS]
    for title, flags, ours, commands, expected in read_stories():
        story = lambda flags=flags, commands=commands, expected=expected: run_story(
            flags, commands, expected)
        tests.append((title, ours, story))

    passed = failed = 0
    for title, ours, test in tests:
        if ours and not holdfast:
            print(f"SKIP: {title}: the server is not Holdfast")
            continue
        try:
            test()
            passed += 1
        except (AssertionError, OSError, subprocess.TimeoutExpired) as error:
            failed += 1
            print(f"FAILED: {title}\n{error}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
