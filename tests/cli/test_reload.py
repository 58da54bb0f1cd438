"""A running weir reads its configuration again: weir reload and SIGHUP. Checked first; all of it or nothing.

Usage: test_reload.py WEIR FOLDER_OF_TAP_CAPTURE_PY MODEL FOLDER_OF_XGBOOST_MODELS. The packets come through a pipe, so that a run lasts as long as the test.
"""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

WEIR, MODEL, MODEL_DATA = map(os.path.abspath, (sys.argv[1], sys.argv[3], sys.argv[4]))
sys.path.insert(0, sys.argv[2])
import tap_capture  # noqa: E402

BASE = {"read": "'-'", "store": "days/", "eve": "eve.json", "control": "c.sock", "lanes": "1", "columns": "all", "model": "one.weir"}


class Reload(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        tap_capture.write(self.folder)
        for name in ("one", "two"):
            self.weir("model", "import", os.path.join(MODEL_DATA, "binary-3.0.5.json"), "--columns", "pcr,sjit,dur,djit", "--features", "argus",
                      "--name", name, "--threshold", "0.4", "--benign", "0", "-o", f"{name}.weir", "--quiet")
        self.pipe = None

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, **changes):
        """The file, one key a line; a key that is None is left out."""
        with open(self.path("weir.yaml"), "w") as file:
            for key, value in {**BASE, **changes}.items():
                if value is not None:
                    file.write(f"{key}: {value}\n")

    def weir(self, *arguments, code=0):
        done = subprocess.run([WEIR, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, cwd=self.folder)
        self.assertEqual(done.returncode, code, done)
        return done.stderr if code else done.stdout

    def start(self, *flags, config=("-c", "weir.yaml"), environment=None):
        reading, self.pipe = os.pipe()
        self.job = subprocess.Popen([WEIR, "run", *config, *flags], cwd=self.folder, stdin=reading, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                    env={**os.environ, **(environment or {})})
        os.close(reading)
        self.addCleanup(self.end, None)
        with open(self.path("merged.pcap"), "rb") as file:
            data = file.read()
        while data:  # weir reads meanwhile
            data = data[os.write(self.pipe, data):]
        return self.until(lambda s: s["state"] == "running" and s["account"]["packets"]["metered"] > 0)

    def end(self, code=0):
        if self.pipe is not None:
            os.close(self.pipe)
            self.pipe = None
            self.said = self.job.communicate(timeout=60)
        if code is not None:
            self.assertEqual(self.job.returncode, code, self.said)
        return self.said[1].decode()

    def until(self, what):
        end, status = time.monotonic() + 30, None
        while time.monotonic() < end:
            done = subprocess.run([WEIR, "status", "--control", "c.sock", "--json"], capture_output=True, cwd=self.folder, timeout=60)
            if done.returncode == 0:
                status = json.loads(done.stdout)
                if what(status):
                    return status
        self.fail(f"not in 30 s: {status}")

    def state(self):
        status = self.until(lambda s: True)
        return status["model"], status["reloads"]

    def reload(self, *flags, code=0):
        answer = self.weir("reload", "--control", "c.sock", *flags, *([] if code else ["--json"]), code=code)
        return answer if code else json.loads(answer)

    def test_what_can_change_changes(self):
        self.write()
        self.assertEqual(self.start()["model"], "one:1")
        old = self.path("days/weir-2020-01-01.duckdb")
        shutil.copy(self.path("weir.yaml"), old)  # only its name counts
        self.assertEqual(self.reload(), {"ok": True, "model": "one:1", "before": "one:1", "reloads": 1, "changed": []})
        self.assertTrue(os.path.exists(old))
        self.write(model="two.weir", retention="[30d, 50GB]", account="closing.json", lanes="1   # the same")
        self.assertEqual(self.reload(), {"ok": True, "model": "two:1", "before": "one:1", "reloads": 2,
                                         "changed": ["model", "retention", "account"]})
        self.assertEqual(self.state(), ("two:1", 2))
        self.until(lambda s: not os.path.exists(old))
        self.write(retention="30d", account="closing.json")
        self.assertIn("changed: model, retention\n", self.weir("reload", "--control", "c.sock"))
        self.write(quiet="true", rotate="day", retention="30d", account="closing.json")
        self.assertEqual(self.reload()["changed"], ["rotate", "quiet"])
        said = self.end()
        self.assertIn('changed: ["model","retention","account"]', said)
        self.assertIn("weir-2020-01-01.duckdb: removed", said)
        self.assertEqual(self.said[0], b"")  # quiet by now: no summary
        with open(self.path("closing.json")) as file:
            self.assertGreater(json.load(file)["packets"]["seen"], 0)

    def test_another_threshold(self):
        thresholds = lambda: json.loads(self.weir("query", "--control", "c.sock", "--format", "jsonl",  # noqa: E731
                                                  "SELECT list(DISTINCT threshold::VARCHAR ORDER BY threshold::VARCHAR) AS t FROM verdicts"))["t"]
        self.write(threshold="0.9")
        self.start()
        self.until(lambda s: s["account"]["store"]["committed"] > 0)
        self.assertEqual(thresholds(), ["0.9"])
        for wrong, words in (("1.5", "weir.yaml:8: threshold 1.5: the threshold of one:1 is a number from 0 to 1"),
                             ("'0.5'", "weir.yaml:8: threshold is a number; write it without quotes"), ("nan", "threshold nan: give a number")):
            self.write(threshold=wrong)
            self.assertIn(words, self.reload(code=1))
        self.write(threshold="0.25")
        self.assertEqual(self.reload()["changed"], ["threshold"])
        self.assertEqual(self.reload("--model", "two.weir")["model"], "two:1")  # it holds for every model
        self.end()
        self.assertEqual(json.loads(self.weir("query", "--store", "days/", "--format", "jsonl",
                                              "SELECT max(threshold)::VARCHAR AS high, min(threshold)::VARCHAR AS low FROM verdicts")),
                         {"high": "0.9", "low": "0.25"})

    def test_what_cannot_change_changes_nothing(self):
        self.write()
        self.start()
        self.write(model="two.weir", lanes="2", eve="other.json", retention="30d", columns=None)
        words = self.reload(code=1)
        for word in ("weir.yaml:3: eve", "weir.yaml:5: lanes", "columns (there no more)", "restart"):
            self.assertIn(word, words)
        self.assertNotIn("retention", words)
        self.write(model="two.weir", lane="2")
        self.assertIn("weir.yaml:8: 'lane' is no key", self.reload(code=1))
        self.write(model="two.weir", lanes="99", workers="98")
        self.assertRegex(self.reload(code=1), "weir.yaml:5: lanes 99.*and 1 more")
        self.write(model="none.weir", retention="30d")
        self.assertIn("weir.yaml:7: model none.weir: cannot open it", self.reload(code=1))
        os.unlink(self.path("weir.yaml"))
        self.assertIn("weir.yaml: cannot open it", self.reload(code=1))
        self.assertEqual(self.state(), ("one:1", 0))
        self.write(quiet="false")
        self.assertEqual(self.reload()["changed"], [])  # of what was refused nothing was kept
        said = self.end()
        self.assertIn("reload refused, model one:1 and configuration stay: columns (there no more), weir.yaml:3: eve", said)

    def test_flags_win_again(self):
        self.write(retention="30d")
        self.start("--model", "two.weir", "--lanes", "2")
        self.write(retention="40d", lanes="3")
        self.assertEqual(self.reload(), {"ok": True, "model": "two:1", "before": "two:1", "reloads": 1, "changed": ["retention"]})
        self.assertEqual(self.reload("--model", "one.weir"), {"ok": True, "model": "one:1", "before": "two:1", "reloads": 2})
        self.assertEqual(self.reload()["model"], "two:1")  # what it was started with
        self.end()

    def test_hangup_reads_it_again_and_tells_the_manager(self):
        name = self.path("notify")
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        manager.bind(name)
        manager.settimeout(30)
        self.write()
        self.start(environment={"NOTIFY_SOCKET": name})

        def told():
            lines = manager.recv(4096).decode().splitlines()
            return lines if "READY=1" in lines or "RELOADING=1" in lines else told()
        self.assertEqual(told()[0], "READY=1")
        for model, label in (("two.weir", "two:1"), ("none.weir", "two:1"), ("one.weir", "one:1")):
            self.write(model=model)
            self.job.send_signal(signal.SIGHUP)
            first = told()
            self.assertEqual(first[0], "RELOADING=1")
            self.assertRegex(first[1], r"^MONOTONIC_USEC=\d+$")
            self.assertEqual(told(), ["READY=1"])
            self.assertEqual(self.state()[0], label)
        self.assertEqual(self.state()[1], 2)
        self.assertIn("none.weir: cannot open it", self.end())

    def test_without_a_file_a_hangup_ends_the_run(self):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # below nohup it is ignored
        self.start("-r", "-", "--model", "one.weir", "--control", "c.sock", config=())
        self.job.send_signal(signal.SIGHUP)
        self.end(-signal.SIGHUP)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
