"""One node started with just these flags, for tests of starting and stopping.

    with folder() as data, Server("--listen", "127.0.0.1:10200", "--data", data) as server:
        server.wait_until_ready()

Unlike nodes.Cluster nothing is chosen or expected: a server may refuse to start, and say why.
"""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
import time

import nodes
import wire

BINARY = os.environ.get("HOLDFAST_BIN") or os.path.join(nodes.ROOT, "build/release/holdfast")
PATIENCE = 20
# How many times slower than shipped the program under test may be: sanitizers cost that.
SLOWDOWN = int(os.environ.get("HOLDFAST_SLOWDOWN", "1"))


@contextlib.contextmanager
def folder():
    path = tempfile.mkdtemp(prefix="holdfast-test-")
    try:
        yield path
    finally:
        shutil.rmtree(path)


def environment(**variables):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    return {**kept, **variables}


def run(*words, **variables):
    """Exit code, output and errors of a command that ends by itself."""
    done = subprocess.run([BINARY, *words], env=environment(**variables), capture_output=True,
                          text=True, timeout=PATIENCE)
    return done.returncode, done.stdout, done.stderr


def refused(*flags, **variables):
    """Exit code and errors of a server that must not start."""
    code, _, errors = run("server", *flags, **variables)
    return code, errors


class Server:
    def __init__(self, *flags, log=None):
        self.flags = flags
        self.log = tempfile.TemporaryFile() if log is None else log
        self.port = int(re.search(r":(\d+)", flags[flags.index("--listen") + 1])[1])
        self.process = subprocess.Popen([BINARY, "server", *flags], env=environment(),
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                        preexec_fn=nodes.die_with_parent)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def errors(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def connect(self, timeout=PATIENCE):
        return wire.Connection("127.0.0.1", self.port, timeout)

    def call(self, *words):
        connection = self.connect()
        try:
            return connection.call(*words)
        finally:
            connection.close()

    def wait_until_ready(self):
        deadline = time.monotonic() + PATIENCE
        while True:
            if self.process.poll() is not None:
                raise AssertionError(f"ended with {self.process.returncode}: {self.errors()}")
            try:
                self.call("SET", "is-ready", "yes")
                return self
            except (OSError, EOFError, wire.ErrorReply) as error:
                if time.monotonic() > deadline:
                    raise AssertionError(f"not ready: {error}; {self.errors()}") from error
            time.sleep(0.02)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def terminate(self):
        """SIGTERM; exit code and seconds until the end."""
        began = time.monotonic()
        self.process.terminate()
        code = self.process.wait(PATIENCE)
        return code, time.monotonic() - began
