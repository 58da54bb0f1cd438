"""weir survey as a program: test_program.py WEIR"""
import csv
import json
import os
import pathlib
import random
import select
import signal
import subprocess
import sys
import tempfile
import time
import unittest

WEIR = os.path.abspath(sys.argv[1])
ENV = {**os.environ, "WEIR_XGBOOST": "/nowhere/libxgboost.so"}  # not there, whatever the machine has
QUICK = "decision-tree,gaussian-nb,lda,random-forest"


def make_rows(path, rows=240, seed=1, names=("a", "b", "c", "d"), shift=0.0):
    """Three labels that the columns tell apart, more or less."""
    rng = random.Random(seed)
    with open(path, "w", newline="", encoding="utf-8") as out:
        table = csv.writer(out)
        table.writerow([*names, "proto", "kind"])
        for i in range(rows):
            kind = ("normal", "dos", "scan")[i % 3]
            values = [rng.gauss(shift + (2 if kind == k else 0), 1) for k in ("normal", "dos", "scan")] + [rng.random()]
            table.writerow([*(f"{v:.4f}" if rng.random() > 0.02 else "" for v in values), rng.choice(["tcp", "udp"]), kind])


def results(out):
    """What must not depend on how it was run: results and models by task."""
    found = {}
    for path in sorted((pathlib.Path(out) / "tasks").glob("*.json")):
        task = json.loads(path.read_text())
        model = path.with_suffix(".weir")
        found[path.stem] = (json.dumps(task["result"]), task["status"], model.read_bytes() if model.exists() else None)
    return found


