"""What the parts of a run share: how thorough it is, where it writes, and what it found."""

import os
import statistics
from dataclasses import dataclass, field

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)


@dataclass
class Bench:
    """One run. `folder` is on the disk that is measured; everything in it is removed afterwards."""

    quick: bool
    folder: str
    build: str  # where holdfast, holdfast_load and holdfast_limits lie

    def choose(self, quick, full):
        return quick if self.quick else full

    def program(self, name):
        if name == "holdfast" and "HOLDFAST_BIN" in os.environ:
            return os.environ["HOLDFAST_BIN"]
        return os.path.join(self.build, name)


@dataclass
class Page:
    """What a part found: paragraphs for people, figures for bars.py, and what it had to leave out."""

    title: str
    paragraphs: list = field(default_factory=list)
    figures: dict = field(default_factory=dict)
    skipped: list = field(default_factory=list)

    def say(self, text):
        self.paragraphs.append(text)

    def skip(self, what, why):
        self.skipped.append(f"{what}: {why}")
        print(f"SKIP: {what}: {why}", flush=True)

    def judge(self, key, figure):
        """None: it could not be measured."""
        self.figures[key] = figure


class Rounds:
    """Rates by (row, side), from rounds in which the sides take turns, each time another one first."""

    def __init__(self, count):
        self.count = count
        self.rates = {}

    def run(self, rows, sides, measure):
        """`measure(row, side)` for all of them, round after round."""
        order = list(sides)
        for _ in range(self.count):
            for row in rows:
                for side in order:
                    self.note(row, side, measure(row, side))
            order = order[1:] + order[:1]

    def note(self, row, side, rate):
        self.rates.setdefault((row, side), []).append(rate)
        print(f"  {str(row):34} {str(side):22} {rate:14,.1f}", flush=True)

    def median(self, row, side):
        rates = self.rates.get((row, side))
        return statistics.median(rates) if rates else None

    def ratio(self, row, ours, theirs):
        over, under = self.median(row, ours), self.median(row, theirs)
        return over / under if over and under else None
