#!/usr/bin/env python3
"""The five mistakes of examples/locks/five_mistakes.py, over real nodes: what each of them does, that
the corrected lock does not, and nor does the fenced one.
"""

import os
import subprocess
import sys
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path += [os.path.join(ROOT, "tests", "process"), os.path.join(ROOT, "examples", "locks")]

try:
    import redis
except ModuleNotFoundError:
    # Debian's package belongs to Debian's interpreter, which need not be the first in PATH.
    DEBIANS = "/usr/bin/python3"
    if os.path.exists(DEBIANS) and subprocess.run([DEBIANS, "-c", "import redis"],
                                                  capture_output=True).returncode == 0:
        os.execv(DEBIANS, [DEBIANS, *sys.argv])
    print("SKIP: the mistakes of articles: no python3 here has the module redis (python3-redis)")
    sys.exit(77)

import five_mistakes
from nodes import Cluster

RIGHT = (five_mistakes.Corrected, five_mistakes.Fenced)
SHORT = 0.3  # seconds


class Mistakes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(3).__enter__()
        cls.addClassCleanup(cls.cluster.__exit__, None, None, None)

    def client(self, node=0):
        host, port = self.cluster.address(node)
        client = redis.Redis(host=host, port=port, socket_timeout=20)
        self.addCleanup(client.close)
        return client

    def two(self, kind, ttl=10):
        """Two who want the same lock, each by a node of its own."""
        name = f"{self.id().rsplit('.', 1)[1]}:{kind.__name__}"
        return [kind(self.client(node), name, ttl) for node in (0, 1)]

    def wait_until_in(self, lock):
        deadline = time.monotonic() + 20
        while not lock.acquire():
            self.assertLess(time.monotonic(), deadline, "the lock is not given to anybody")
            time.sleep(0.02)

    # --- 1: the answer is ignored

    def test_two_are_in_at_once_if_the_answer_is_ignored(self):
        first, second = self.two(five_mistakes.AnswerIgnored)
        self.assertEqual((first.acquire(), second.acquire()), (True, True))

    def test_one_is_in_if_the_answer_is_believed(self):
        for kind in RIGHT:
            first, second = self.two(kind)
            self.assertEqual((first.acquire(), second.acquire()), (True, False), kind)
            first.release()
            self.assertTrue(second.acquire(), kind)

    # --- 2: what is read back always differs

    def test_nobody_is_in_if_what_is_read_back_differs(self):
        first, second = self.two(five_mistakes.ReadBackDiffers)
        self.assertEqual((first.acquire(), second.acquire()), (False, False))
        self.assertEqual(first.client.exists(first.name), 1, "and the lock is taken")

    def test_who_asks_again_is_in(self):
        """As after a lost answer: it is the same who asks, and he has it."""
        for kind in RIGHT:
            first, second = self.two(kind)
            self.assertTrue(first.acquire())
            if kind is five_mistakes.Corrected:
                self.assertEqual(first.client.get(first.name), first.mine, "what it compares is equal")
            else:
                token = first.token
                self.assertTrue(first.acquire())
                self.assertEqual(first.token, token, "the same grant")
            self.assertFalse(second.acquire(), kind)

    # --- 3: no expiry

    def test_a_dead_holder_keeps_the_others_out_for_good_without_an_expiry(self):
        first, second = self.two(five_mistakes.NoExpiry, ttl=SHORT)
        self.assertTrue(first.acquire())  # and dies
        time.sleep(3 * SHORT)
        self.assertFalse(second.acquire())
        self.assertEqual(second.client.pttl(second.name), -1, "and it will never end")

    def test_a_dead_holder_is_followed_after_its_ttl(self):
        for kind in RIGHT:
            first, second = self.two(kind, ttl=SHORT)
            self.assertTrue(first.acquire())
            self.wait_until_in(second)

    # --- 4: DEL takes whoever's lock it is

    def late_release(self, kind):
        """The first holder is slow, the second comes after his time; then the first gives back."""
        first, second = self.two(kind, ttl=SHORT)
        self.assertTrue(first.acquire())
        second.ttl = 20
        self.wait_until_in(second)
        first.release()
        third = kind(self.client(2), first.name)
        return third.acquire()

    def test_a_late_del_lets_a_third_in_beside_the_second(self):
        self.assertTrue(self.late_release(five_mistakes.DeletesAnothers))

    def test_a_late_release_takes_nothing_from_the_second(self):
        for kind in RIGHT:
            self.assertFalse(self.late_release(kind), kind)

    # --- 5: a date for a TTL

    def test_a_date_for_a_ttl_keeps_a_lock_for_fifty_years(self):
        lock = self.two(five_mistakes.DateForATtl)[0]
        self.assertTrue(lock.acquire())
        self.assertGreater(lock.client.ttl(lock.name), 50 * 365 * 24 * 3600)

    def test_a_ttl_is_what_it_says(self):
        lock = self.two(five_mistakes.Corrected)[0]
        self.assertTrue(lock.acquire())
        self.assertLessEqual(lock.client.pttl(lock.name), 10_000)
        lock = self.two(five_mistakes.Fenced)[0]
        lock.ttl = time.time() + 10
        with self.assertRaisesRegex(redis.ResponseError, "TTL"):
            lock.acquire()  # a date is no TTL here: more than ten years are refused
        lock.ttl = 10
        self.assertTrue(lock.acquire())

    # --- what no SET can mend

    def test_who_was_stopped_writes_after_all_unless_the_write_shows_a_fence(self):
        first, second = self.two(five_mistakes.Corrected, ttl=SHORT)
        self.assertTrue(first.acquire())
        second.ttl = 20
        self.wait_until_in(second)
        second.client.set("{door}:corrected", "present")
        first.client.set("{door}:corrected", "late")
        self.assertEqual(second.client.get("{door}:corrected"), b"late", "it knows of no lock")

        first, second = self.two(five_mistakes.Fenced, ttl=SHORT)
        self.assertTrue(first.acquire())
        second.ttl = 20
        self.wait_until_in(second)
        second.write("{door}:fenced", "present")
        with self.assertRaisesRegex(redis.ResponseError, "^FENCED"):
            first.write("{door}:fenced", "late")
        self.assertEqual(second.client.get("{door}:fenced"), b"present")

    def test_many_at_once_are_in_one_after_the_other(self):
        for kind in RIGHT:
            inside, most, entered = [], [], []

            def work(number, kind=kind, inside=inside, most=most, entered=entered):
                lock = kind(self.client(number % 3), f"many:{kind.__name__}")
                for _ in range(5):
                    self.wait_until_in(lock)
                    inside.append(number)
                    most.append(len(inside))
                    time.sleep(0.002)
                    inside.remove(number)
                    entered.append(number)
                    lock.release()

            threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual((len(entered), max(most)), (30, 1), kind)


if __name__ == "__main__":
    unittest.main(warnings="ignore")
