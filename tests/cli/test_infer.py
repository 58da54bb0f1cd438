"""weir infer and weir keygen as programs: options, configuration, control socket, signals, account.

Usage: test_infer.py WEIR MODEL FOLDER_OF_XGBOOST_MODELS. What infer judges is tested in tests/pipeline/test_infer.c and tests/cluster.
"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

WEIR, MODEL, MODEL_DATA = map(os.path.abspath, sys.argv[1:4])


class Infer(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.queue = ["--queue", f"zmq+ipc://{self.folder}/b", "--results", f"zmq+ipc://{self.folder}/v"]

    def weir(self, *arguments, code=0):
        done = subprocess.run([WEIR, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, cwd=self.folder)
        self.assertEqual(done.returncode, code, done)
        return done.stderr if code else done.stdout

    def start(self, *arguments):
        self.job = subprocess.Popen([WEIR, "infer", "--control", "c.sock", "--json", *arguments], cwd=self.folder, stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: self.job.poll() is None and (self.job.kill(), self.job.communicate()))
        return self.until(lambda s: s["state"] == "running")

    def until(self, what):
        end, status = time.monotonic() + 30, None
        while time.monotonic() < end:
            done = subprocess.run([WEIR, "status", "--control", "c.sock", "--json"], capture_output=True, cwd=self.folder, timeout=60)
            if done.returncode == 0:
                status = json.loads(done.stdout)
                if what(status):
                    return status
        self.fail(f"not in 30 s: {status}")

    def end(self, code=0):
        out, err = self.job.communicate(timeout=60)
        self.assertEqual(self.job.returncode, code, err)
        return json.loads(out), err

    def test_wrong_use(self):
        for arguments, says in ((["infer"], "--queue"), (["infer", "--queue", "zmq+ipc://x"], "--results"),
                                (["infer", "--queue", "memory:", "--results", "zmq+ipc://x"], "zmq+tcp://HOST:PORT"),
                                (["infer", "--queue", "redis://h", "--results", "zmq+ipc://x"], "leave it out"),
                                (["infer", *self.queue, "--workers", "0"], "--workers"), (["keygen"], "NAME"), (["keygen", "a", "b"], "NAME")):
            self.assertIn(says, self.weir(*arguments, code=2))
        self.assertIn("password", self.weir("infer", "--queue", "redis://192.0.2.1", "--model", MODEL, code=1))
        self.assertIn("weir keygen", self.weir("infer", "--queue", "zmq+tcp://192.0.2.1:5", "--results", "zmq+ipc://x", "--model", MODEL, code=2))
        said = self.weir("infer", "--queue", "redis://u:secret@h:port", code=2)
        self.assertNotIn("secret", said)

    def test_keygen(self):
        said = self.weir("keygen", "tap")
        self.assertIn("tap.pub", said)
        self.assertEqual(os.stat(os.path.join(self.folder, "tap.key")).st_mode & 0o777, 0o600)
        self.assertIn("left as it is", self.weir("keygen", "tap", code=1))

    def test_check(self):
        with open(os.path.join(self.folder, "infer.yaml"), "w") as file:
            file.write(f"queue: [{self.queue[1]}]\nresults: {self.queue[3]}\nmodel: {MODEL}\nworkers: 3\n")
        self.assertIn("3 workers", self.weir("infer", "-c", "infer.yaml", "--check"))
        with open(os.path.join(self.folder, "infer.yaml"), "a") as file:
            file.write("wrokers: 3\n")
        self.assertIn("infer.yaml:5", self.weir("infer", "-c", "infer.yaml", "--check", code=2))

    def test_life(self):
        """Nobody there is no error but trouble; another model by command and by signal; stop waits for the account."""
        self.weir("model", "import", os.path.join(MODEL_DATA, "binary-3.0.5.json"), "--columns", "pcr,sjit,dur,djit", "--features", "argus",
                  "--name", "other", "--threshold", "0.4", "--benign", "0", "-o", "other.weir", "--quiet")
        with open(MODEL, "rb") as source, open(os.path.join(self.folder, "m.weir"), "wb") as target:
            target.write(source.read())
        status = self.start(*self.queue, "--model", "m.weir")
        self.assertEqual(status["role"], "infer")
        first = status["model"]
        self.until(lambda s: s["problem"] and "no answer" in s["problem"])
        answer = json.loads(self.weir("reload", "--control", "c.sock", "--model", "other.weir", "--json"))
        self.assertEqual((answer["before"], answer["model"]), (first, "other:1"))
        self.job.send_signal(signal.SIGHUP)
        self.assertEqual(self.until(lambda s: s["model"] == first)["reloads"], 2)
        with open(os.path.join(self.folder, "m.weir"), "wb") as broken:
            broken.write(b"no model")
        self.weir("reload", "--control", "c.sock", code=1)
        self.assertEqual(self.until(lambda s: s["state"] == "running")["model"], first)
        self.weir("stop", "--control", "c.sock")
        account, _ = self.end()
        self.assertEqual(account["inferred"], {"taken": 0, "judged": 0, "notes": 0, "refused": 0, "left": 0})

    def test_signal(self):
        self.start(*self.queue, "--model", MODEL, "--account", "account.json")
        self.job.send_signal(signal.SIGTERM)
        account, said = self.end()
        with open(os.path.join(self.folder, "account.json")) as file:
            self.assertEqual(json.load(file)["inferred"], account["inferred"])
        self.assertIn("stopping", said)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
