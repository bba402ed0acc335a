#!/usr/bin/env python3
"""Each mutation has its place in the code, and tools/mutation_check reads what the simulator prints."""

import collections
import importlib.machinery
import importlib.util
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
_loader = importlib.machinery.SourceFileLoader("mutation_check", str(ROOT / "tools/mutation_check"))
mutation_check = importlib.util.module_from_spec(
    importlib.util.spec_from_loader("mutation_check", _loader))
_loader.exec_module(mutation_check)

PRINTED = """
seed 12 of tests/scenarios/power.txt FAILED
  quorum durability: entry 41 of epoch 3.1 is committed and on one disk only
  linearizability: key r1: a read saw what nobody had written
  replay: holdfast sim --seed 12 --scenario tests/scenarios/power.txt --mutate log_not_synced --timeline

seed 14 of swarm FAILED
  crash: CHECK(from > commit_) failed: 7 is committed up to 9
  replay: holdfast sim --seed 14 --mutate log_not_synced --timeline
seeds 14, violations 2
hash 0123456789abcdef
"""


def switches():
    """{mutation: files in which it is asked for}, outside of base/ and tests."""
    found = collections.defaultdict(list)
    for path in sorted((ROOT / "src").rglob("*.[ch]*")):
        if path.parent.name == "base" or path.name.endswith("_test.cc"):
            continue
        for name in re.findall(r"\bmutated\(Mutation::(\w+)\)", path.read_text()):
            found[name].append(str(path.relative_to(ROOT)))
    return found


class Mutations(unittest.TestCase):
    def test_each_is_asked_for_somewhere(self):
        known = {mutation.name for mutation in mutation_check.all_mutations()}
        self.assertGreaterEqual(len(known), 25)
        self.assertEqual(known, set(switches()))

    def test_nothing_else_tells_a_build_with_mutations_from_one_without(self):
        for path in sorted((ROOT / "src").rglob("*.[ch]*")):
            if path.parent.name != "base":
                self.assertNotIn("HOLDFAST_MUTATIONS", path.read_text(), path)


class Reading(unittest.TestCase):
    def test_failures_are_found_with_their_rule(self):
        found = list(mutation_check.failures(PRINTED))
        self.assertEqual([(f.seed, f.scenario, f.rule) for f in found],
                         [(12, "power", "quorum durability"), (14, "swarm", "crash")])

    def test_a_clean_run_has_none(self):
        self.assertEqual(list(mutation_check.failures("seeds 9, violations 0\nhash 00\n")), [])


if __name__ == "__main__":
    unittest.main()