class Survey(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.work = pathlib.Path(folder.name)
        self.data = str(self.work / "rows.csv")
        make_rows(self.data)

    def command(self, out, *more, data=True):
        given = ["--data", self.data] if data is True else data
        return [WEIR, "survey", *given, "--label", "kind", "--benign", "normal", "--out", str(self.work / out), *more]

    def run_survey(self, out, *more, code=0, **options):
        done = subprocess.run(self.command(out, *more, **options), capture_output=True, text=True, timeout=100, check=False, env=ENV)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def report(self, out, *more, **options):
        return json.loads(self.run_survey(out, "--json", *more, **options).stdout)

    # -- the same, however it is run --

    def test_jobs_and_resumption_change_no_bit(self):
        flags = ["--algorithms", QUICK, "--seeds", "1-2", "--param", "random-forest.n_estimators=5"]
        self.run_survey("one", *flags, "--jobs", "1")
        expected = results(self.work / "one")
        self.assertEqual(len(expected), 8)
        self.assertTrue(all(status == "done" for _, status, _ in expected.values()))
        for jobs in ("2", "4", "8"):
            for _ in range(int(os.environ.get("WEIR_RUNS", "1"))):  # 10 where there is time
                self.run_survey("jobs" + jobs, *flags, "--jobs", jobs, "--fresh")
                self.assertEqual(results(self.work / ("jobs" + jobs)), expected)
        # Half of it is lost: only that is made again.
        for task in sorted(expected)[::2]:
            (self.work / "one" / "tasks" / (task + ".json")).unlink()
        again = self.run_survey("one", *flags, "--jobs", "2")
        self.assertIn("4 tasks are finished already", again.stderr)
        self.assertIn("4/4 ", again.stderr)
        self.assertEqual(results(self.work / "one"), expected)
        # What is said of it is the same, but for times.
        reports = [json.loads((self.work / out / "report.json").read_text()) for out in ("one", "jobs8")]
        self.assertEqual(*([[t["id"], t["result"]] for t in r["tasks"]] for r in reports))
        self.assertEqual(reports[0]["data"], reports[1]["data"])
        self.assertRegex(reports[0]["libraries"]["DuckDB"], r"^[0-9.]+$")
        self.assertIn("DuckDB", (self.work / "one/report.html").read_text())

    def test_what_is_stopped_goes_on(self):
        flags = ["--algorithms", QUICK, "--seeds", "1-6", "--param", "random-forest.n_estimators=20", "--jobs", "2"]
        with subprocess.Popen(self.command("stopped", *flags), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=ENV) as run:
            for line in run.stderr:
                if "2/24 " in line:
                    run.send_signal(signal.SIGINT)
                    break
            rest = run.stderr.read()
        self.assertEqual(run.returncode, 1, rest)
        self.assertIn("the same command goes on from there", rest)
        kept = results(self.work / "stopped")
        self.assertGreaterEqual(len(kept), 2)
        self.assertLess(len(kept), 24)
        self.assertFalse((self.work / "stopped" / "report.json").exists())
        self.run_survey("stopped", *flags)
        self.run_survey("whole", *flags)
        self.assertEqual(results(self.work / "stopped"), results(self.work / "whole"))

    def children(self, pid):
        try:
            return [int(word) for word in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        except FileNotFoundError:
            return []

    def start_long(self, out, trees):
        """A survey of one task that takes long, and the task's process."""
        run = subprocess.Popen(self.command(out, "--algorithms", "random-forest", "--param", f"random-forest.n_estimators={trees}", "--jobs", "1"),
                               stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=ENV)
        logs = self.work / out / "tasks"
        while run.poll() is None:
            if any(log.stat().st_size for log in logs.glob("*.log")) and self.children(run.pid):
                return run, self.children(run.pid)[0]
        self.fail(run.stderr.read())

    def test_a_process_that_dies_is_a_failed_task(self):
        run, child = self.start_long("dead", 100000)
        with run:
            os.kill(child, signal.SIGKILL)
            said = run.stderr.read()
        self.assertEqual(run.returncode, 1, said)  # no model at all
        report = json.loads((self.work / "dead/report.json").read_text())
        self.assertEqual(report["tasks"][0]["status"], "failed")
        self.assertIn("signal 9", report["tasks"][0]["error"])
        self.assertIn("signal 9", said)

    def test_no_process_outlives_the_survey(self):
        run, child = self.start_long("orphan", 100000)
        with run:
            run.kill()
        ended = os.pidfd_open(child) if os.path.exists(f"/proc/{child}") else None
        if ended is not None:
            poll = select.poll()
            poll.register(ended, 1)
            self.assertTrue(poll.poll(20000), "the task's process goes on alone")
            os.close(ended)

    def test_the_data_are_in_memory_once(self):
        columns = ", ".join(f"(hash(i * 100 + {c}) % 1000)::DOUBLE AS c{c}" for c in range(100))
        sql = f"SELECT {columns}, CASE WHEN hash(i) % 2 = 0 THEN 'normal' ELSE 'dos' END AS kind FROM range(40000) t(i)"
        flags = ["--algorithms", "random-forest", "--param", "random-forest.n_estimators=100000", "--seeds", "1-4", "--jobs", "4", "--memory", "100GB"]
        frame = self.work / "once/data/data.frame"
        with subprocess.Popen(self.command("once", *flags, data=["--sql", sql]), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=ENV) as run:
            mapped = {}
            for _ in range(6000):  # a minute
                workers = self.children(run.pid)
                mapped = {pid: self.mapping(pid, frame) for pid in workers}
                size = frame.stat().st_size / 1024 if frame.exists() else 1
                if len(mapped) == 4 and all(m.get("Rss", 0) > 0.95 * size for m in mapped.values()):
                    mapped = {pid: self.mapping(pid, frame) for pid in workers}  # now that none still grows
                    break
                time.sleep(0.01)
            run.terminate()
        self.assertEqual(len(mapped), 4)
        self.assertGreater(sum(m["Rss"] for m in mapped.values()), 3.7 * size)
        self.assertLess(sum(m["Pss"] for m in mapped.values()), 1.1 * size)  # each page shared out among those that have it

    @staticmethod
    def mapping(pid, path):
        """What a process has of a file, in KiB, as proc(5)'s smaps tells it."""
        found, inside = {}, False
        try:
            for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
                words = line.split()
                if not words[0].endswith(":"):
                    inside = line.endswith(str(path))
                elif inside and words[-1] == "kB":
                    found[words[0][:-1]] = found.get(words[0][:-1], 0) + int(words[1])
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            pass
        return found

    # -- failures --

    def test_failed_tasks_are_reported_and_tried_again(self):
        done = self.run_survey("failed", "--algorithms", "gaussian-nb,xgboost", "--pick", "f1")
        self.assertIn("WEIR_XGBOOST", done.stdout)
        report = json.loads((self.work / "failed/report.json").read_text())
        self.assertEqual([t["status"] for t in report["tasks"]], ["done", "failed"])
        self.assertEqual(report["summary"][1]["failed"], 1)
        self.assertIsNone(report["tasks"][1]["accuracy"])
        self.assertIsNone(report["tasks"][1]["model"])
        again = self.run_survey("failed", "--algorithms", "gaussian-nb,xgboost")
        self.assertIn("1 tasks that failed are run again", again.stderr)
        with open(self.work / "failed/report.csv", newline="", encoding="utf-8") as rows:
            table = list(csv.DictReader(rows))
        self.assertEqual([row["status"] for row in table], ["done", "failed"])
        self.assertEqual(float(table[0]["accuracy"]), report["tasks"][0]["accuracy"])
        self.assertIn("XGBoost", table[1]["error"])

    def test_what_takes_too_long_has_failed(self):
        report = json.loads(self.run_survey("late", "--algorithms", "random-forest", "--param", "random-forest.n_estimators=100000",
                                            "--timeout", "20ms", "--json", code=1).stdout)
        self.assertIn("longer than 0.02 s", report["tasks"][0]["error"])

    def test_default_algorithms_need_no_missing_library(self):
        plan = self.run_survey("all", "--plan")
        self.assertNotIn("xgboost", plan.stdout)
        self.assertIn("decision-tree", plan.stdout)
        self.assertIn("without xgboost", plan.stderr)

    # -- data --

    def test_data_that_changed_is_named(self):
        self.run_survey("changed", "--algorithms", "gaussian-nb")
        make_rows(self.data, seed=2)
        done = self.run_survey("changed", "--algorithms", "gaussian-nb", code=1)
        self.assertIn("'rows' had fingerprint", done.stderr)
        self.run_survey("changed", "--algorithms", "gaussian-nb", "--fresh")
        self.assertEqual(len(results(self.work / "changed")), 1)

    def test_a_plan_that_changed_keeps_what_fits(self):
        self.run_survey("grown", "--algorithms", "gaussian-nb", "--seed", "1")
        done = self.run_survey("grown", "--algorithms", "gaussian-nb,lda", "--seeds", "1,2")
        self.assertIn("1 tasks are finished already", done.stderr)
        self.assertEqual(len(results(self.work / "grown")), 4)
        done = self.run_survey("grown", "--algorithms", "gaussian-nb", "--scale", "standard")
        self.assertIn("4 finished tasks of an earlier plan are not part of this one", done.stderr)
        self.assertEqual(len(json.loads((self.work / "grown/report.json").read_text())["tasks"]), 1)

    def test_folds_seeds_and_multiclass(self):
        report = self.report("folds", "--algorithms", "decision-tree", "--folds", "3", "--seeds", "1,2", "--multiclass")
        self.assertEqual([(t["seed"], t["fold"]) for t in report["tasks"]],
                         [(1, "1"), (1, "2"), (1, "3"), (2, "1"), (2, "2"), (2, "3")])
        self.assertEqual(sum(t["result"]["test_rows"] for t in report["tasks"]), 480)
        accuracies = [t["accuracy"] for t in report["tasks"]]
        mean = sum(accuracies) / 6
        sd = (sum((a - mean) ** 2 for a in accuracies) / 5) ** 0.5
        self.assertEqual(len(report["summary"]), 1)
        self.assertAlmostEqual(report["summary"][0]["accuracy"]["mean"], mean, 12)
        self.assertAlmostEqual(report["summary"][0]["accuracy"]["sd"], sd, 12)
        self.assertEqual(report["data"]["rows"]["classes"], ["normal", "dos", "scan"])
        card = json.loads(subprocess.run([WEIR, "model", "show", str(self.work / "folds" / report["tasks"][1]["model"]), "--json"],
                                         capture_output=True, check=True, timeout=60).stdout)["card"]["training"]
        self.assertEqual([card[key] for key in ("split", "test_share", "folds", "fold", "sample")], ["drawn", None, 3, "2", 1])

    def test_one_set_trains_another_tests(self):
        other = str(self.work / "other.csv")
        make_rows(other, rows=90, seed=9, names=("d", "c", "b", "a"))
        sets = ["--set", f"home={self.data}", "--set", f"away={other}"]
        report = self.report("across", "--train-on", "home", "--test-on", "away,home", "--algorithms", "decision-tree", data=sets)
        self.assertEqual([(t["data"], t["test_data"], t["result"]["test_rows"]) for t in report["tasks"]],
                         [("home", "away", 90), ("home", None, 48)])
        # As train and evaluate have it.
        model = str(self.work / "m.weir")
        alone = json.loads(subprocess.run([WEIR, "train", "--data", self.data, "--test", other, "--label", "kind", "--benign", "normal",
                                           "--algorithm", "decision-tree", "-o", model, "--json", "--quiet"],
                                          capture_output=True, text=True, check=True, timeout=60).stdout)
        for figure in ("accuracy", "precision", "recall", "f1", "roc_auc"):
            self.assertEqual(report["tasks"][0][figure], alone[figure])
        file = self.report("file", "--test", other, "--algorithms", "decision-tree")
        self.assertEqual(file["tasks"][0]["accuracy"], alone["accuracy"])
        both = self.report("both", "--algorithms", "gaussian-nb", data=sets)
        self.assertEqual([t["data"] for t in both["tasks"]], ["home", "away"])

    def test_rows_of_unknown_classes_are_told(self):
        other = self.work / "other.csv"
        make_rows(str(other), rows=90, seed=9)
        other.write_text(other.read_text().replace("scan", "worm"))
        said = self.run_survey("unknown", "--multiclass", "--test", str(other), "--algorithms", "decision-tree,lda", "--seeds", "1-2").stdout
        self.assertIn("rows, tested on test: 240 rows, 5 columns, 3 classes; 240 rows train, 60 test, 30 are left out: their labels are no class", said)
        self.assertIn("60 test, 30 are left out (their labels are no class of the models); split: other rows", (self.work / "unknown/report.html").read_text())

    def test_a_table_for_each_test(self):
        other = str(self.work / "other.csv")
        make_rows(other, rows=90, seed=9)
        said = self.run_survey("tables", "--train-on", "home", "--test-on", "away,home", "--algorithms", "decision-tree,lda",
                               data=["--set", f"home={self.data}", "--set", f"away={other}"]).stdout
        self.assertEqual([line.split(":")[0] for line in said.splitlines() if " rows, " in line], ["home, tested on away", "home"])

    def test_train_does_the_same(self):
        report = self.report("same", "--algorithms", "random-forest", "--param", "random-forest.n_estimators=7", "--seed", "3",
                             "--flow-rate", "50/s", "--benign-share", "0.9")
        alone = json.loads(subprocess.run([WEIR, "train", "--data", self.data, "--label", "kind", "--benign", "normal", "--algorithm",
                                           "random-forest", "--param", "n_estimators=7", "--seed", "3", "--flow-rate", "50",
                                           "--benign-share", "0.9", "-o", str(self.work / "m.weir"),
                                           "--json", "--quiet"], capture_output=True, text=True, check=True, timeout=60).stdout)
        for figure in ("accuracy", "precision", "recall", "f1", "roc_auc", "pr_auc"):
            self.assertEqual(report["tasks"][0][figure], alone[figure])
        detection = report["tasks"][0]["result"]["metrics"]["detection"]
        self.assertEqual(detection, alone["detection"])
        self.assertAlmostEqual(detection["false_alerts_per_day"], 86400 * 50 * 0.9 * detection["fpr"], 6)
        self.assertIn("at 50 flows a second", (self.work / "same/report.html").read_text())

    def test_bad_data_is_refused_or_borne(self):
        both = [("normal", "dos")[i % 2] for i in range(200)]
        cases = {  # text, exit code, what `weir survey`, `weir train` and `weir data check` say
            "one": ("a,kind\n1,normal\n2,normal\n", 1, "every row is benign", "every row is benign", "rows        2"),
            "few": ("a,kind\n1,normal\n2,dos\n3,scan\n", 1, "few, 3 rows: the split leaves no rows", "3 rows are too few", "rows        3"),
            "empty": ("a,kind\n", 1, "no rows after the header", "no rows after the header", "no rows after the header"),
            "nothing": ("", 1, "the file is empty", "the file is empty", "the file is empty"),
            "label": ("a,b\n1,2\n2,3\n", 1, "no label column 'kind'; the columns are: a, b", "no label column 'kind'", "no label column 'kind'"),
            "nan": ("a,b,kind\n" + "".join(f",{i},{k}\n" for i, k in enumerate(both)), 0, "'a' is left out (no values)",
                    "'a' is left out (no values)", "no values"),
            "nans": ("a,kind\n" + "".join(f"NaN,{k}\n" for k in both), 1, "no column to learn from", "no column to learn from", "no values"),
            "stray": ("a,b,kind\n" + "".join(f"{'x' if i == 7 else i},{i % 2},{k}\n" for i, k in enumerate(both)), 0,
                      "'a': 1 cells that hold no number count as missing", "'a': 1 cells that hold no number", "1 texts among numbers"),
            "mixed": ("a,b,kind\n" + "".join(f"{'x' if i % 3 else i % 50},{i},{k}\n" for i, k in enumerate(both)), 0,
                      "'a': 67 numbers and 133 texts; all count as texts", "67 numbers and 133 texts", "a       text"),
        }
        for name, (text, code, *said) in cases.items():
            with self.subTest(name):
                path = self.work / (name + ".csv")
                path.write_text(text)
                done = self.run_survey("bad-" + name, "--algorithms", "decision-tree,gaussian-nb", code=code, data=["--data", str(path)])
                self.assertIn(said[0], done.stderr)
                train = [WEIR, "train", "--data", str(path), "--label", "kind", "--benign", "normal", "--algorithm", "knn", "-o", str(self.work / "m.weir")]
                done = subprocess.run(train, capture_output=True, text=True, check=False, timeout=60)
                self.assertEqual((done.returncode, said[1] in done.stderr), (code, True), done.stderr)
                done = subprocess.run([WEIR, "data", "check", str(path), "--label", "kind"], capture_output=True, text=True, check=False, timeout=60)
                self.assertIn(said[2], done.stdout + done.stderr)

    def test_three_rows_and_huge_numbers_are_told(self):
        few = self.work / "three.csv"
        few.write_text("a,kind\n1,normal\n2,dos\n3,normal\n")
        said = self.run_survey("deep/down/three", "--algorithms", "knn", data=["--data", str(few)]).stdout  # makes the folders above
        self.assertIn("three: 3 rows, 1 columns, 2 classes; 2 rows train, 1 test\n", said)
        self.assertIn("\n1 of 1 tests had no attack among their rows: recall and F1 say nothing there", said)
        self.assertIn("three: 2 rows train, 1 test; split: drawn.</p>", (self.work / "deep/down/three/report.html").read_text())
        huge = self.work / "huge.csv"
        huge.write_text("a,b,kind\n" + "".join(f"{i},1e35,{('normal', 'dos')[i % 2]}\n" for i in range(100)))
        said = self.run_survey("huge", "--algorithms", "lda,decision-tree", data=["--data", str(huge)]).stdout
        self.assertIn("column 'b' has values such as 1e+35: leave it out with --exclude", said)
        self.assertNotIn("tests had no", said)

    def test_benign_rows_alone_train_an_isolation_forest(self):
        with open(self.data, encoding="utf-8") as rows:
            lines = rows.read().splitlines(keepends=True)
        quiet = self.work / "quiet.csv"
        quiet.write_text("".join(line for i, line in enumerate(lines) if i == 0 or line.endswith("normal\n")))
        flags = ["--algorithms", "isolation-forest,decision-tree", "--param", "isolation-forest.n_estimators=20"]
        report = self.report("unseen", *flags, "--test", self.data, data=["--data", str(quiet)])
        forest, tree = report["tasks"]
        self.assertEqual((forest["status"], tree["status"]), ("done", "failed"))
        self.assertIn("'attack'", tree["error"])
        self.assertEqual((forest["result"]["train_rows"], forest["result"]["test_rows"]), (80, 240))
        self.assertGreater(forest["roc_auc"], 0.6)
        # The same from rows that are there to be left out: it does not look at attacks.
        again = self.report("seen", *flags, "--test", self.data)
        self.assertEqual(again["tasks"][0]["roc_auc"], forest["roc_auc"])
        left = self.report("left", *flags, "--split", "leave-attack")
        self.assertEqual([(t["algorithm"], t["fold"], t["result"]["test_rows"]) for t in left["tasks"]],
                         [(a, f, 96) for a in ("isolation-forest", "decision-tree") for f in ("dos", "scan")])
        self.assertGreater(min(t["roc_auc"] for t in left["tasks"][:2]), 0.6)
        self.assertEqual([(u["data"], u["attack"], u["models"]) for u in left["unseen"]],
                         [("rows", attack, ["isolation-forest", "decision-tree"]) for attack in ("dos", "scan")])
        recalls = {(t["algorithm"], t["fold"]): t["result"]["metrics"]["detection"]["recall"] for t in left["tasks"]}
        for unseen in left["unseen"]:
            self.assertEqual(unseen["recall"], [recalls[model, unseen["attack"]] for model in unseen["models"]])
        self.assertIn("Attacks never seen", (self.work / "left/report.html").read_text())
        self.assertIn("attack left out: recall", self.run_survey("left", *flags, "--split", "leave-attack").stdout)
        self.assertEqual(report["unseen"], [])
        # No attack anywhere: what is left is how often it gives alarm.
        alone = self.report("alone", *flags, data=["--data", str(quiet)])
        self.assertIsNone(alone["tasks"][0]["roc_auc"])
        self.assertEqual(alone["tasks"][0]["result"]["metrics"]["detection"]["attacks"], 0)
        self.assertIn("isolation-forest", self.run_survey("none", data=["--data", str(quiet)], code=1).stderr)

    # -- settings and results --

    def test_a_configuration_file_says_it_too(self):
        config = self.work / "survey.yaml"
        config.write_text(f"data: {self.data}\nlabel: kind\nbenign: normal\nout: {self.work}/yaml\nseeds: [1, 2]\nquiet: true\n"
                          "algorithms:\n  random-forest:\n    n_estimators: 3\n    max_depth: 4\n  gaussian-nb:\n")
        subprocess.run([WEIR, "survey", "-c", str(config)], check=True, timeout=60, env=ENV)
        report = json.loads((self.work / "yaml/report.json").read_text())
        self.assertEqual([(t["algorithm"], t["seed"]) for t in report["tasks"]],
                         [("random-forest", 1), ("random-forest", 2), ("gaussian-nb", 1), ("gaussian-nb", 2)])
        self.assertEqual(report["tasks"][0]["params"], {"n_estimators": "3", "max_depth": "4"})
        self.assertEqual(report["tasks"][0]["result"]["params"]["n_estimators"], 3)
        for wrong, why in (("algorithms:\n  knn: 3\n", "survey.yaml:2"), ("algorithms: {}\n", "empty mapping"),
                           ("algorithms:\n  knn:\n    k: [1]\n", "survey.yaml:3"), ("algorithm: knn\n", "the nearest is 'algorithms'")):
            config.write_text(wrong)
            done = subprocess.run([WEIR, "survey", "-c", str(config)], capture_output=True, text=True, check=False, timeout=60)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(why, done.stderr)

    def test_the_picked_model_is_the_best(self):
        report = self.report("picked", "--algorithms", QUICK, "--param", "random-forest.n_estimators=5", "--seeds", "1-3", "--pick", "f1")
        best = max(report["summary"], key=lambda group: group["f1"]["mean"])
        self.assertEqual(report["picked"]["algorithm"], best["algorithm"])
        first = next(t for t in report["tasks"] if t["algorithm"] == best["algorithm"])
        self.assertEqual(report["picked"]["id"], first["id"])
        self.assertEqual((self.work / "picked/best.weir").read_bytes(), (self.work / "picked" / first["model"]).read_bytes())
        shown = subprocess.run([WEIR, "evaluate", str(self.work / "picked/best.weir"), "--data", self.data, "--json"], capture_output=True,
                               text=True, check=True, timeout=60)
        self.assertEqual(json.loads(shown.stdout)["rows"], 240)
        cost = self.report("picked", "--algorithms", QUICK, "--param", "random-forest.n_estimators=5", "--seeds", "1-3", "--pick", "cost")
        top = max(g["f1"]["mean"] for g in cost["summary"])
        good = [g for g in cost["summary"] if g["f1"]["mean"] >= top - 0.01]
        self.assertEqual(cost["picked"]["algorithm"], min(good, key=lambda g: g["score_ns"]["mean"])["algorithm"])

    def test_fewer_columns_and_what_they_are_worth(self):
        report = self.report("select", "--algorithms", "decision-tree,knn,gaussian-nb", "--select", "2", "--pick", "cost")
        self.assertEqual([(t["algorithm"], t["select"], t["result"]["columns"]) for t in report["tasks"]],
                         [("decision-tree", None, 5), ("decision-tree", 2, 2), ("knn", None, 5), ("knn", 2, 2), ("gaussian-nb", None, 5),
                          ("gaussian-nb", 2, 2)])
        self.assertLessEqual(set(report["tasks"][1]["result"]["selected"]), {"a", "b", "c"})  # the others tell nothing
        self.assertIsNone(report["tasks"][0]["result"]["selected"])
        self.assertEqual({i["column"] for i in report["tasks"][0]["result"]["importance"]}, {"a", "b", "c", "d", "proto"})
        self.assertEqual(report["tasks"][2]["result"]["importance"], [])  # dear, so only when asked for
        every = self.report("all", "--algorithms", "knn", "--importance", "all")
        self.assertEqual(len(every["tasks"][0]["result"]["importance"]), 5)
        self.assertTrue(all(i["permutation"] is not None for i in every["tasks"][0]["result"]["importance"]))
        # The front, by its definition.
        groups = [(g["f1"]["mean"], g["score_ns"]["mean"], g["front"]) for g in report["summary"]]
        for f1, ns, front in groups:
            self.assertEqual(front, not any(f >= f1 and n <= ns and (f > f1 or n < ns) for f, n, _ in groups))

    def test_sets_of_different_kinds_are_merged(self):
        rng = random.Random(3)
        with open(self.work / "ours.csv", "w", encoding="utf-8") as out:  # in the common columns already
            out.write("dataset,dur,proto,spkts,dpkts,sbytes,dbytes,category,label\n")
            for i in range(120):
                out.write(f"x,{rng.random():.4f},6,{rng.randint(1, 9)},2,{rng.randint(40, 99)},60,{'benign,benign' if i % 3 else 'dos,attack'}\n")
        with open(self.work / "theirs.csv", "w", encoding="utf-8") as out:  # as UNSW-NB15's partition has them
            out.write("dur,proto,service,state,spkts,dpkts,sbytes,dbytes,sinpkt,dinpkt,smean,dmean,ct_srv_src,sttl,dttl,ct_state_ttl,attack_cat,label\n")
            for i in range(90):
                out.write(f"{rng.random():.4f},tcp,http,FIN,{rng.randint(1, 9)},3,{rng.randint(40, 99)},50,1,2,3,4,5,62,252,1,{'DoS,1' if i % 2 else 'Normal,0'}\n")
        data = ["--data", str(self.work / "ours.csv"), "--data", str(self.work / "theirs.csv")]
        command = [WEIR, "survey", *data, "--common", "--algorithms", "decision-tree", "--out", str(self.work / "merged"), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, env=ENV)
        self.assertEqual(done.returncode, 0, done.stderr)
        ((name, merged),) = json.loads(done.stdout)["data"].items()
        self.assertEqual((name, merged["rows"], merged["classes"]), ("common", 210, ["benign", "attack"]))
        self.assertIn("spkts", merged["column_names"])
        self.assertNotIn("dataset", merged["column_names"])
        done = self.run_survey("wrong", "--dataset", "nowhere", code=2)
        self.assertIn("unsw-nb15", done.stderr)

    def test_a_sweep_ships_the_smallest_model_that_is_good_enough(self):
        report = self.report("sweep", "--algorithms", "decision-tree", "--select", "sweep", "--pick", "columns", "--tolerance", "0.05")
        self.assertEqual([g["select"] for g in report["summary"]], [None, 1, 2, 3])
        top = max(g["f1"]["mean"] for g in report["summary"])
        fewest = min(g["select"] or 5 for g in report["summary"] if g["f1"]["mean"] >= top - 0.05)
        picked = next(t for t in report["tasks"] if t["id"] == report["picked"]["id"])
        self.assertEqual(picked["result"]["columns"], fewest)
        self.assertLess(fewest, 5)
        card = json.loads(subprocess.run([WEIR, "model", "show", str(self.work / "sweep/best.weir"), "--json"], capture_output=True, check=True).stdout)["card"]
        self.assertEqual(card["columns"], picked["result"]["selected"] or card["columns"])
        page = (self.work / "sweep/report.html").read_text()
        self.assertIn('<tr class="picked">', page)
        self.assertIn(picked["algorithm"], page)

    def test_wrong_use_is_told(self):
        for flags, why in ((["--algorithms", "oracle"], "oracle"), (["--param", "lda.x=1"], "lda"), (["--param", "n=1"], "ALGORITHM.NAME"),
                           (["--engine", "cloud"], "local or ray"), (["--pick", "luck"], "recall@fpr"), (["--folds", "1"], "--folds"),
                           (["--seeds", "5-1"], "--seeds"), (["--test", "2"], "--test"), (["--jobs", "0"], "from 1 to 4096"),
                           (["--train-on", "x"], "--set x"), (["--benign-share", "2"], "--benign-share"), (["--flow-rate", "2/min"], "--flow-rate"), (["--split", "moon"], "--split")):
            with self.subTest(flags):
                done = self.run_survey("wrong", *flags, code=2)
                self.assertIn(why, done.stderr)
        done = subprocess.run([WEIR, "survey", "--data", self.data], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, "--out DIR" in done.stderr), (2, True))

    def test_two_surveys_do_not_share_a_folder(self):
        run, _ = self.start_long("busy", 100000)
        with run:
            done = self.run_survey("busy", "--algorithms", "gaussian-nb", code=1)
            run.send_signal(signal.SIGTERM)
        self.assertIn("another survey is at work", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
