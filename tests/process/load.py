"""Clients that write through all nodes at once and keep a journal of what they were promised.

A journal says only what a client can know: when it asked, when it was answered, what it was told.
tests/process/judge.py compares the journals with what the cluster holds in the end.

Threads: each Client is one thread and alone writes its journal; the others read it after the end.
"""

import dataclasses
import itertools
import random
import threading
import time

import wire

LOCKS = ["yard", "pier", "dock"]
LOCK_TTL = 1500
CLOCK_RATE = 1 - 500e-6  # cluster time may run faster than ours by as much while it is slewed

PATIENCE = 1.5  # seconds for an answer; commands that wait get that on top
INSISTENCE = 30.0  # seconds in which what is repeated must be answered


class Refused(Exception):
    """The write was not done: the node said so, or nothing was sent."""


class Unknown(Exception):
    """Nobody knows whether the write was done."""


@dataclasses.dataclass
class Grant:
    name: str
    token: int
    received: float     # from here on the client believes that it holds the lock...
    valid_until: float  # ...until here, unless it renews or releases it
    given_up: float | None = None  # when the first release was sent
    guarded: bool = False          # a guarded write with this token was acknowledged

    def end(self):
        return min(self.valid_until, self.given_up or self.valid_until)


@dataclasses.dataclass
class Journal:
    acknowledged: list = dataclasses.field(default_factory=list)  # (asked, answered) of each write
    refused: int = 0
    unknown: int = 0
    counts: list = dataclasses.field(default_factory=list)        # what INCR answered
    counts_unknown: int = 0
    once: list = dataclasses.field(default_factory=list)          # what ONCE INCR answered
    kept: dict = dataclasses.field(default_factory=dict)          # key -> "done", "refused", "unknown"
    grants: list = dataclasses.field(default_factory=list)
    problems: list = dataclasses.field(default_factory=list)      # promises seen broken on the way


def surely_until(asked, milliseconds):
    """Until when a lock is held that had so much time left after it was asked for."""
    return asked + milliseconds / 1000 * CLOCK_RATE


