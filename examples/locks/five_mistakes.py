"""Five locks as articles show them, each with the mistake that gives it its name, and what is right.

A lock has two verbs. acquire() returns whether the caller may go in; release() is called by whoever was
let in, when it has done its work. None of them is changed for Holdfast but the last: the mistakes are
mistakes on any server, and tests/compat/test_mistakes.py shows what each of them does.
"""

import time
import uuid

import redis


class Wrong:
    """What the five have in common: SETNX, DEL, and a number of seconds."""

    def __init__(self, client, name, ttl=10):
        self.client, self.name, self.ttl = client, name, ttl

    def release(self):
        self.client.delete(self.name)


class AnswerIgnored(Wrong):
    """Asks for the lock, and goes in whatever the answer was."""

    def acquire(self):
        self.client.setnx(self.name, "locked")
        self.client.expire(self.name, self.ttl)
        return True


class ReadBackDiffers(Wrong):
    """Reads back what it has written, and compares it with something that it can never equal: bytes
    with text here, elsewhere the time of now with that of a moment ago. Nobody is ever let in; but the
    lock is taken."""

    def acquire(self):
        mine = str(time.time())
        self.client.set(self.name, mine, nx=True, ex=self.ttl)
        return self.client.get(self.name) == mine


class NoExpiry(Wrong):
    """Is never given back if its holder dies."""

    def acquire(self):
        return self.client.setnx(self.name, "locked")


class DeletesAnothers(Wrong):
    """Gives back whatever is there: after its own time has run out that is somebody else's lock."""

    def acquire(self):
        return bool(self.client.set(self.name, "locked", nx=True, px=int(self.ttl * 1000)))


class DateForATtl(Wrong):
    """Says when the lock is to end, where the server wants to hear for how long: some fifty years."""

    def acquire(self):
        return bool(self.client.set(self.name, "locked", nx=True, ex=int(time.time() + self.ttl)))


class Corrected:
    """SET NX PX with a value that nobody else has, its answer believed, and given back only if it is
    still there.

    That is as far as SET goes. Nobody is told when his time has run out, and a holder that was stopped
    writes on: for that a write has to show a fence, which SET does not give.
    """

    def __init__(self, client, name, ttl=10):
        self.client, self.name, self.ttl = client, name, ttl
        self.mine = None

    def acquire(self):
        self.mine = uuid.uuid4().hex.encode()
        if self.client.set(self.name, self.mine, nx=True, px=int(self.ttl * 1000)):
            return True
        return self.client.get(self.name) == self.mine  # an answer was lost, and the client asked again

    def release(self):
        with self.client.pipeline() as pipe:
            try:
                pipe.watch(self.name)
                if pipe.get(self.name) == self.mine:
                    pipe.multi()
                    pipe.delete(self.name)
                    pipe.execute()
            except redis.WatchError:
                pass  # it has changed hands: not ours any more


class Fenced:
    """The lock that Holdfast has for it: a queue instead of polling, a token that only this grant has,
    and a fence for what it writes."""

    def __init__(self, client, name, ttl=10):
        self.client, self.name, self.ttl = client, name, ttl
        self.owner = uuid.uuid4().hex
        self.token = None

    def acquire(self, wait=0):
        grant = self.client.execute_command("LOCK.ACQUIRE", self.name, self.owner, "TTL",
                                            int(self.ttl * 1000), "WAIT", int(wait * 1000))
        self.token = grant[0] if grant else None
        return grant is not None

    def write(self, key, value):
        self.client.execute_command("GUARD", self.name, self.token, "SET", key, value)

    def release(self):
        try:
            self.client.execute_command("LOCK.RELEASE", self.name, self.token)
        except redis.ResponseError as error:
            if not str(error).startswith("LOST"):
                raise
