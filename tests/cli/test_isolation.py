"""An isolation forest from training to live verdicts: what `predict` says of exported flows, `run` says of their packets.

Usage: test_isolation.py WEIR FOLDER_OF_TAP_CAPTURE_PY.
"""
import csv
import json
import os
import subprocess
import sys
import tempfile
import unittest

WEIR = os.path.abspath(sys.argv[1])
sys.path.insert(0, sys.argv[2])
import tap_capture  # noqa: E402

runtime = tempfile.TemporaryDirectory()  # control sockets of other runs on this machine are not ours
os.environ["RUNTIME_DIRECTORY"] = runtime.name


class Isolation(unittest.TestCase):
    def weir(self, *arguments):
        done = subprocess.run([WEIR, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=100, cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout.decode()

    def test_from_training_to_verdicts(self):
        with tempfile.TemporaryDirectory() as self.folder:
            tap_capture.write(self.folder, conversations=60)
            self.weir("flows", "-r", "merged.pcap", "--features", "argus", "-o", "flows.csv", "--quiet")
            with open(os.path.join(self.folder, "flows.csv"), newline="") as file:
                rows = list(csv.DictReader(file))
            with open(os.path.join(self.folder, "labelled.csv"), "w", newline="") as file:
                out = csv.DictWriter(file, [*rows[0], "label"])
                out.writeheader()
                out.writerows({**row, "label": "odd" if row["proto"] == "udp" else "normal"} for row in rows)
            told = json.loads(self.weir("train", "--data", "labelled.csv", "--label", "label", "--benign", "normal", "--algorithm", "isolation-forest",
                                        "--param", "contamination=0.05", "--features", "argus", "--test", "labelled.csv", "-o", "m.weir", "--quiet", "--json"))
            again = json.loads(self.weir("evaluate", "m.weir", "--data", "labelled.csv", "--json"))
            self.assertEqual(told["confusion"], again["confusion"])
            benign = sum(told["confusion"][0])
            self.assertTrue(0 < told["confusion"][0][1] <= 0.05 * benign + 1, told["confusion"])
            # Traffic of which nobody says more than that it is normal.
            alone = json.loads(self.weir("train", "--sql", "SELECT * EXCLUDE (label), 'normal' AS label FROM 'labelled.csv' WHERE label = 'normal'",
                                         "--label", "label", "--benign", "normal", "--algorithm", "isolation-forest", "--features", "argus",
                                         "--test", "labelled.csv", "--param", "contamination=0.05", "-o", "n.weir", "--quiet", "--json"))
            self.assertEqual(alone["confusion"], told["confusion"])
            self.weir("predict", "m.weir", "--data", "flows.csv", "-o", "scores.csv", "--quiet")
            with open(os.path.join(self.folder, "scores.csv"), newline="") as file:
                wanted = sorted((row["class"], float(row["score"])) for row in csv.DictReader(file))
            self.weir("run", "-r", "merged.pcap", "--model", "m.weir", "--quiet")
            got = json.loads(self.weir("query", "--json", "SELECT class, score, threshold, alert FROM verdicts ORDER BY class, score"))["rows"]
            self.assertEqual(len(got), len(wanted))
            for row, (name, score) in zip(got, wanted):
                self.assertEqual(row["class"], name)
                self.assertAlmostEqual(row["score"], score, places=6)
                self.assertEqual(row["alert"], row["score"] >= row["threshold"])
            reasons = json.loads(self.weir("query", "--json", "SELECT count(*) AS n FROM reasons"))["rows"]
            self.assertGreater(reasons[0]["n"], 0)
            self.assertIn("isolation-forest", self.weir("model", "show", "m.weir"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
