"""A SYN flood over conversations that go on: they are judged as without it, and alike whatever the threads.

Usage: test_flood.py WEIR MODEL. The bench itself compares both runs' judgements, and weir checks its account.
"""
import json
import os
import re
import subprocess
import sys
import unittest

WEIR, MODEL = map(os.path.abspath, sys.argv[1:3])


def flood(*options):
    return subprocess.run([WEIR, "bench", "flood", "--model", MODEL, "--json", *options], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=100)


class Flood(unittest.TestCase):
    def rows(self, *options):
        done = flood(*options)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return {row["case"]: row for row in json.loads(done.stdout)["rows"]}

    def test_conversations_are_judged_as_without_a_flood_that_fills_the_table(self):
        rows = self.rows("--size", "200000", "--flows", "16384")
        self.assertGreater(rows["judgements"]["weir"], 130)  # of 101 conversations, some of them short
        note = rows["records"]["note"]
        self.assertEqual(rows["records"]["weir"] - rows["records"]["theirs"], 200000)
        self.assertGreater(int(re.search(r"(\d+) evicted", note)[1]), 180000)
        self.assertIn('"shed":{}', note)

    def test_every_judgement_of_the_flood_is_the_same_whatever_the_threads(self):
        digests = set()
        for lanes, workers in (1, 1), (2, 3), (4, 1), (4, 3):
            rows = self.rows("--size", "40000", "--lanes", str(lanes), "--workers", str(workers))
            digests.add(re.search(r"digest ([0-9a-f]{16})", rows["records"]["note"])[1])
            self.assertIn(" 0 evicted", rows["records"]["note"])
        self.assertEqual(len(digests), 1, digests)

    def test_a_table_without_room_for_handshakes_is_told(self):
        done = flood("--size", "100000", "--flows", "1024")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"the flood changed \d+ of the conversations' \d+ judgements; .*--flows")


unittest.main(argv=sys.argv[:1])
