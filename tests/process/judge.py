"""Compares what clients were promised (journals, see load.py) with what the cluster holds."""

import collections
import itertools


class Verdict:
    """Claims, each with its numbers; printed as they are judged."""

    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.late = 0  # of those that failed: limits of time

    def claim(self, holds, what, details=()):
        print(f"{'ok    ' if holds else 'FAILED'}  {what}")
        for detail in itertools.islice(details, 10):
            print(f"          {detail}")
        if holds:
            self.passed += 1
        else:
            self.failed += 1

    def claim_in_time(self, holds, what):
        self.claim(holds, what)
        self.late += not holds


def measured(once):
    """Exit status of a test that judges with limits of tens of milliseconds. The machine, or its disk, stands
    still for as long now and then: where all else held, it is measured once more, and that counts."""
    verdict = once()
    if verdict.late and verdict.late == verdict.failed:
        print("No more than limits of time was missed: measured once more.")
        verdict = once()
    return 1 if verdict.failed else 0


def gather(journals, field):
    return list(itertools.chain.from_iterable(getattr(journal, field) for journal in journals))


def judge(journals, prefix, connections):
    """`connections`: one to each node; what is read is read through each of them."""
    verdict = Verdict()
    problems = gather(journals, "problems")
    verdict.claim(not problems, "no promise was seen broken on the way", problems)
    judge_counters(verdict, journals, prefix, connections)
    judge_kept(verdict, journals, connections)
    judge_locks(verdict, gather(journals, "grants"))
    judge_guarded(verdict, gather(journals, "grants"), connections)
    return verdict


def judge_counters(verdict, journals, prefix, connections):
    counts = gather(journals, "counts")
    unknown = sum(journal.counts_unknown for journal in journals)
    values = [int(node.call("GET", prefix + "count") or 0) for node in connections]
    verdict.claim(all(len(counts) <= value <= len(counts) + unknown for value in values),
                  f"INCR: {len(counts)} acknowledged <= {values} <= {len(counts) + unknown} with unknown")
    verdict.claim(len(set(counts)) == len(counts), "no INCR answered a number twice")

    once = gather(journals, "once")
    values = [int(node.call("GET", prefix + "once") or 0) for node in connections]
    verdict.claim(all(value == len(once) for value in values),
                  f"ONCE INCR: {len(once)} requests, counted {values}")
    verdict.claim(sorted(once) == list(range(1, len(once) + 1)), "each ONCE has a number of its own")


def judge_kept(verdict, journals, connections):
    fates = {}
    for journal in journals:
        fates.update(journal.kept)
    keys = list(fates)
    lost, ghosts, wrong = [], [], []
    for number, begin in enumerate(range(0, len(keys), 500)):
        some = keys[begin:begin + 500]
        values = connections[number % len(connections)].call("MGET", *some)
        for key, value in zip(some, values):
            if value is None and fates[key] == "done":
                lost.append(key)
            elif value is not None and fates[key] == "refused":
                ghosts.append(key)
            elif value is not None and value.decode() != key:
                wrong.append(f"{key}: {value}")
    done = sum(fate == "done" for fate in fates.values())
    verdict.claim(not lost, f"{len(lost)} of {done} acknowledged SETs lost", lost)
    verdict.claim(not ghosts, f"{len(ghosts)} SETs done that were refused as not done", ghosts)
    verdict.claim(not wrong, f"{len(wrong)} values differ from what was written", wrong)


def judge_locks(verdict, grants):
    names = sorted({grant.name for grant in grants})
    repeated, overlaps, backwards = [], [], []
    for name in names:
        mine = sorted((g for g in grants if g.name == name), key=lambda grant: grant.received)
        times = collections.Counter(grant.token for grant in mine)
        repeated += [f"{token} of {name}" for token, count in times.items() if count > 1]
        held = [grant for grant in mine if grant.received < grant.end()]
        for earlier, later in zip(held, held[1:]):
            if later.received < earlier.end():
                overlaps.append(f"{earlier} and {later}")
            if later.token <= earlier.token:
                backwards.append(f"{earlier.token} then {later.token} of {name}")
    verdict.claim(not repeated, f"{len(grants)} grants of {len(names)} locks, no token twice", repeated)
    verdict.claim(not overlaps, "never two holders", overlaps)
    verdict.claim(not backwards, "tokens only grow", backwards)


def judge_guarded(verdict, grants, connections):
    """A guarded key ends with the newest token whose write was acknowledged, or with a newer one."""
    wrong = []
    for name in sorted({grant.name for grant in grants}):
        tokens = {grant.token for grant in grants if grant.name == name}
        newest = max((g.token for g in grants if g.name == name and g.guarded), default=0)
        values = {int(node.call("GET", name + ":guarded") or 0) for node in connections}
        if len(values) != 1 or min(values) < newest or not values <= tokens | {0}:
            wrong.append(f"{name}: {values}, newest acknowledged: {newest}")
    verdict.claim(not wrong, "guarded keys carry the newest token, the same on each node", wrong)
