#!/usr/bin/env python3
"""The three guards of examples/locks/guarded.py, each with what its guide shows: whoever has an older
fence than the newest that was accepted writes nothing, in whichever order things happen.
"""

import glob
import itertools
import os
import re
import sqlite3
import sys
import tempfile
import threading
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "examples", "locks"))

import guarded
from guarded import TooLate


class Row(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(tempfile.TemporaryDirectory(prefix="holdfast-test-"))
        self.file = os.path.join(self.folder, "bank.db")
        connection = self.connect()
        with connection:
            connection.execute("CREATE TABLE accounts (id INTEGER PRIMARY KEY, total INTEGER NOT NULL, "
                               "fence INTEGER NOT NULL DEFAULT 0)")
            connection.execute("INSERT INTO accounts (id, total) VALUES (7, 0)")

    def connect(self):
        connection = sqlite3.connect(self.file, timeout=20)
        self.addCleanup(connection.close)
        return connection

    def row(self):
        return self.connect().execute("SELECT total, fence FROM accounts WHERE id = 7").fetchone()

    def test_an_older_fence_writes_nothing(self):
        late, present = self.connect(), self.connect()
        guarded.write_row(late, 7, 10, 41)
        guarded.write_row(present, 7, 20, 42)
        with self.assertRaises(TooLate):
            guarded.write_row(late, 7, 11, 41)
        self.assertEqual(self.row(), (20, 42))
        guarded.write_row(present, 7, 21, 42)
        self.assertEqual(self.row(), (21, 42), "the same holder may write again")

    def test_at_once_the_newest_stays(self):
        def write(fence):
            connection = sqlite3.connect(self.file, timeout=20)
            try:
                guarded.write_row(connection, 7, fence * 10, fence)
            except TooLate:
                pass
            finally:
                connection.close()

        threads = [threading.Thread(target=write, args=(fence,)) for fence in range(1, 21)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(self.row(), (200, 20))


class File(unittest.TestCase):
    def test_an_older_fence_writes_nothing(self):
        with tempfile.TemporaryDirectory(prefix="holdfast-test-") as folder:
            path = os.path.join(folder, "report.txt")
            for fence, text in ((41, "first"), (42, "second"), (42, "again")):
                guarded.write_file(path, text, fence)
            with self.assertRaises(TooLate):
                guarded.write_file(path, "late", 41)
            with open(path) as file:
                self.assertEqual(file.read(), "again")
            guarded.write_file(path, "third", 100)  # a longer number
            with self.assertRaises(TooLate):
                guarded.write_file(path, "late", 99)

    def test_at_once_the_newest_stays(self):
        with tempfile.TemporaryDirectory(prefix="holdfast-test-") as folder:
            path = os.path.join(folder, "report.txt")

            def write(fence):
                try:
                    guarded.write_file(path, str(fence), fence)
                except TooLate:
                    pass

            threads = [threading.Thread(target=write, args=(fence,)) for fence in range(1, 21)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            with open(path) as file:
                self.assertEqual(file.read(), "20")


class Store:
    """An object store with conditional writes, in memory. `before` is called before each request."""

    def __init__(self):
        self.objects = {}
        self.writes = 0
        self.before = lambda verb, metadata: None

    def get(self, name):
        self.before("get", None)
        return self.objects.get(name, (None, {}, None))

    def put(self, name, body, metadata, etag):
        self.before("put", metadata)
        if self.objects.get(name, (None, {}, None))[2] != etag:
            return False  # 412 Precondition Failed
        self.writes += 1
        self.objects[name] = (body, metadata, f"etag-{self.writes}")
        return True


class Object(unittest.TestCase):
    def test_an_older_fence_writes_nothing(self):
        store = Store()
        guarded.write_object(store, "report", "first", 41)
        guarded.write_object(store, "report", "second", 42)
        with self.assertRaises(TooLate):
            guarded.write_object(store, "report", "late", 41)
        self.assertEqual(store.get("report")[:2], ("second", {"fence": "42"}))

    def test_in_every_order_of_requests_the_newest_stays(self):
        """The other writes in a moment of the first's two requests, or in both of them."""
        for mine, moments in itertools.product((41, 43), ({1}, {2}, {1, 2})):
            store, count, inside = Store(), itertools.count(1), []

            def meanwhile(_verb, _metadata, store=store, count=count, inside=inside, moments=moments):
                if not inside and next(count) in moments:
                    inside.append(True)  # its own requests are not disturbed
                    try:
                        guarded.write_object(store, "report", "other", 42)
                    except TooLate:
                        pass
                    inside.clear()

            store.before = meanwhile
            try:
                guarded.write_object(store, "report", "mine", mine)
                self.assertEqual(mine, 43, "an older fence was accepted after a newer one")
            except TooLate:
                self.assertEqual(mine, 41)
            store.before = lambda *_: None
            self.assertEqual(store.get("report")[0], "mine" if mine == 43 else "other")


class Guide(unittest.TestCase):
    """What docs/guide/locks.md shows is what is run here: each line of its Python is in an example."""

    def test_its_programs_are_the_examples(self):
        def lines(text):
            return [line.strip() for line in text.splitlines() if line.strip()]

        with open(os.path.join(ROOT, "docs", "guide", "locks.md")) as file:
            blocks = re.findall(r"^```(?:python|go|js|c)\n(.*?)^```", file.read(), re.M | re.S)
        self.assertGreater(len(blocks), 3)
        folder = os.path.join(ROOT, "examples", "locks")
        examples = []
        for path in glob.glob(os.path.join(folder, "*.*")):  # Python leaves a folder of its own there
            with open(path) as file:
                examples.append("\n".join(lines(file.read())))
        for block in blocks:
            # Parts of one file, an ellipsis between them.
            parts = ["\n".join(lines(part)) for part in re.split(r"^\s*(?:#|//) …$", block, flags=re.M)]
            self.assertTrue(any(all(part in example for part in parts) for example in examples), block)


if __name__ == "__main__":
    unittest.main(warnings="ignore")
