#!/usr/bin/env python3
"""Each rule of tools/tidy catches a seeded violation, and leaves its honest neighbour alone."""

import importlib.machinery
import importlib.util
import os
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))


def load_tidy():
    loader = importlib.machinery.SourceFileLoader("tidy", os.path.join(HERE, "tidy"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("tidy", loader))
    module.__dict__["__file__"] = os.path.join(HERE, "tidy")
    loader.exec_module(module)
    return module


tidy = load_tidy()

FLOORS = """
base  0
resp  1  base
os    2  base
main  3  os resp base
"""


def tree(**changes):
    """A small clean house; `changes` replaces or adds files, with / spelt __ and . spelt _dot_."""
    files = {
        "src/floors.txt": FLOORS,
        "src/base/CMakeLists.txt": "holdfast_library(SOURCES a.cc TESTS a_test.cc)\n",
        "src/base/a.h": "#pragma once\n",
        "src/base/a.cc": '#include "base/a.h"\n',
        "src/base/a_test.cc": '#include "base/a.h"\n',
        "README.md": "# Name\n\n## Use\n\n```\n# not a heading\n```\n",
        "README.zh-CN.md": "# 名\n\n## 用\n",
    }
    files.update({name.replace("__", "/").replace("_dot_", "."): text
                  for name, text in changes.items()})
    return files


def body(lines):
    return "int f() {\n" + "  g();\n" * (lines - 2) + "}\n"


class TidyTest(unittest.TestCase):
    def assert_caught(self, files, path, line, words):
        rows = [f"{row.path}:{row.line}: {row.message}" for row in tidy.check(files)]
        self.assertTrue(any(row.startswith(f"{path}:{line}: ") and words in row for row in rows),
                        f"{path}:{line}: …{words}… is not in {rows}")
        self.assertEqual(len(rows), 1, rows)

    def assert_clean(self, files):
        self.assertEqual(tidy.check(files), [])

    def test_a_clean_house_is_clean(self):
        self.assert_clean(tree())

    # --- floors and purity

    def test_an_edge_upward(self):
        files = tree(src__base__a_dot_h='#pragma once\n#include "resp/x.h"\n')
        self.assert_caught(files, "src/base/a.h", 2, "no edge base -> resp")

    def test_an_edge_downward_that_is_not_listed(self):
        files = tree(src__os__x_dot_h='#pragma once\n#include "resp/x.h"\n')
        self.assert_caught(files, "src/os/x.h", 2, "no edge os -> resp")

    def test_edges_that_are_listed(self):
        self.assert_clean(tree(src__main__x_dot_h='#pragma once\n#include "os/x.h"\n#include <map>\n'))

    def test_an_unknown_folder(self):
        files = tree(src__attic__x_dot_h="#pragma once\n")
        self.assert_caught(files, "src/attic/x.h", 1, "does not know the folder attic")

    def test_our_own_header_in_angle_brackets(self):
        files = tree(src__resp__x_dot_h="#pragma once\n#include <base/a.h>\n")
        self.assert_caught(files, "src/resp/x.h", 2, 'include our own as "base/a.h"')

    def test_the_public_face_of_client(self):
        files = tree(**{"src/floors.txt": FLOORS + "client 2 base\ncli 3 client\n",
                        "include/holdfast/a.h": '#pragma once\n#include <string>\n#include "holdfast/b.h"\n',
                        "include/holdfast/b.h": "#pragma once\n#include <chrono>\n",
                        "src/client/x.h": '#pragma once\n#include "holdfast/a.h"\n',
                        "src/cli/x.h": '#pragma once\n#include "holdfast/a.h"\n'})
        self.assert_clean(files)
        self.assert_caught(files | {"src/base/x.h": '#pragma once\n#include "holdfast/a.h"\n'},
                           "src/base/x.h", 2, "no edge base -> client")
        for name in ('"base/a.h"', '"holdfast/missing.h"', "<boost/asio.hpp>", "<fmt/format.h>",
                     "<iostream>", "<sys/socket.h>", "<holdfast/b.h>"):
            self.assert_caught(files | {"include/holdfast/b.h": f"#pragma once\n#include {name}\n"},
                               "include/holdfast/b.h", 2, "a public header does not include")
        self.assert_caught(files | {"include/other.h": "#pragma once\n"}, "include/other.h", 1,
                           "public headers are")

    def test_impure_headers(self):
        for name in ("thread", "mutex", "atomic", "condition_variable", "future", "random", "fstream",
                     "iostream", "sys/socket.h", "unistd.h", "fcntl.h", "poll.h", "signal.h",
                     "boost/asio/io_context.hpp", "boost/asio.hpp", "liburing.h", "spdlog/spdlog.h"):
            files = tree(src__resp__x_dot_h=f"#pragma once\n#include <{name}>\n")
            self.assert_caught(files, "src/resp/x.h", 2, f"<{name}> belongs to os/")

    def test_impure_words(self):
        for words in ("std::chrono::steady_clock::now()", "std::chrono::system_clock::time_point t",
                      "time(nullptr)", "std::time(0)", "gettimeofday(&t, nullptr)", "rand()",
                      "clock_gettime(CLOCK_REALTIME, &t)", "std::random_device r", 'getenv("HOME")'):
            files = tree(src__resp__x_dot_h=f"#pragma once\n\n// why\nauto x = {words};\n")
            self.assert_caught(files, "src/resp/x.h", 4, "belongs to os/")

    def test_impurity_where_it_is_at_home(self):
        impure = "#include <thread>\nauto x = std::chrono::steady_clock::now();\n"
        self.assert_clean(tree(src__os__x_dot_h="#pragma once\n" + impure,
                               src__main__x_dot_h="#pragma once\n" + impure,
                               src__base__a_test_dot_cc=impure,
                               tests__x__helper_dot_h="#pragma once\n" + impure))

    def test_words_that_only_look_impure(self):
        self.assert_clean(tree(src__resp__x_dot_h="""#pragma once
// Never reads steady_clock; getenv is for os/.
const char* kText = "time(0) rand() getenv";
int operand(int n); int time(int stamp); int x = entry.time(0) + operand(1'000'000);
"""))

    # --- sizes

    def test_a_long_file(self):
        files = tree(src__base__a_dot_h="#pragma once\n" + "int x;\n" * 600)
        self.assert_caught(files, "src/base/a.h", 601, "601 lines; a file has at most 600")
        self.assert_clean(tree(src__base__a_dot_h="#pragma once\n" + "int x;\n" * 599))

    def test_a_long_function(self):
        self.assert_clean(tree(src__base__a_dot_cc=body(70)))
        self.assert_caught(tree(src__base__a_dot_cc="\n" + body(71)), "src/base/a.cc", 2,
                           "71 lines; a function has at most 70")

    def test_long_functions_in_their_disguises(self):
        inside = "{\n" + "  if (x) { g(\"}\", '{'); }  // {\n" * 70 + "}\n"
        for head in ("Foo::Foo(int a) : a_{a}, b_(g(a)) ",
                     "template <class T, std::enable_if_t<(sizeof(T) > 4)>* = nullptr>\nvoid f(T t) ",
                     "std::map<int, int> f(std::vector<int> a = {}) ",
                     "auto f() -> std::vector<int> ",
                     "TEST(Suite, Name) "):
            files = tree(src__base__a_dot_cc=f"namespace x {{\nint y{{1}};\n{head}{inside}}}\n")
            lines = head.count("\n") + 72
            self.assert_caught(files, "src/base/a.cc", 3, f"{lines} lines; a function")
        method = "class A : public B {\n public:\n  int f() const noexcept " + inside + "};\n"
        self.assert_caught(tree(src__base__a_dot_cc=method), "src/base/a.cc", 2, "lines; a function")

    def test_a_long_table_is_no_function(self):
        rows = "const Row kRows[] = {\n" + '  {"get", f(1)},\n' * 80 + "};\n"
        self.assert_clean(tree(src__base__a_dot_cc=rows))
        self.assert_clean(tree(src__base__a_dot_cc=body(90).replace("{", "{  // tidy: table", 1)))
        self.assert_clean(tree(src__base__a_dot_cc="// tidy: table\n" + body(90)))

    def test_a_long_python_function(self):
        files = tree(tools__x_dot_py="def f():\n" + "    g()\n" * 71)
        self.assert_caught(files, "tools/x.py", 1, "72 lines; a function")

    def test_a_wide_line(self):
        files = tree(src__base__a_dot_h="#pragma once\n// " + "x" * 108 + "\n")
        self.assert_caught(files, "src/base/a.h", 2, "111 columns")
        self.assert_clean(tree(src__base__a_dot_h="#pragma once\n// " + "字" * 107 + "\n"))

    # --- nothing forgotten

    def test_a_test_that_is_not_registered(self):
        files = tree(src__base__b_test_dot_cc="\n")
        self.assert_caught(files, "src/base/b_test.cc", 1, "not listed in src/base/CMakeLists.txt")

    def test_a_test_that_is_only_a_comment_in_cmake(self):
        files = tree(**{"src__base__CMakeLists.txt": "holdfast_library(SOURCES a.cc\n"
                                                     "  TESTS # a_test.cc\n)\n"})
        self.assert_caught(files, "src/base/a_test.cc", 1, "not listed")

    def test_a_test_listed_as_a_source(self):
        files = tree(**{"src__base__CMakeLists.txt": "holdfast_library(SOURCES a.cc a_test.cc)\n"})
        self.assert_caught(files, "src/base/a_test.cc", 1, "not under TESTS")

    def test_a_source_that_nothing_builds(self):
        files = tree(src__base__deep__b_dot_cc="\n")
        self.assert_caught(files, "src/base/deep/b.cc", 1, "not listed in src/base/CMakeLists.txt")
        files = tree(tests__x__b_test_dot_cc="\n")
        self.assert_caught(files, "tests/x/b_test.cc", 1, "no CMakeLists.txt above this file")

    def test_tests_switched_off(self):
        for text in ("TEST(A, DISABLED_b) {}\n", "#if 0\n", "// TEST(A, b) {\n",
                     "  //TEST_F(A, b) {\n", "TEST(A, b) { GTEST_SKIP(); }\n"):
            rows = tidy.check(tree(src__base__a_test_dot_cc=text))
            self.assertEqual([(row.path, row.line) for row in rows], [("src/base/a_test.cc", 1)], text)
        self.assert_clean(tree(src__base__a_test_dot_cc='int f() { GTEST_SKIP() << "no disk"; }\n'))

    def test_a_source_that_is_not_optimized(self):
        library = "holdfast_library(SOURCES a.cc TESTS a_test.cc)\n"
        for option in ("COMPILE_OPTIONS -O0", "COMPILE_OPTIONS -Og", 'COMPILE_OPTIONS "-O1;-g"'):
            text = f"{library}set_source_files_properties(a.cc PROPERTIES\n  {option})\n"
            files = tree(src__base__CMakeLists_dot_txt=text)
            self.assert_caught(files, "src/base/CMakeLists.txt", 3, "the optimizer is set for all of src/")
        self.assert_clean(tree(src__base__CMakeLists_dot_txt=f"# Not with -O0.\n{library}"))

    # --- words and white space

    def test_a_header_without_pragma_once(self):
        files = tree(src__base__a_dot_h="// #pragma once\n")
        self.assert_caught(files, "src/base/a.h", 1, "#pragma once")

    def test_white_space(self):
        for text, words in (("\tint x;\n", "a tab"), ("int x; \n", "white space at the end"),
                            ("int x;", "the last line has no end")):
            self.assert_caught(tree(src__base__a_dot_cc=text), "src/base/a.cc", 1, words)
        self.assert_clean(tree(examples__x__main_dot_go="package main\n\nfunc f() {\n\tg()\n}\n"))

    def test_leftovers(self):
        for word in ("TO" "DO", "FIX" "ME", "XX" "X"):
            files = tree(src__base__a_dot_cc=f"\n// {word}: later\n")
            self.assert_caught(files, "src/base/a.cc", 2, f"{word}: do it")
        self.assert_clean(tree(dev="mktemp -d /tmp/x.XXXXXX\n"))

    def test_paths_of_one_machine(self):
        for folder in ("/wo" "rk", "/ro" "ot"):
            files = tree(**{"docs__x_dot_md": f"see\nin `{folder}/main/dev`\n"})
            self.assert_caught(files, "docs/x.md", 2, f"{folder} is a path of one machine")
        self.assert_clean(tree(**{"docs__x_dot_md": "src/workload/ and ./work and docs/root/x\n"}))

    def test_readmes_out_of_step(self):
        files = tree(**{"README_dot_md": "# Name\n\n## Use\n\n## More\n"})
        self.assert_caught(files, "README.zh-CN.md", 1, "2 headings; README.md has 3")

    # --- the tree itself

    def test_every_rule_has_been_seen_to_bite(self):
        self.assertEqual(len(tidy.RULES), 13, "a new rule: seed a violation here, then raise this")

    def test_it_is_quick(self):
        began = time.process_time()  # other tests have the machine, too
        tidy.check(tidy.read_tree(os.path.dirname(HERE)))
        self.assertLess(time.process_time() - began, 3)


if __name__ == "__main__":
    unittest.main()
