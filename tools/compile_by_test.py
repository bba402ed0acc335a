#!/usr/bin/env python3
"""tools/compile_by puts one compiler in the place of another, and nothing else."""

import os
import shutil
import subprocess
import tempfile
import unittest

TOOL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "compile_by")
CLANG = shutil.which("clang++-14")
CCACHE = shutil.which("ccache")


def run(*words, folder=None):
    done = subprocess.run([TOOL, *words], capture_output=True, text=True, check=True, cwd=folder)
    return done.stdout.splitlines()


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
            run("true", "/usr/bin/c++", "-include", paths[1], "-o", paths[0])
            run("true", "/usr/bin/c++", "-o", paths[2])
            self.assertEqual([os.path.exists(path) for path in paths], [False, True, True])

    def test_a_header_is_precompiled_without_what_stands_before_the_compiler(self):
        self.assertEqual(run("echo", "false", "/usr/bin/c++", "-c", "-o", "a.gch"), ["-c -o a.gch"])

    @unittest.skipUnless(CLANG and CCACHE, "needs clang++-14 and ccache")
    def test_a_header_that_was_kept_of_one_checkout_does_not_reach_another(self):
        with tempfile.TemporaryDirectory(prefix="holdfast-test-") as root:
            for name in ("one", "other"):
                folder = os.path.join(root, name)
                os.mkdir(folder)
                with open(os.path.join(folder, "all.hxx"), "w") as out:
                    out.write("inline int five() { return 5; }\n")
                with open(os.path.join(folder, "use.cc"), "w") as out:
                    out.write(f"int {name}() {{ return five(); }}\n")
                header = os.path.join(folder, "all.hxx")
                launcher = (CLANG, "/usr/bin/env", f"CCACHE_DIR={root}/kept", f"CCACHE_BASEDIR={folder}",
                            "CCACHE_NOHASHDIR=1", "CCACHE_SLOPPINESS=pch_defines,time_macros", CCACHE,
                            "/usr/bin/c++", "-Xclang", "-fno-pch-timestamp")
                run(*launcher, "-x", "c++-header", "-o", header + ".gch", "-c", header,
                    folder=folder)
                run(*launcher, "-include", header, "-o", folder + "/use.o", "-c", folder + "/use.cc",
                    folder=folder)
                self.assertTrue(os.path.exists(folder + "/use.o"))
                shutil.rmtree(folder)


if __name__ == "__main__":
    unittest.main()
