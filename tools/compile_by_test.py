#!/usr/bin/env python3
"""tools/compile_by puts one compiler in the place of another, and nothing else."""

import os
import subprocess
import tempfile
import unittest

TOOL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "compile_by")


def run(*words):
    return subprocess.run([TOOL, *words], capture_output=True, text=True, check=True).stdout.splitlines()


class CompileBy(unittest.TestCase):
    def test_the_first_compiler_is_replaced(self):
        for old in ("/usr/bin/c++", "/usr/bin/g++-12", "/opt/x/clang++-14", "/usr/bin/g++"):
            self.assertEqual(run("/new", "printf", "%s\n", old, "-c", "a b", "", "/usr/bin/g++"),
                             ["/new", "-c", "a b", "", "/usr/bin/g++"])

    def test_what_only_looks_like_one_stays(self):
        words = ["c++", "/usr/bin/cc", "-I/usr/include/c++/12", "/usr/include/c++/12", "/x/y.c++.o"]
        self.assertEqual(run("/new", "printf", "%s\n", *words), words)

    def test_a_header_precompiled_before_is_removed_and_nothing_else(self):
        with tempfile.TemporaryDirectory(prefix="holdfast-test-") as folder:
            paths = [os.path.join(folder, name) for name in ("old.gch", "used.gch", "a.o")]
            for path in paths:
                open(path, "w").close()
            run("/new", "true", "-include", paths[1], "-o", paths[0])
            run("/new", "true", "-o", paths[2])
            self.assertEqual([os.path.exists(path) for path in paths], [False, True, True])


if __name__ == "__main__":
    unittest.main()
