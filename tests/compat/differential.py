#!/usr/bin/env python3
"""The same random commands to a Redis and to Holdfast: every reply must be the same.

    differential.py --reference PORT --subject PORT [--seed N] [--steps M] [--host HOST]
                    [--families strings,numbers,keys,walks,expiry,command,connection,transactions]

The reference is a redis-server 7.0 that may be emptied. What differs by nature is compared as far
as it can be: times that pass, the order of KEYS, the last digits of INCRBYFLOAT. A difference is
printed with what led to it; then both sides begin anew. Half of the sequences speak RESP3. Ends
with "N passed, M failed"; exit status 0 if nothing failed. Standard library only.
"""

import argparse
import random
import socket
import sys
import time
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

SEQUENCE = 150  # steps before both sides are emptied
SHOWN = 12  # steps that led to a difference


# --- The protocol -------------------------------------------------------------------------------

class Error(NamedTuple):
    text: str


class Typed(NamedTuple):
    """A RESP3 value whose kind matters: ("map", …), ("set", …), ("double", …) …"""
    kind: str
    value: object


class Connection:
    def __init__(self, host, port):
        self.socket = socket.create_connection((host, port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def send(self, words):
        parts = [b"*%d\r\n" % len(words)]
        for word in words:
            parts.append(b"$%d\r\n%s\r\n" % (len(word), word))
        self.socket.sendall(b"".join(parts))

    def call(self, *words):
        self.send([word if isinstance(word, bytes) else str(word).encode() for word in words])
        return self.read()

    def read(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("closed")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return Typed("simple", rest)
        if kind == b"-":
            return Error(rest.decode("latin1"))
        if kind == b":":
            return int(rest)
        if kind in b"$=!":
            return self.read_bulk(kind, int(rest))
        if kind in b"*~>%":
            return self.read_items(kind, int(rest))
        if kind == b"_":
            return Typed("null3", None)
        return Typed(kind.decode(), rest)

    def read_bulk(self, kind, length):
        if length < 0:
            return None
        data = self.file.read(length + 2)[:-2]
        return data if kind == b"$" else Typed(kind.decode(), data)

    def read_items(self, kind, count):
        if count < 0:
            return Typed("null array", None)
        if kind == b"%":
            return Typed("map", [(self.read(), self.read()) for _ in range(count)])
        items = [self.read() for _ in range(count)]
        return items if kind == b"*" else Typed({b"~": "set", b">": "push"}[kind], items)


# --- Comparing ----------------------------------------------------------------------------------

TIME_SLACK = {b"ttl": 2, b"expiretime": 2, b"pttl": 2000, b"pexpiretime": 2000}


def canonical(reply):
    """Sets and maps in one order."""
    if isinstance(reply, Typed) and reply.kind in ("set", "map"):
        return Typed(reply.kind, sorted((canonical(item) for item in reply.value), key=repr))
    if isinstance(reply, (list, tuple)) and not isinstance(reply, (Error, Typed)):
        return [canonical(item) for item in reply]
    return reply


def both_lists(one, other):
    return isinstance(one, list) and isinstance(other, list)


def is_null(reply):
    return reply is None or (isinstance(reply, Typed) and reply.value is None)


def close_decimals(one, other):
    try:
        a, b = Decimal(one.decode()), Decimal(other.decode())
    except (InvalidOperation, UnicodeDecodeError):
        return False
    return abs(a - b) <= max(abs(a), abs(b), 1) * Decimal("1e-15")


def equal(words, reference, subject):
    """Whether the replies to these words say the same."""
    name = words[0].lower()
    if name == b"object" and len(words) == 3:
        what = words[1].lower()
        if what in (b"refcount", b"idletime") and isinstance(reference, int):
            return isinstance(subject, int)
        if what == b"encoding" and isinstance(reference, bytes):
            # Short text is held apart only in one of them.
            same = {b"embstr": b"raw"}
            return same.get(reference, reference) == same.get(subject, subject)
    if name in TIME_SLACK and isinstance(reference, int) and isinstance(subject, int):
        return reference == subject or (
            min(reference, subject) > 0 and abs(reference - subject) <= TIME_SLACK[name])
    if name == b"keys" and both_lists(reference, subject):
        return sorted(reference) == sorted(subject)
    if name == b"randomkey":
        return is_null(reference) == is_null(subject)
    if name == b"incrbyfloat" and isinstance(reference, bytes) and isinstance(subject, bytes):
        return close_decimals(reference, subject)
    if name in (b"time", b"client") or words == [b"COMMAND", b"COUNT"]:
        return kinds(reference) == kinds(subject)
    if name == b"command" and len(words) > 1 and words[1].lower() == b"info":
        return canonical(info_rows(reference)) == canonical(info_rows(subject))
    return canonical(reference) == canonical(subject)


def kinds(reply):
    if isinstance(reply, list):
        return [kinds(item) for item in reply]
    return reply if isinstance(reply, (Error, Typed)) else type(reply)


def info_rows(reply):
    """Without subcommands (there are fewer) and remarks for people in key specs."""
    if not isinstance(reply, list):
        return reply
    return [row[:8] if isinstance(row, list) else row for row in reply]


# --- Generating ---------------------------------------------------------------------------------

KEYS = [b"key:%d" % i for i in range(8)] + [b"{tag}a", b"{tag}b", b"", b"k\x00\r\n\xff"]
LARGEST, SMALLEST = b"9223372036854775807", b"-9223372036854775808"
TOO_LARGE = b"9223372036854775808"
TEXTS = [b"", b"a", b"hello world", b"0", b"-0", b"1", b"-7", b"12345", b"042", b" 5", b"5 ",
         b"3.0", b"3.14", b"1e3", b".5", b"-1.25", b"nan", b"inf", LARGEST, SMALLEST, TOO_LARGE,
         b"x" * 44, b"y" * 45, b"\x00\x01\xfe\xff", b"ohmytext", b"mynewtext", b"abcabcabc"]
INTEGERS = [b"0", b"1", b"-1", b"7", b"-13", b"100", LARGEST, SMALLEST, TOO_LARGE, b"1.5", b"abc",
            b"", b"+1", b"00"]
FLOATS = [b"0", b"0.1", b"0.2", b"-0.3", b"1.5", b"-2.25", b"5.0e3", b"2.0e2", b"1e-3", b"100",
          b"3.0", b".25", b"10.", b"abc", b"", b" 1", b"1 ", b"nan", b"inf", b"-inf", b"1e",
          b"1.2.3"]
OFFSETS = [b"0", b"1", b"3", b"-1", b"-3", b"10", b"60", b"-100", b"1000", b"x"]
PATTERNS = [b"*", b"key:*", b"key:?", b"key:[0-3]", b"key:[^0-3]", b"*[", b"\\*", b"", b"{tag}*",
            b"k*\xff", b"key:[3-0]", b"**a", b"?", b"[k]ey:\\1"]
NOISE = [b"NX", b"XX", b"GET", b"EX", b"KEEPTTL", b"PERSIST", b"REPLACE", b"COUNT", b"MATCH",
         b"foo", b"GT", b"LT", b"LEN", b"IDX"]
# No small positive times: a key must not end while a sequence runs.
SECONDS = [b"100", b"1000", b"100000", b"0", b"-1", b"-1000", LARGEST, b"9223372036854775",
           SMALLEST, b"abc", b"1.5", b""]
MILLISECONDS = [b"100000", b"1000000", b"0", b"-5", LARGEST, SMALLEST, b"x"]
COMMANDS = [b"get", b"SET", b"mset", b"rename", b"copy", b"object|encoding", b"lcs", b"scan",
            b"expire", b"watch", b"nosuch", b"config|get", b"client|id", b"command|info", b"unlink",
            b"getex", b"incrbyfloat"]


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def pick(self, items):
        return self.random.choice(items)

    def key(self):
        return self.pick(KEYS)

    def keys(self, most=4):
        return [self.key() for _ in range(self.random.randint(1, most))]

    def maybe(self, *words):
        """The words or nothing."""
        return list(words) if self.random.random() < 0.4 else []

    def seconds_at(self):
        later = b"%d" % (time.time() + self.pick([300, 5000, 10**6]))
        return self.pick([later, b"1", b"0", b"-1", b"abc", LARGEST, SMALLEST])

    def milliseconds_at(self):
        later = b"%d" % ((time.time() + self.pick([300, 5000])) * 1000)
        return self.pick([later, b"1", b"-1", b"x", LARGEST])

    def time_option(self):
        return self.pick([lambda: [b"EX", self.pick(SECONDS)],
                          lambda: [b"PX", self.pick(MILLISECONDS)],
                          lambda: [b"exat", self.seconds_at()],
                          lambda: [b"PXAT", self.milliseconds_at()]])()

    def strings(self):
        text, key = self.pick(TEXTS), self.key()
        condition = self.pick([[], [b"NX"], [b"XX"]])
        return self.pick([
            lambda: [b"SET", key, text, *condition, *self.maybe(b"GET"),
                     *self.pick([[], [], [b"KEEPTTL"], self.time_option()])],
            lambda: [b"SET", key, text],
            lambda: [b"GET", key],
            lambda: [b"SETNX", key, text],
            lambda: [b"SETEX", key, self.pick(SECONDS), text],
            lambda: [b"PSETEX", key, self.pick(MILLISECONDS), text],
            lambda: [b"GETSET", key, text],
            lambda: [b"GETDEL", key],
            lambda: [b"GETEX", key, *self.pick([[], [b"PERSIST"], self.time_option()])],
            lambda: [b"MGET", *self.keys()],
            lambda: [b"MSET", *self.pairs()],
            lambda: [b"MSETNX", *self.pairs()],
            lambda: [b"APPEND", key, text],
            lambda: [b"STRLEN", key],
            lambda: [b"SETRANGE", key, self.pick(OFFSETS), text],
            lambda: [self.pick([b"GETRANGE", b"SUBSTR"]), key, self.pick([*OFFSETS, LARGEST]),
                     self.pick([*OFFSETS, LARGEST])],
            lambda: [b"LCS", key, self.key(), *self.maybe(b"LEN"), *self.maybe(b"IDX"),
                     *self.maybe(b"MINMATCHLEN", self.pick(INTEGERS)),
                     *self.maybe(b"WITHMATCHLEN")],
        ])()

    def pairs(self):
        return [word for key in self.keys() for word in (key, self.pick(TEXTS))]

    def numbers(self):
        key = self.key()
        return self.pick([
            lambda: [b"SET", key, self.pick(INTEGERS)],
            lambda: [b"INCR", key], lambda: [b"DECR", key],
            lambda: [b"INCRBY", key, self.pick(INTEGERS)],
            lambda: [b"DECRBY", key, self.pick(INTEGERS)],
            lambda: [b"INCRBYFLOAT", key, self.pick(FLOATS)],
            lambda: [b"GET", key],
        ])()

    def keys_family(self):
        key = self.key()
        return self.pick([
            lambda: [self.pick([b"DEL", b"UNLINK", b"EXISTS", b"TOUCH"]), *self.keys()],
            lambda: [b"TYPE", key],
            lambda: [b"RENAME", key, self.key()],
            lambda: [b"RENAMENX", key, self.key()],
            lambda: [b"COPY", key, self.key(), *self.maybe(b"REPLACE"),
                     *self.maybe(b"DB", self.pick([b"0", b"99", b"x", b"-1"]))],
            lambda: [b"OBJECT", self.pick([b"ENCODING", b"REFCOUNT", b"IDLETIME", b"FREQ", b"NO"]),
                     key],
            lambda: [b"DBSIZE"],
        ])()

    def walks(self):
        return self.pick([
            lambda: [b"KEYS", self.pick(PATTERNS)],
            lambda: [b"SCAN", self.pick([b"0", b"x", b"-x"]),
                     *self.maybe(b"MATCH", self.pick(PATTERNS)),
                     *self.maybe(b"COUNT", self.pick([b"1", b"3", b"1000", b"0", b"-1", b"x"])),
                     *self.maybe(b"TYPE", self.pick([b"string", b"list", b"STRING", b"nosuch"]))],
            lambda: [b"RANDOMKEY"],
            lambda: [self.pick([b"FLUSHALL", b"FLUSHDB"]),
                     *self.pick([[], [b"SYNC"], [b"async"], [b"foo"]])]
            if self.random.random() < 0.1 else [b"DBSIZE"],
        ])()

    def expiry(self):
        key = self.key()
        conditions = [*self.maybe(self.pick([b"NX", b"XX", b"GT", b"LT", b"foo"])),
                      *self.maybe(self.pick([b"nx", b"xx", b"gt", b"lt"]))]
        return self.pick([
            lambda: [b"EXPIRE", key, self.pick(SECONDS), *conditions],
            lambda: [b"PEXPIRE", key, self.pick(MILLISECONDS), *conditions],
            lambda: [b"EXPIREAT", key, self.seconds_at(), *conditions],
            lambda: [b"PEXPIREAT", key, self.milliseconds_at(), *conditions],
            lambda: [self.pick([b"TTL", b"PTTL", b"EXPIRETIME", b"PEXPIRETIME"]), key],
            lambda: [b"PERSIST", key],
        ])()

    def command(self):
        inner = self.pick([self.strings, self.keys_family, self.expiry])()
        return self.pick([
            lambda: [b"COMMAND", b"INFO", self.pick(COMMANDS), self.pick(COMMANDS)],
            lambda: [b"COMMAND", b"GETKEYS", *inner],
            lambda: [b"COMMAND", b"GETKEYSANDFLAGS", *inner],
            lambda: [b"COMMAND", b"LIST", b"FILTERBY", self.pick([b"ACLCAT", b"MODULE", b"foo"]),
                     b"nosuch"],
            lambda: [b"COMMAND", self.pick([b"nosuch", b"COUNT"]), b"x"],
            lambda: [self.pick([b"NOSUCH", b"x" * 200, b"a\r\nb", b""]), *self.keys()],
            lambda: [self.pick([b"OBJECT", b"CLIENT", b"CONFIG"]), *self.maybe(b"nosuch")],
        ])()

    def connection(self):
        return self.pick([
            lambda: [b"PING"], lambda: [b"PING", self.pick(TEXTS)], lambda: [b"PING", b"a", b"b"],
            lambda: [b"ECHO", self.pick(TEXTS)],
            lambda: [b"SELECT", self.pick([b"0", b"99", b"x", b"-1"])],
            lambda: [b"CLIENT", b"SETNAME", self.pick([b"name", b"", b"with space"])],
            lambda: [b"CLIENT", self.pick([b"GETNAME", b"ID"])],
            lambda: [b"PUBLISH", self.pick(TEXTS), self.pick(TEXTS)],
            lambda: [b"PUBSUB", self.pick([b"CHANNELS", b"NUMPAT"])],
            lambda: [b"PUBSUB", b"NUMSUB", *(self.pick(TEXTS) for _ in range(self.random.randint(0, 3)))],
            lambda: [b"TIME"],
        ])()

    def mangled(self, words):
        """Sometimes a word too many or too few: errors are replies too."""
        if self.random.random() > 0.05 or len(words) < 2:
            return words
        at = self.random.randrange(1, len(words))
        return self.pick([lambda: words[:at] + words[at + 1:],
                          lambda: words[:at] + [words[at]] + words[at:],
                          lambda: [*words, self.pick(NOISE)]])()

    def transaction(self):
        words = [[b"MULTI"]]
        for _ in range(self.random.randint(0, 5)):
            inner = self.pick([self.strings, self.numbers, self.keys_family, self.expiry])()
            # Redis counts keys that are over but not yet found to be so; here it cannot be asked.
            words.append([b"TOUCH", self.key()] if inner == [b"DBSIZE"] else self.mangled(inner))
        return [*words, [self.pick([b"EXEC", b"EXEC", b"EXEC", b"DISCARD"])]]

    def watched(self):
        key = self.key()
        return [[b"WATCH", key], *([self.strings()] if self.random.random() < 0.5 else []),
                *self.transaction(), [self.pick([b"UNWATCH", b"EXEC", b"DISCARD"])]]


FAMILIES = {
    "strings": Generator.strings, "numbers": Generator.numbers, "keys": Generator.keys_family,
    "walks": Generator.walks, "expiry": Generator.expiry, "command": Generator.command,
    "connection": Generator.connection, "transactions": None,
}


# --- Running ------------------------------------------------------------------------------------

class Comparison:
    def __init__(self, options):
        self.options = options
        self.passed = 0
        self.failed = 0
        self.history = []
        self.queued = None  # words since MULTI, to compare what EXEC says
        self.both = None

    def begin(self, resp3):
        if self.both:
            for side in self.both:
                side.socket.close()
        self.both = [Connection(self.options.host, port)
                     for port in (self.options.reference, self.options.subject)]
        self.history = []
        self.queued = None
        for side in self.both:
            if resp3:
                side.call("HELLO", "3")
            side.call("FLUSHALL")

    def step(self, words):
        """Sends words to both. False if the replies differ."""
        for side in self.both:
            side.send(words)
        reference, subject = [side.read() for side in self.both]
        if words[0].lower() == b"scan" and both_lists(reference, subject):
            reference, subject = [self.whole_scan(side, words, reply) for side, reply in
                                  zip(self.both, (reference, subject))]
        if words == [b"DBSIZE"] and reference != subject and self.queued is None:
            # Redis also counts keys that are over but not yet found to be so.
            reference, subject = [len(side.call(b"KEYS", b"*")) for side in self.both]
        self.history.append((words, reference, subject))
        if not self.same(words, reference, subject):
            self.failed += 1
            return False
        if words[0].lower() == b"incrbyfloat" and reference != subject:
            self.level(words[1], reference)
        self.passed += 1
        return True

    def same(self, words, reference, subject):
        name = words[0].lower()
        if name == b"exec" and self.queued is not None and both_lists(reference, subject):
            queued, self.queued = self.queued, None
            same_length = len(reference) == len(subject)
            return same_length and all(map(equal, queued, reference, subject))
        if name in (b"exec", b"discard"):
            self.queued = None
        elif name == b"multi" and len(words) == 1:
            self.queued = []
        elif self.queued is not None and reference == Typed("simple", b"QUEUED"):
            self.queued.append(words)
        return equal(words, reference, subject)

    def whole_scan(self, side, words, reply):
        """All that a walk from this reply on tells, in one order."""
        found = set(reply[1])
        while isinstance(reply, list) and reply[0] != b"0":
            reply = side.call(b"SCAN", reply[0], *words[2:])
            found |= set(reply[1])
        return sorted(found)

    def level(self, key, value):
        """Other last digits than ours are no difference now and must not become one later."""
        if self.queued is None:
            for side in self.both:
                side.call("SET", key, value, "KEEPTTL")

    def show(self, seed):
        print(f"difference in sequence {seed}, after:")
        for words, reference, subject in self.history[-SHOWN:-1]:
            print(f"    {shown(words)} -> {reference!r}")
        words, reference, subject = self.history[-1]
        print(f"  {shown(words)}\n    reference: {reference!r}\n    subject:   {subject!r}",
              flush=True)


def shown(words):
    return " ".join(repr(word)[1:] for word in words)


def steps_of(generator, families):
    family = generator.pick(families)
    if family == "transactions":
        return generator.pick([generator.transaction, generator.watched])()
    return [generator.mangled(FAMILIES[family](generator))]


def run_sequence(comparison, seed, steps, families):
    """At most so many steps; ends at a difference."""
    generator = Generator(seed)
    comparison.begin(resp3=generator.random.random() < 0.5)
    done = 0
    while done < steps:
        for words in steps_of(generator, families):
            done += 1
            try:
                good = comparison.step(words)
            except (OSError, ValueError) as error:
                comparison.failed += 1
                comparison.history.append((words, None, f"{type(error).__name__}: {error}"))
                good = False
            if not good:
                comparison.show(seed)
                return done
    return done


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--reference", type=int, required=True)
    parser.add_argument("--subject", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=10000)
    parser.add_argument("--families", default=",".join(FAMILIES))
    parser.add_argument("--most-differences", type=int, default=20)
    options = parser.parse_args()
    families = options.families.split(",")
    if set(families) - set(FAMILIES):
        parser.error(f"families are {', '.join(FAMILIES)}")

    comparison = Comparison(options)
    seed, left = options.seed, options.steps
    while left > 0 and comparison.failed < options.most_differences:
        left -= run_sequence(comparison, seed, min(left, SEQUENCE), families)
        seed += 1
    print(f"{comparison.passed} passed, {comparison.failed} failed")
    return 1 if comparison.failed else 0


if __name__ == "__main__":
    sys.exit(main())
