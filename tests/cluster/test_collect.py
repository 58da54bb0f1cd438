"""weir collect as a program: what it is told, what it answers on its control socket, its lake. Usage: test_collect.py WEIR MODEL CAPTURE"""
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

WEIR, MODEL = map(os.path.abspath, sys.argv[1:3])
CAPTURE = ",".join(map(os.path.abspath, sys.argv[3].split(",")))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cluster import Cluster, until  # noqa: E402


class Collect(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="weir-collect-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.cluster = Cluster(self.folder, WEIR, MODEL, "zmq")
        self.addCleanup(self.cluster.close)

    def weir(self, *arguments, code=0):
        done = subprocess.run([WEIR, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, cwd=self.folder)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout if code == 0 else done.stderr

    def configure(self, *lines):
        with open(self.cluster.path("collect.yaml"), "w") as file:
            file.write("\n".join([f"results: {self.cluster.transport.results}", "store: days/", "control: c.sock", *lines]) + "\n")

    def test_what_is_wrong(self):
        for arguments, said in ((["--eve", "e"], "no --results"), (["--results", "foo:bar"], "not a queue between processes"),
                                (["--queue", "zmq+ipc:///q"], "carries batches only: give --results"),
                                (["--results", "zmq+ipc:///r", "--queue", "redis://h"], "give one of them"),
                                (["--results", "zmq+ipc:///r", "--rotate", "2GB"], "end the store's path with /"),
                                (["--results", "zmq+ipc:///r", "--on-full", "never"], "stop or withhold")):
            self.assertIn(said, self.weir("collect", "--check", *arguments, code=2))
        self.assertEqual(self.weir("collect", "--check", "--results", "zmq+ipc:///r"), "ok\nresults   zmq+ipc:///r\nstore     weir.duckdb\n")
        said = self.weir("collect", "--check", "--queue", "redis://default:secret@h", "--store", "d/", "--store-memory", "200MB")
        self.assertEqual(said, "ok\nqueue     redis://h\nstore     d/\n")
        self.assertIn("give 167 MB to 1TB", self.weir("collect", "--check", "--results", "zmq+ipc:///r", "--store-memory", "1MB", code=2))
        self.assertIn("a network", self.weir("collect", "--control", "none", "--results", "zmq+tcp://*:15557", code=2))
        self.assertIn("--publish redis://h: subscribers come by ZeroMQ", self.weir(
            "collect", "--control", "none", "--results", self.cluster.transport.results, "--publish", "redis://h", code=1))
        self.assertIn("example:", self.weir("collect", "--help"))

    def test_control(self):
        c = self.cluster
        self.configure("retention: 30d")
        job = subprocess.Popen([WEIR, "collect", "-c", "collect.yaml", "--json"], cwd=self.folder, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        c.jobs.append(job)
        job.name = "collect"
        control = ["--control", c.path("c.sock")]
        until(lambda: "no worker is connected" in subprocess.run([WEIR, "status", *control], capture_output=True, text=True).stdout)
        status = json.loads(self.weir("status", "--json", *control))
        self.assertEqual((status["role"], status["store"], status["sensors"]), ("collect", "days/", []))
        self.assertEqual(status["state"], "running")
        self.assertIn("frames    0 of 0 sensors", self.weir("status", *control))
        self.assertIn("decision", self.weir("top", "--once", *control))
        self.assertEqual(json.loads(self.weir("query", *control, "--json", "SELECT count(*) AS n FROM marks"))["rows"], [{"n": 0}])
        self.configure("retention: [30d, 50GB]", "quiet: true")
        self.assertEqual(json.loads(self.weir("reload", "--json", *control))["changed"], ["retention", "quiet"])
        self.configure("retention: 30d", "name: other")
        self.assertIn("name: this cannot change while weir runs", self.weir("reload", *control, code=1))
        self.assertIn("a collector has no model", self.weir("reload", "--model", MODEL, *control, code=1))
        job.send_signal(signal.SIGHUP)
        stopped = json.loads(self.weir("stop", "--json", *control))
        self.assertEqual((stopped["state"], stopped["problem"]), ("ended", None))
        out, _ = job.communicate(timeout=30)
        self.assertEqual(job.returncode, 0)
        self.assertEqual(json.loads(out)["collected"]["frames"], 0)

    def test_lake(self):
        """What the lake has is what the store has, after a kill of the collector, too."""
        c = self.cluster
        lake = c.path("lake")
        c.collector = c.collect("--lake", lake)
        c.infer()
        c.ready("collect")
        self.assertEqual(c.wait(c.sensor("-r", CAPTURE)), 0, c.logs())
        c.collector.kill()
        c.collector.wait()
        self.assertEqual(glob.glob(lake + "/*/*/*.parquet"), [])
        again = c.collect("--lake", lake)
        c.ready("collect")
        self.assertEqual(c.end(again), 0, c.logs())
        files = glob.glob(lake + "/date=*/sensor=sensor/*.parquet")
        self.assertTrue(files)
        self.assertEqual(c.query("SELECT count(*) AS n FROM lake WHERE NOT written"), [{"n": "0"}])
        rows, = c.query("SELECT count(*) AS n, (SELECT max(last) FROM lake) AS last FROM verdicts")
        self.assertEqual(rows["n"], rows["last"])
        self.assertGreater(int(rows["n"]), 1000)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
