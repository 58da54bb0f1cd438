"""`weir bench pipeline` as its users run it: cases, figures, table and picture say the same, and nothing is left behind.

Usage: test_bench.py WEIR. Only form is looked at: how fast this machine is, and what else it does, is none of a test's business.
"""
import csv
import json
import os
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

WEIR = os.path.abspath(sys.argv[1])
SVG = "{http://www.w3.org/2000/svg}"


def bench(*arguments, name="pipeline", **more):
    return subprocess.run([WEIR, "bench", name, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=100, **more)


class Pipeline(unittest.TestCase):
    def test_cells_as_json_csv_and_svg(self):
        with tempfile.TemporaryDirectory() as folder:
            table, picture = os.path.join(folder, "cells.csv"), os.path.join(folder, "cells.svg")
            done = bench("--quick", "--seconds", "0.1", "--grid", "10b4w,512b2w", "--queues", "memory", "--offered", "5000", "--json",
                         "--csv", table, "--plot", picture)
            self.assertEqual(done.returncode, 0, done.stderr)
            report = json.loads(done.stdout)
            rows = {row["case"]: row for row in report["rows"]}
            self.assertLessEqual({"memory", "10b4w", "512b2w"}, set(rows))
            for name in ("10b4w", "512b2w"):
                figures = rows[name]["figures"]
                self.assertGreater(rows[name]["weir"], 0)
                self.assertGreater(figures["cpu_us_per_flow"], 0)
                self.assertEqual(figures["offered_flows_per_s"], 5000)
                for clock in ("decision_%s_us", "durable_%s_ms", "offered_decision_%s_us", "offered_durable_%s_ms"):
                    self.assertGreater(figures[clock % "p50"], 0)
                    self.assertLessEqual(figures[clock % "p50"], figures[clock % "p99"])
                # one row in a hundred is an alert; runs this short take a part of the records only
                self.assertAlmostEqual(figures["alerts_share"], 0.01, delta=0.005)
            with open(table, newline="") as lines:
                cells = {line["cell"]: line for line in csv.DictReader(lines) if line["queue"] == "memory"}
            self.assertAlmostEqual(float(cells["10b4w"]["flows_per_s"]), rows["10b4w"]["weir"], delta=1)
            drawing = xml.etree.ElementTree.parse(picture).getroot()
            titles = [title.text for title in drawing.iter(SVG + "title")]
            (title,) = [text for text in titles if text.startswith("memory 10b4w: ") and text.endswith(" flows/s")]
            self.assertAlmostEqual(float(title.split()[2]), rows["10b4w"]["weir"], delta=1) # each is rounded in its own way
            self.assertIn("10b4w", [text.text for text in drawing.iter(SVG + "text")])

    def test_wrong_cells(self):
        for grid in ("10w4b", "0b1w", "513b1w", "10b0w", "10b4w;", "10b65w"):
            done = bench("--quick", "--seconds", "0.1", "--grid", grid)
            self.assertEqual(done.returncode, 1, grid)
            self.assertIn(b"10b4w", done.stderr)
            self.assertEqual(done.stdout, b"")

    def test_wrong_queues(self):
        done = bench("--queues", "memory,kafka")
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"kafka", done.stderr)

    def test_chosen_cases(self):
        done = bench("--cases", "flat,fast")
        self.assertEqual((done.returncode, done.stdout), (1, b""))
        self.assertIn(b"--cases fast", done.stderr)
        done = bench("--quick", "--seconds", "0.2", "--cases", "budget", "--offered", "5000", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        (row,) = json.loads(done.stdout)["rows"]
        self.assertEqual((row["case"], row["figures"]["offered_flows_per_s"]), ("budget", 5000))
        self.assertGreaterEqual(row["figures"]["rows_a_batch"], 1)
        self.assertLessEqual(row["figures"]["offered_decision_p50_us"], row["figures"]["offered_decision_p99_us"])

    def test_options_of_other_benches(self):
        done = bench("--grid", "10b4w", name="survey")
        self.assertEqual((done.returncode, done.stdout), (2, b""))
        self.assertIn(b"survey takes no --grid", done.stderr)
        done = bench("--cases", "jobs,speed", name="survey")
        self.assertEqual((done.returncode, done.stdout), (1, b""))
        self.assertIn(b"--cases speed: there are jobs,", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
