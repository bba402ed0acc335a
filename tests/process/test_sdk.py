#!/usr/bin/env python3
"""The client library as it is installed: found by CMake, and examples/client built with it and run."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

import nodes
from build_tree import BUILD, run
from nodes import ROOT, Cluster

EXAMPLES = os.path.join(ROOT, "examples", "client")
PATIENCE = 30


class Sdk(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="holdfast-test-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.prefix = os.path.join(cls.folder, "prefix")
        run("cmake", "--install", BUILD, "--prefix", cls.prefix, "--component", "sdk")
        cls.build = os.path.join(cls.folder, "build")
        run("cmake", "-S", EXAMPLES, "-B", cls.build, f"-DCMAKE_PREFIX_PATH={cls.prefix}",
            "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Wshadow -Werror")
        run("cmake", "--build", cls.build)
        cls.cluster = Cluster(3).__enter__()
        cls.addClassCleanup(cls.cluster.__exit__, None, None, None)
        cls.servers = ",".join(cls.cluster.endpoints())

    def example(self, name, *words, cwd=None):
        return subprocess.Popen([os.path.join(self.build, name), *words], cwd=cwd or self.folder,
                                text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                preexec_fn=nodes.die_with_parent)

    def test_nothing_but_the_library_is_installed(self):
        found = sorted(os.path.relpath(os.path.join(folder, name), self.prefix)
                       for folder, _, names in os.walk(self.prefix) for name in names)
        for name in found:
            self.assertRegex(name, r"^include/holdfast/\w+\.h$|^lib.*/libholdfast\.a$|"
                                   r"^lib.*/cmake/Holdfast/Holdfast[\w-]+\.cmake$")
        headers = [name for name in found if name.startswith("include/")]
        self.assertEqual(len(headers), len(os.listdir(os.path.join(ROOT, "include", "holdfast"))))

    def test_each_header_can_be_included_alone(self):
        for name in os.listdir(os.path.join(ROOT, "include", "holdfast")):
            source = os.path.join(self.folder, "alone.cc")
            with open(source, "w") as file:
                file.write(f"#include <holdfast/{name}>\n")
            run("c++", "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
                f"-I{self.prefix}/include", source)

    def test_the_readme_shows_the_example(self):
        """Line for line, comments and white space aside."""
        def plain(text):
            lines = (re.sub(r"\s*//.*", "", line).strip() for line in text.splitlines())
            return "\n".join(filter(None, lines))
        with open(os.path.join(EXAMPLES, "fenced_file.cc")) as file:
            example = plain(file.read())
        for name in ("README.md", "README.zh-CN.md"):
            with open(os.path.join(ROOT, name)) as file:
                shown = plain(re.search(r"^```cpp\n(.*?)^```", file.read(), re.M | re.S)[1])
            self.assertLessEqual(len(shown.splitlines()), 10)
            self.assertIn(shown, example, name)

    def test_visits_are_counted(self):
        for count in (1, 2):
            out, errors = self.example("visits", self.cluster.endpoints()[0], "n").communicate()
            self.assertEqual((out, errors), (f"visit {count}\n", ""))

    def report(self, folder):
        with open(os.path.join(folder, "report.txt")) as file:
            return file.read()

    def test_the_fenced_file(self):
        folder = tempfile.mkdtemp(dir=self.folder)
        first = self.example("fenced_file", self.servers, "by the first", cwd=folder)
        self.assertEqual(first.communicate(timeout=PATIENCE)[1], "")
        self.assertEqual(self.report(folder), "by the first\n")

        # Stopped, from when it holds the lock until somebody else has held it and written.
        late = self.example("fenced_file", self.servers, "by one who was stopped", "1", cwd=folder)
        self.assertEqual(late.stdout.readline(), "holding\n")
        late.send_signal(signal.SIGSTOP)
        second = self.example("fenced_file", self.servers, "by the second", cwd=folder)
        self.assertEqual(second.communicate(timeout=60)[1], "")
        late.send_signal(signal.SIGCONT)
        self.assertIn("too late", late.communicate(timeout=PATIENCE)[1])
        self.assertEqual(late.returncode, 1)
        self.assertEqual(self.report(folder), "by the second\n")


if __name__ == "__main__":
    os.chdir(ROOT)
    if not os.path.exists(os.path.join(BUILD, "CMakeCache.txt")):
        print("SKIP: the installed client library: the binary is not in a build folder")
        sys.exit(77)
    with open(os.path.join(BUILD, "CMakeCache.txt")) as cache:
        if re.search(r"^HOLDFAST_SANITIZE:STRING=.", cache.read(), re.M):
            print("SKIP: the installed client library: a library with sanitizers is not for others")
            sys.exit(77)
    sys.exit(unittest.main(warnings="ignore"))
