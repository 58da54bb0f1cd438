"""`weir bench survey` and the yardstick behind it: test_bench.py WEIR SOURCE_FOLDER. Only form is looked at, and that both sides read the same rows."""
import json
import os
import random
import subprocess
import sys
import tempfile
import unittest

WEIR, SOURCE = (os.path.abspath(path) for path in sys.argv[1:])
PEERS = next((home for home in (os.path.join(os.path.dirname(WEIR), "peers"), os.environ.get("WEIR_PEERS", ""))
              if os.path.exists(os.path.join(home, "bin/python"))), None)
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


class Bench(unittest.TestCase):
    def test_a_small_one(self):
        before = set(os.listdir("/tmp"))
        done = subprocess.run([WEIR, "bench", "survey", "--quick", "--size", "400", "--json"], capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        report = json.loads(done.stdout)
        rows = {row["case"]: row for row in report["rows"]}
        self.assertLessEqual({"decision-tree", "random-forest", "gaussian-nb", "logistic-regression", "survey-sequential", "survey-2"}, set(rows))
        self.assertTrue(any(text.startswith("survey-8: ") for text in report["skipped"]))
        self.assertEqual([name for name in set(os.listdir("/tmp")) - before if name.startswith("weir-bench-survey")], [])
        self.assertEqual(rows["survey-sequential"]["figures"]["train_rows"], 320)
        each = [row for name, row in rows.items() if not name.startswith("survey-")]
        self.assertAlmostEqual(sum(row["weir"] for row in each), rows["survey-sequential"]["weir"], delta=1e-3)
        for row in each:
            self.assertGreater(row["figures"]["accuracy"], 0.4, row["case"])
            self.assertAlmostEqual(row["figures"]["fit_s"] + row["figures"]["score_s"], row["weir"], delta=1e-4 + row["weir"] * 1e-4)
        if PEERS is None:
            self.assertTrue(any("tools/setup peers" in text for text in report["skipped"]))
            return
        for row in each:
            self.assertAlmostEqual(row["figures"]["their_fit_s"] + row["figures"]["their_score_s"], row["theirs"], delta=1e-4 + row["theirs"] * 1e-4)
        for name in ("gaussian-nb", "knn"):  # the same answer, row for row, when the rows are the same
            if name in rows:
                self.assertAlmostEqual(rows[name]["figures"]["accuracy"], rows[name]["figures"]["their_accuracy"], delta=0.013)

    def test_wrong_use(self):
        for arguments, says in ((["--data", "/nowhere/*.csv"], "/nowhere/*.csv: no such file"),):
            done = subprocess.run([WEIR, "bench", "survey", *arguments], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn(says, done.stderr)


@unittest.skipIf(PEERS is None, "scikit-learn is not there: tools/setup peers")
class Yardstick(unittest.TestCase):
    """What scikit-learn's side reads is what weir reads."""

    def python(self, code):
        done = subprocess.run([os.path.join(PEERS, "bin/python"), "-c", code], capture_output=True, text=True, timeout=120,
                              env={**os.environ, "PYTHONPATH": os.path.join(SOURCE, "bench/peers") + ":" + os.path.join(SOURCE, "tests/python")})
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_csv(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "x.csv")
            with open(path, "w", encoding="utf-8-sig") as file:
                file.write(" a ,a,proto, Label \n1.5,2,tcp, BENIGN\nInfinity,-,udp,DDoS\n,1e39, icmp ,BENIGN\n3.5,4,quic,PortScan\n")
            got = self.python(f"""
import json, survey
x, y = survey.read({path!r}, {{"label": "Label", "benign": "BENIGN", "columns": ["a", "a_1", "proto"], "categories": {{"proto": ["icmp", "tcp", "udp"]}}}})
print(json.dumps([[["nan" if v != v else v for v in row] for row in x.tolist()], y.tolist()]))""")
            self.assertEqual(got, [[[1.5, 2, 1], ["nan", "nan", 2], ["nan", "nan", 0], [3.5, 4, "nan"]], [0, 1, 0, 1]])

    def test_frame(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "x.frame")
            got = self.python(f"""
import json, numpy, frames, survey
values = numpy.arange(21, dtype=numpy.float32).reshape(7, 3)
test = numpy.array([0, 1, 0, 0, 1, 0, 0], bool)
train = numpy.array([1, 0, 1, 1, 0, 1, 0], bool)
open({path!r}, "wb").write(frames.frame("n", ["a", "b", "c"], values, [0, 1, 1, 0, 0, 1, 1], ["benign", "attack"], train, test))
(x, y), (z, t) = survey.read_frame({path!r}, "main")
print(json.dumps([x.tolist(), y.tolist(), z.tolist(), t.tolist(), str(x.dtype)]))""")
            self.assertEqual(got, [[[0, 1, 2], [6, 7, 8], [9, 10, 11], [15, 16, 17]], [0, 1, 0, 1], [[3, 4, 5], [12, 13, 14]], [1, 0], "float64"])


@unittest.skipIf(PEERS is None, "scikit-learn is not there: tools/setup peers")
class Papers(unittest.TestCase):
    """`make papers` on a folder with one small data set of known form."""

    def papers(self, *arguments):
        return subprocess.run([os.path.join(PEERS, "bin/python"), os.path.join(SOURCE, "bench/papers.py"), WEIR, *arguments], capture_output=True,
                              text=True, timeout=300)

    def test_a_page(self):
        with tempfile.TemporaryDirectory() as folder:
            rng = random.Random(1)
            os.makedirs(os.path.join(folder, "flows/cicids2017"))
            with open(os.path.join(folder, "flows/cicids2017/x.csv"), "w") as file:
                file.write("id,Flow ID,Src IP,Src Port,Dst IP,Dst Port,Protocol,Timestamp,Flow Duration,Total Fwd Packet,Attempted Category,Label\n")
                for i in range(300):
                    bad = i % 3 == 0
                    file.write(f"{i},f{i},10.0.0.1,{rng.randint(1024, 65535)},10.0.0.2,{rng.choice([80, 443])},6,{1500000000000000 + i},{rng.randint(1, 999)},"
                               f"{rng.randint(1, 9) + 5 * bad},-1,{'DDoS' if bad else 'BENIGN'}\n")
            page = os.path.join(folder, "page.md")
            done = self.papers(folder, page, "--only", "s2", "--processes", "1")
            self.assertEqual(done.returncode, 0, done.stderr)
            with open(page) as file:
                text = file.read()
            rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]
            self.assertEqual({len(row) for row in rows}, {11, 7})
            (tree,) = [row for row in rows if row[0] == "decision tree"]
            self.assertEqual(tree[1], "*")  # nothing published is made up
            for accuracy in tree[2], tree[6]:
                self.assertGreater(float(accuracy), 0.6)
            self.assertIn("300 rows, 4 columns; 240 train, 60 test", text)
            done = self.papers(folder, page, "--only", "s1", "--rows", "100", "--processes", "1")
            self.assertEqual(done.returncode, 0, done.stderr)
            with open(page) as file:
                text = file.read()
            self.assertIn("a sample of 33.3 %", text)
            for absent in "ton-iot", "hikari-2021", "nf-ton-iot-v2", "unsw-nb15":
                self.assertIn(f"weir survey --data 'DATA/flows/{absent}/", text)
            done = self.papers(os.path.join(folder, "flows"), page)
            self.assertEqual(done.returncode, 1)
            self.assertIn("no folder flows", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
