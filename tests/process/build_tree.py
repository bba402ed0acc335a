"""The tree that the tested binary was built in, for tests of what is made and installed from it."""

import os
import subprocess

from server import BINARY

BUILD = os.path.dirname(os.path.abspath(BINARY))


def run(*words, **options):
    """What the command printed; it has to succeed."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=250, **options)
    if done.returncode != 0:
        raise AssertionError(f"{words}: {done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout
