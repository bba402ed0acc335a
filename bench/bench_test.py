#!/usr/bin/env python3
"""What the bench says of figures, and what it counts: without any server."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import bars
import bars_zh
import parts
import report
import servers
import standstills
from context import Page, Rounds
from parts import failover, snapshot


def bar(key):
    return next(one for one in bars.BARS if one.key == key)


class Verdicts(unittest.TestCase):
    def test_more_is_better_for_a_rate(self):
        one = bar("three/SET/1")  # at least 0.6, aim 1.0
        self.assertEqual([one.verdict(value) for value in (0.59, 0.6, 0.99, 1.0)],
                         ["falls short", "met", "met", "met, and the aim"])

    def test_less_is_better_for_a_time(self):
        one = bar("failover/kill/p90")  # at most 300 ms, aim 150
        self.assertEqual([one.verdict(value) for value in (301, 300, 151, 150)],
                         ["falls short", "met", "met", "met, and the aim"])

    def test_what_was_not_measured_is_not_met(self):
        self.assertEqual(bar("memory").verdict(None), "not measured")

    def test_keys_are_not_used_twice(self):
        keys = [one.key for one in bars.BARS]
        self.assertEqual(len(keys), len(set(keys)))


class Reports(unittest.TestCase):
    def test_a_bar_that_is_not_in_the_table_is_an_error(self):
        page = Page("x")
        page.judge("no/such/bar", 1)
        with self.assertRaises(KeyError):
            report.bars_table([page])

    def test_a_shortfall_is_said(self):
        page = Page("x")
        page.judge("memory", 2.0)
        self.assertIn("2.00 × | ≤ 1 × | ≤ 0.7 × | *falls short* |", report.bars_table([page]))

    def test_a_whole_run_does_not_hide_what_was_not_measured(self):
        shown = report.bars_table([Page("x")], everything=True)
        self.assertEqual(shown.count("*not measured*"), len(bars.BARS))

    def test_each_part_has_a_name_of_its_own(self):
        self.assertEqual(len(parts.BY_NAME), len(parts.ALL))


class Readme(unittest.TestCase):
    def test_shows_what_the_page_says(self):
        page = Page("x")
        page.judge("memory", 2.0)
        page.judge("failover/kill/p90", 56)
        head = "# Measured, 2026-01-02\n\n- Machine: two cores\n- Command: `x`\n\n"
        text = head + report.bars_table([page])
        shown = report.summary(text, "bench/results/x.md")
        self.assertIn("Measured on 2026-01-02, on two cores", shown)
        self.assertIn("| 2.00 × | ≤ 1 × | ≤ 0.7 × | falls short |", shown)
        self.assertIn("| 56 ms | ≤ 300 ms | ≤ 150 ms | met, and the aim |", shown)
        chinese = report.summary_zh(text, "bench/results/x.md")
        self.assertIn("| 2.00 × | ≤ 1 × | ≤ 0.7 × | 未达到 |", chinese)
        self.assertEqual(chinese.count("\n|"), shown.count("\n|"))

    def test_all_bars_are_there_in_both_languages(self):
        self.assertEqual({one.key for one in bars.BARS}, set(bars_zh.WHAT))


class Counting(unittest.TestCase):
    def test_sides_take_turns_and_another_one_is_first(self):
        seen = []
        rounds = Rounds(2)
        rounds.run(["row"], ["a", "b"], lambda row, side: seen.append(side) or len(seen))
        self.assertEqual(seen, ["a", "b", "b", "a"])
        self.assertEqual(rounds.median("row", "a"), 2.5)
        self.assertEqual(rounds.ratio("row", "a", "b"), 1.0)

    def test_what_nobody_measured_has_no_ratio(self):
        self.assertIsNone(Rounds(1).ratio("row", "a", "b"))

    def test_percentiles_are_waits_that_were_seen(self):
        waits = list(range(1, 51))
        self.assertEqual(failover.percentile(waits, 0.9), 46)
        self.assertEqual(failover.percentile([7], 0.9), 7)

    def test_info_is_read_by_whole_names(self):
        info = "x_holdfast_a:1\r\nholdfast_ab:2\r\nholdfast_a:3\r\n"
        self.assertEqual(servers.number_in(info, "holdfast_a"), 3)
        self.assertIsNone(servers.number_in(info, "holdfast_c"))


class Standstills(unittest.TestCase):
    def test_only_what_all_processors_have_in_common_counts(self):
        found = standstills.together([[(1.00, 1.05), (2.0, 2.01)], [(1.02, 1.06), (3.0, 3.1)]])
        self.assertEqual([round(one, 3) for one in found], [0.03])

    def test_the_watchers_tell_what_they_saw(self):
        found = standstills.Standstills(0.05).found()
        if found is not None:  # nobody may have such a priority here
            self.assertEqual(sorted(found), ["memory", "still"])

    def test_windows_in_which_the_machine_stood_still_do_not_count(self):
        windows = snapshot.Windows(None, 0, 0, 0)
        still, crawled, ran, unknown = (
            {"standstills": one} for one in (
                {"still": [0.004, 0.030], "memory": []}, {"still": [], "memory": [0.002, 0.002, 0.002]},
                {"still": [0.004, 0.004], "memory": [0.003]}, None))
        windows.found[snapshot.WITH] = [still, crawled, ran, unknown]
        self.assertEqual(windows.counted(snapshot.WITH), [ran, unknown])

    def test_unless_they_are_more_than_half(self):
        windows = snapshot.Windows(None, 0, 0, 0)
        still, ran = ({"standstills": {"still": one, "memory": []}} for one in ([0.1], []))
        windows.found[snapshot.WITHOUT] = [still]
        self.assertEqual(len(windows.counted(snapshot.WITHOUT)), 1)
        windows.found[snapshot.WITH] = [still, ran, still]
        self.assertEqual(len(windows.counted(snapshot.WITH)), 3)


if __name__ == "__main__":
    unittest.main()
