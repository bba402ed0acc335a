#!/usr/bin/env python3
"""What tools/unite takes for a local name, and what it therefore keeps apart."""

import importlib.machinery
import importlib.util
import os
import unittest

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "unite")
LOADER = importlib.machinery.SourceFileLoader("unite", PATH)
unite = importlib.util.module_from_spec(importlib.util.spec_from_loader("unite", LOADER))
LOADER.exec_module(unite)


class Names(unittest.TestCase):
    def assert_names(self, text, *names):
        self.assertEqual(unite.names(text), set(names))

    def test_what_is_defined_at_the_start_of_a_line(self):
        self.assert_names("constexpr Duration kAgain = seconds(1);", "kAgain")
        self.assert_names("constexpr CommandRow kRows[] = {", "kRows")
        self.assert_names("struct Outcome {\nenum class Kind : int {\nclass Judge final {",
                          "Outcome", "Kind", "Judge")
        self.assert_names("using Words = std::vector<std::string>;", "Words")
        self.assert_names("#define EXPECT_NONE(x) EXPECT_EQ(x, 0)", "EXPECT_NONE")
        self.assert_names("std::vector<Reply> replies(std::string_view bytes) {", "replies")
        self.assert_names("const Words& words_of(const Case& one);\nCase* find(int key) {",
                          "words_of", "find")

    def test_members_and_what_is_indented_are_nobodys(self):
        self.assert_names("void Node::stop() {\n  const int left = 1;\n  int right(2);\n}")


class Groups(unittest.TestCase):
    def test_sources_with_a_name_in_common_are_kept_apart(self):
        sources = [("a", "int f() {"), ("b", "int g() {"), ("c", "void f() {"), ("d", "int h() {")]
        self.assertEqual(unite.groups(sources), [0, 0, 1, 0])

    def test_a_group_is_full_at_last(self):
        self.assertEqual(unite.groups([("x", "")] * (2 * unite.SIZE)),
                         [0] * unite.SIZE + [1] * unite.SIZE)

    def test_nothing_is_left_over_for_a_group_of_its_own(self):
        self.assertEqual(unite.groups([("x", "")] * (unite.SIZE + 1)), [0] * (unite.SIZE + 1))
        self.assertEqual(unite.groups([("x", "")] * (2 * unite.SIZE + 1)),
                         [0] * (unite.SIZE + 1) + [1] * unite.SIZE)

    def test_who_clashes_with_all_goes_to_a_group_of_its_own(self):
        sources = [("a", "int f() {"), ("b", "int f() {"), ("c", "int f() {"), ("d", "int g() {")]
        self.assertEqual(unite.groups(sources), [0, 1, 2, 0])


if __name__ == "__main__":
    unittest.main()
