#!/usr/bin/env python3
"""The judge of test_kill.py must find what it is there for: each kind of broken promise, seeded."""

import contextlib
import copy
import io
import sys
import unittest

from judge import Verdict, judge, measured
from load import Grant, Journal


class Node:
    """Answers GET and MGET as a node does."""

    def __init__(self, values):
        self.values = values

    def call(self, word, *keys):
        found = [self.values.get(key) for key in keys]
        return found if word == "MGET" else found[0]


def good_story():
    first = Journal(counts=[1, 3], once=[1], kept={"a": "done", "b": "refused"})
    second = Journal(counts=[2], counts_unknown=1, once=[2], kept={"c": "unknown"})
    first.grants = [Grant("lock", 5, 10.0, 12.0, guarded=True)]
    second.grants = [Grant("lock", 7, 12.5, 14.0, given_up=13.0)]
    values = {"p:count": b"4", "p:once": b"2", "a": b"a", "lock:guarded": b"5"}
    return [first, second], values


class Judged(unittest.TestCase):
    def failures(self, journals, values, other=None):
        nodes = [Node(values), Node(values if other is None else other)]
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            verdict = judge(journals, "p:", nodes)
        lines = [line for line in printed.getvalue().split("\n") if line.startswith("FAILED")]
        self.assertEqual(verdict.failed, len(lines))
        return "\n".join(lines)

    def test_good(self):
        self.assertEqual(self.failures(*good_story()), "")

    def test_counter_too_low_or_too_high(self):
        for value in (b"2", b"5"):
            journals, values = good_story()
            values["p:count"] = value
            self.assertIn("INCR: 3 acknowledged", self.failures(journals, values))

    def test_number_answered_twice(self):
        journals, values = good_story()
        journals[1].counts = [3]
        self.assertIn("no INCR answered a number twice", self.failures(journals, values))

    def test_once_counted_twice(self):
        journals, values = good_story()
        values["p:once"] = b"3"
        self.assertIn("ONCE INCR", self.failures(journals, values))

    def test_once_answered_differently(self):
        journals, values = good_story()
        journals[1].once = [1]
        self.assertIn("each ONCE", self.failures(journals, values))

    def test_nodes_that_differ(self):
        journals, values = good_story()
        self.assertIn("ONCE", self.failures(journals, values, values | {"p:once": b"1"}))
        self.assertIn("guarded", self.failures(journals, values, values | {"lock:guarded": b"7"}))

    def test_lost_set(self):
        journals, values = good_story()
        del values["a"]
        self.assertIn("1 of 1 acknowledged SETs lost", self.failures(journals, values))

    def test_refused_but_done(self):
        journals, values = good_story()
        values["b"] = b"b"
        self.assertIn("1 SETs done that were refused", self.failures(journals, values))

    def test_wrong_value(self):
        journals, values = good_story()
        values["c"] = b"a"
        self.assertIn("1 values differ", self.failures(journals, values))

    def test_two_holders(self):
        journals, values = good_story()
        journals[1].grants[0].received = 11.9
        self.assertEqual("FAILED  never two holders", self.failures(journals, values))

    def test_one_holder_inside_another(self):
        journals, values = good_story()
        long = Grant("lock", 4, 9.0, 20.0)
        journals[0].grants = [long, copy.copy(journals[0].grants[0])]
        journals[0].grants[1].given_up = 10.0  # an empty interval between the two
        self.assertIn("never two holders", self.failures(journals, values))

    def test_token_twice(self):
        journals, values = good_story()
        journals[1].grants[0].token = 5
        self.assertIn("no token twice", self.failures(journals, values))

    def test_token_that_goes_back(self):
        journals, values = good_story()
        journals[1].grants[0].token = 4
        self.assertIn("tokens only grow", self.failures(journals, values))

    def test_guarded_write_of_an_older_token(self):
        journals, values = good_story()
        journals[1].grants[0].guarded = True
        self.assertIn("guarded", self.failures(journals, values))

    def test_problem_on_the_way(self):
        journals, values = good_story()
        journals[0].problems.append("seen")
        self.assertIn("no promise was seen broken", self.failures(journals, values))


class Measured(unittest.TestCase):
    def status(self, *rounds):
        """What comes of rounds that end so: "late" or "broken" things in each. And how many there were."""
        verdicts = []
        for ends in rounds:
            verdict = Verdict()
            with contextlib.redirect_stdout(io.StringIO()):
                verdict.claim("broken" not in ends, "what matters")
                verdict.claim_in_time("late" not in ends, "soon enough")
            verdicts.append(verdict)
        taken = iter(verdicts)
        with contextlib.redirect_stdout(io.StringIO()):
            status = measured(lambda: next(taken))
        return status, len(rounds) - len(list(taken))

    def test_a_good_round_is_enough(self):
        self.assertEqual(self.status((), ("broken",)), (0, 1))

    def test_who_is_only_late_is_measured_once_more(self):
        self.assertEqual(self.status(("late",), ()), (0, 2))
        self.assertEqual(self.status(("late",), ("late",), ()), (1, 2))
        self.assertEqual(self.status(("late",), ("broken",)), (1, 2))

    def test_nothing_else_has_a_second_chance(self):
        self.assertEqual(self.status(("broken",), ()), (1, 1))
        self.assertEqual(self.status(("late", "broken"), ()), (1, 1))


if __name__ == "__main__":
    sys.exit(unittest.main())