class Client(threading.Thread):
    def __init__(self, number, prefix, addresses, stop):
        super().__init__(daemon=True)
        self.number = number
        self.prefix = prefix
        self.addresses = addresses
        self.stop = stop
        self.journal = Journal()
        self.random = random.Random(number)
        self.turns = itertools.count(1)
        self.turns_taken = ["count", "keep", "count_once", "write_and_read", "hold_a_lock"]
        self.at = number
        self.connection = None
        self.register = 0  # the last value of this client's own register that was acknowledged
        self.doubtful = set()  # those whose writing was answered by nobody

    def run(self):
        turns = [getattr(self, name) for name in self.turns_taken]
        try:
            while not self.stop.is_set():
                self.random.choice(turns)()
                if self.random.random() < 0.02:
                    self.leave()
        except Exception as error:
            self.journal.problems.append(f"client {self.number} ended: {error!r}")
        self.leave()

    # --- Asking -----------------------------------------------------------------------------

    def leave(self):
        """The next command goes to another node."""
        if self.connection:
            self.connection.close()
        self.connection = None
        self.at += 1

    def address(self):
        return self.addresses[self.at % len(self.addresses)]

    def ask(self, *words, wait=0.0):
        """The answer and when it was asked for; raises Refused, Unknown, or wire.ErrorReply."""
        if self.connection is None:
            try:
                self.connection = wire.Connection(*self.address(), timeout=PATIENCE)
            except OSError:
                self.leave()
                time.sleep(0.01)
                raise Refused from None
        asked = time.monotonic()
        try:
            self.connection.set_timeout(PATIENCE + wait)
            return self.connection.call(*words), asked
        except (OSError, EOFError):
            self.leave()
            raise Unknown from None
        except wire.ErrorReply as error:
            if error.kind() in ("NOLEADER", "LOADING", "NOSPACE"):
                raise Refused from None
            if error.kind() == "UNKNOWN":
                raise Unknown from None
            raise

    def write(self, *words, wait=0.0):
        """As ask; what becomes of it is counted."""
        try:
            answer, asked = self.ask(*words, wait=wait)
        except Refused:
            self.journal.refused += 1
            raise
        except Unknown:
            self.journal.unknown += 1
            raise
        self.journal.acknowledged.append((asked, time.monotonic()))
        return answer, asked

    def insist(self, *words, wait=0.0):
        """Repeats until there is an answer: for what is safe to repeat."""
        deadline = time.monotonic() + INSISTENCE
        while True:
            try:
                return self.write(*words, wait=wait)
            except (Refused, Unknown):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"no answer to {words}") from None

    # --- Counters and values ----------------------------------------------------------------

    def count(self):
        try:
            answer, _ = self.write("INCR", self.prefix + "count")
            self.journal.counts.append(answer)
        except Refused:
            pass
        except Unknown:
            self.journal.counts_unknown += 1

    def count_once(self):
        request = f"{self.prefix}{self.number}:{next(self.turns)}"
        answer, _ = self.insist("ONCE", request, "INCR", self.prefix + "once")
        self.journal.once.append(answer)

    def keep(self):
        """A key of its own for each write: afterwards each is there or not."""
        key = f"{self.prefix}kept:{self.number}:{next(self.turns)}"
        try:
            self.write("SET", key, key)
            self.journal.kept[key] = "done"
        except Refused:
            self.journal.kept[key] = "refused"
        except Unknown:
            self.journal.kept[key] = "unknown"

    def write_and_read(self):
        """Nobody else writes this register. So a read through any node shows the last acknowledged
        value, or one whose fate is unknown: such a write may take effect at any later time."""
        key = f"{self.prefix}register:{self.number}"
        value = next(self.turns)
        try:
            self.write("SET", key, value)
            self.register = value
            if self.random.random() < 0.3:
                self.leave()
        except Refused:
            pass
        except Unknown:
            self.doubtful.add(value)
        try:
            read, asked = self.ask("GET", key)
        except (Refused, Unknown):
            return
        if int(read or 0) not in {self.register, *self.doubtful}:
            self.journal.problems.append(
                f"{key} was read as {read} at port {self.address()[1]}, asked at {asked:.3f}, answered at "
                f"{time.monotonic():.3f}; acknowledged: {self.register}, unknown: {self.doubtful}")

    # --- Locks ------------------------------------------------------------------------------

    def hold_a_lock(self):
        grant = self.acquire()
        if grant is None:
            return
        self.guarded_write(grant)
        if self.random.random() < 0.5:
            self.renew(grant)
        self.check(grant)
        time.sleep(self.random.random() * 0.01)
        if self.random.random() < 0.95:  # else it fails, and its time must run out
            self.release(grant)

    def acquire(self):
        name = self.prefix + self.random.choice(LOCKS)
        owner = f"{self.number}:{next(self.turns)}"
        wait = self.random.choice([0, 100, 400])
        answer, asked = self.insist("LOCK.ACQUIRE", name, owner, "TTL", LOCK_TTL, "WAIT", wait,
                                       wait=wait / 1000)
        if answer is None:
            return None
        token, ttl = answer[0], answer[1]
        grant = Grant(name, token, time.monotonic(), surely_until(asked, ttl))
        self.journal.grants.append(grant)
        return grant

    def renew(self, grant):
        try:
            left, asked = self.write("LOCK.RENEW", grant.name, grant.token, "TTL", LOCK_TTL)
            grant.valid_until = max(grant.valid_until, surely_until(asked, left))
        except (Refused, Unknown):
            pass
        except wire.ErrorReply as error:
            self.denied(grant, f"RENEW answered {error}")

    def check(self, grant):
        try:
            current, _ = self.ask("LOCK.CHECK", grant.name, grant.token)
        except (Refused, Unknown):
            return
        if current != 1:
            self.denied(grant, f"CHECK answered {current}")

    def guarded_write(self, grant):
        try:
            self.write("GUARD", grant.name, grant.token, "SET", grant.name + ":guarded", grant.token)
            grant.guarded = True
        except (Refused, Unknown):
            pass
        except wire.ErrorReply as error:
            self.denied(grant, f"GUARD answered {error}")

    def release(self, grant):
        grant.given_up = time.monotonic()
        try:
            self.insist("LOCK.RELEASE", grant.name, grant.token)
        except wire.ErrorReply as error:
            # A repeated release may meet the next grant but one; a first one may not.
            if error.kind() != "LOST":
                self.journal.problems.append(f"RELEASE answered {error}")

    def denied(self, grant, what):
        """A promise is broken only if the answer came while the lock was surely held."""
        if time.monotonic() < grant.valid_until:
            self.journal.problems.append(f"{grant.name}, token {grant.token}: {what} before its end")
