"""The rule that labels records (lab/truth.py), and the tally over it (lab/score), on cases worked out by hand."""
import csv
import importlib.machinery
import importlib.util
import os
import subprocess
import sys
import tempfile
import unittest

LAB = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lab")
sys.dont_write_bytecode = True
sys.path.insert(0, LAB)
import truth  # noqa: E402

EVENTS = [
    {"attack": "scan", "tool": "t", "attackers": ["203.0.113.5", "2001:db8:2::5"], "victims": ["198.51.100.7", "2001:db8:3::7"],
     "proto": "tcp", "ports": "", "start": 1000.0, "end": 1005.5, "status": 0, "command": "t a,b"},
    {"attack": "sweep", "tool": "t", "attackers": ["203.0.113.5"], "victims": ["198.51.100.0/26"],
     "proto": "icmp", "ports": "", "start": 1100.0, "end": 1110.0, "status": 0, "command": "t"},
    {"attack": "flood", "tool": "t", "attackers": ["203.0.113.100"], "victims": ["198.51.100.7"],
     "proto": "tcp", "ports": "80", "start": 1004.0, "end": 1006.0, "status": 0, "command": "t"},
]

CASES = [  # initiator, responder, first, last, label
    ("203.0.113.5", "198.51.100.7", 1001.0, 1002.0, "scan"),
    ("198.51.100.7", "203.0.113.5", 1001.0, 1002.0, "benign"),  # the victim's own flow to the attacker
    ("203.0.113.5", "198.51.100.8", 1001.0, 1002.0, "benign"),  # the attacker at ordinary work with another
    ("203.0.113.6", "198.51.100.7", 1001.0, 1002.0, "benign"),  # another at ordinary work with the victim
    ("203.0.113.5", "198.51.100.7", 990.0, 999.999, "benign"),  # over before it
    ("203.0.113.5", "198.51.100.7", 990.0, 1000.0, "scan"),  # touches its start
    ("203.0.113.5", "198.51.100.7", 1015.5, 1016.0, "scan"),  # the quiet time's last moment
    ("203.0.113.5", "198.51.100.7", 1015.6, 1016.0, "benign"),  # past it
    ("203.0.113.5", "198.51.100.7", 900.0, 1200.0, "scan"),  # around it: the earliest event that fits
    ("2001:db8:2::5", "2001:db8:3::7", 1001.0, 1001.0, "scan"),
    ("2001:db8:2:0::5", "2001:db8:3::7", 1001.0, 1001.0, "scan"),  # the same address, spelt otherwise
    ("2001:db8:2::5", "198.51.100.7", 1001.0, 1001.0, "scan"),
    ("203.0.113.5", "198.51.100.63", 1105.0, 1105.0, "sweep"),  # inside the network
    ("203.0.113.5", "198.51.100.64", 1105.0, 1105.0, "benign"),  # just outside it
    ("203.0.113.100", "198.51.100.7", 1005.0, 1005.0, "flood"),
    ("02:00:00:00:00:01", "198.51.100.7", 1001.0, 1002.0, "benign"),  # no IP record
]


class TruthTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "truth.csv")
        truth.write(self.path, EVENTS)

    def tearDown(self):
        self.folder.cleanup()

    def test_rule(self):
        rule = truth.Truth(self.path)
        for *record, label in CASES:
            self.assertEqual(rule.label(*record), label, record)

    def test_file_keeps_events(self):
        with open(self.path, newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual([row["attack"] for row in rows], ["scan", "flood", "sweep"])  # by start
        self.assertEqual(rows[0]["command"], "t a,b")
        self.assertEqual(rows[0]["end"], "1005.500000")

    def test_label_adds_one_column(self):
        flows = os.path.join(self.folder.name, "flows.csv")
        with open(flows, "w", newline="") as file:
            out = csv.writer(file)
            out.writerow(["stime", "x", "ltime", "saddr", "daddr"])
            out.writerows([first, "a,b", last, a, b] for a, b, first, last, _ in CASES)
        done = subprocess.run([sys.executable, os.path.join(LAB, "label"), self.path, flows], capture_output=True, text=True, check=True)
        rows = list(csv.DictReader(done.stdout.splitlines()))
        self.assertEqual([row["label"] for row in rows], [case[-1] for case in CASES])
        self.assertEqual({row["x"] for row in rows}, {"a,b"})

    def test_score_counts(self):
        loader = importlib.machinery.SourceFileLoader("score", os.path.join(LAB, "score"))
        score = importlib.util.module_from_spec(importlib.util.spec_from_loader("score", loader))
        loader.exec_module(score)
        row = lambda a, b, time, kind: {"saddr": a, "daddr": b, "stime": time, "ltime": time, "class": kind}
        result = score.tally(truth.Truth(self.path), [
            row("203.0.113.5", "198.51.100.7", 1001, "attack"), row("203.0.113.5", "198.51.100.7", 1002, "attack"),
            row("203.0.113.5", "198.51.100.7", 1003, "benign"), row("203.0.113.100", "198.51.100.7", 1005, "benign"),
            row("203.0.113.9", "198.51.100.7", 1001, "attack"), row("203.0.113.9", "198.51.100.7", 1001, "benign"),
            row("203.0.113.9", "198.51.100.7", 1001, "benign"), row("203.0.113.9", "198.51.100.7", 1001, "benign")])
        self.assertEqual(result["attacks"]["scan"], {"runs": 1, "seen": 1, "records": 3, "found": 2, "recall": 2 / 3})
        self.assertEqual(result["attacks"]["flood"], {"runs": 1, "seen": 0, "records": 1, "found": 0, "recall": 0})
        self.assertEqual(result["attacks"]["sweep"], {"runs": 1, "seen": 0, "records": 0, "found": 0, "recall": None})
        self.assertEqual((result["precision"], result["recall"], result["false_alarm_rate"]), (2 / 3, 2 / 4, 1 / 4))


unittest.main()
