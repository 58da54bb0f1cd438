"""weir sensor, infer and collect as processes: the store is that of `weir run` over the same capture, byte for byte; nothing is lost when
the roles start in any order, end, and start again.

Usage: test_roles.py WEIR MODEL CAPTURE
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

WEIR, MODEL = map(os.path.abspath, sys.argv[1:3])
CAPTURE = ",".join(map(os.path.abspath, sys.argv[3].split(",")))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cluster  # noqa: E402
from cluster import Cluster, until  # noqa: E402


class Roles(unittest.TestCase):
    transport = "zmq"

    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.mkdtemp(prefix="weir-roles-")
        store = os.path.join(cls.place, "run.duckdb")
        subprocess.run([WEIR, "run", "-r", CAPTURE, "--model", MODEL, "--store", store, "--eve", "/dev/null", "--quiet", "--control", "none"],
                       check=True)
        one = Cluster(cls.place, WEIR, MODEL, "zmq")
        cls.expected = one.judgement(store)
        cls.rows = cls.expected.count("\n") - 1
        assert cls.rows > 1000

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.place)

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="weir-roles-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.cluster = Cluster(self.folder, WEIR, MODEL, self.transport)
        self.addCleanup(self.cluster.close)

    def account(self, name):
        with open(self.cluster.path(f"{name}.json")) as file:
            return json.load(file)

    def sensor_ends(self, job, code=0):
        self.assertEqual(self.cluster.wait(job), code, self.cluster.logs())
        account = self.account("sensor")
        rows, outbox = account["rows"], account["outbox"]
        self.assertEqual(rows["batched"], outbox["accepted"]["rows"] + outbox["refused_rows"])
        self.assertEqual(outbox["accepted"]["rows"] + outbox["recovered"]["rows"],
                         outbox["committed"]["rows"] + outbox["held"]["rows"] + outbox["damaged"]["rows"])
        if code == 0:
            self.assertEqual(outbox["held"], {"frames": 0, "rows": 0})
            self.assertEqual(os.path.getsize(self.cluster.path("state/outbox")), 0)
        return account

    def same_store(self):
        c = self.cluster
        self.assertEqual(c.end(c.collector), 0, c.logs())
        self.assertEqual(c.judgement(), self.expected)
        self.assertEqual(c.query("SELECT count(*) AS n, count(DISTINCT (sensor, boot, lane, seq, row)) AS d FROM verdicts"),
                         [{"n": str(self.rows), "d": str(self.rows)}])

    def test_the_same_store(self):
        c = self.cluster
        c.collector = c.collect()
        workers = [c.infer(name="infer"), c.infer(name="infer-2")]
        c.ready("collect", "infer", "infer-2")
        account = self.sensor_ends(c.sensor("-r", CAPTURE, "--batch", "17"))
        self.assertEqual(account["rows"]["batched"], self.rows)
        self.assertEqual(account["store"]["committed"], self.rows)

        def judged():  # by both workers; what they show is up to 50 ms old
            classes, fills = {}, 0
            for name in "infer", "infer-2":
                shown = c.status(name)["account"]
                fills += sum(shown["batch_fill"].values())
                for word, rows in shown["classes"].items():
                    classes[word] = classes.get(word, 0) + rows
            return classes, fills

        until(lambda: sum(judged()[0].values()) >= self.rows)
        classes, fills = judged()
        for worker in workers:
            self.assertEqual(c.end(worker), 0, c.logs())
        self.same_store()
        stored = {r["class"]: int(r["n"]) for r in c.query("SELECT class, count(*) AS n FROM verdicts GROUP BY class")}
        batches, = c.query("SELECT count(DISTINCT (lane, seq)) AS n FROM verdicts")
        for word, rows in stored.items():  # equal, but for batches that were sent again and judged twice
            self.assertGreaterEqual(classes[word], rows)
        self.assertEqual(set(classes), set(stored))
        self.assertGreaterEqual(fills, int(batches["n"]))
        run, = c.query("SELECT sensor, boot, command, ended IS NOT NULL AS ended, account FROM runs WHERE sensor = 'sensor'")
        self.assertEqual((run["boot"], run["ended"]), ("1", "true"))
        self.assertTrue(run["command"].startswith("weir sensor --"), run["command"])
        self.assertEqual(json.loads(run["account"])["rows"]["batched"], self.rows)
        self.assertEqual(c.query("FROM outages"), [])

    def test_sensor_first(self):
        """It waits for the others; they may come in any order."""
        c = self.cluster
        sensor = c.sensor("-r", CAPTURE)
        until(lambda: (c.status("sensor") or {}).get("account", {}).get("outbox", {}).get("accepted", {}).get("rows") == self.rows)
        status = c.status("sensor")
        self.assertEqual((status["role"], status["boot"], len(status["sensor_id"])), ("sensor", 1, 32))
        if self.transport == "zmq":
            self.assertIn("worker", status["problem"] or "")
        c.infer()
        c.collector = c.collect()
        self.sensor_ends(sensor)
        self.same_store()

    def test_left_over(self):
        """Nobody is there, the time is over: exit 1 with the number of batches; the next start sends them, and new rows too."""
        c = self.cluster
        job = c.sensor("-r", CAPTURE, "--drain-timeout", "100ms")
        account = self.sensor_ends(job, 1)
        self.assertEqual(account["outbox"]["held"]["rows"], self.rows)
        with open(c.path("sensor.log")) as file:
            self.assertRegex(file.read(), rf"error: \d+ batches \({self.rows} rows\) are not committed: .*state/outbox")
        c.collector = c.collect()
        c.infer()
        empty = c.path("empty.pcap")
        with open(empty, "wb") as file:
            file.write(bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000"))
        account = self.sensor_ends(c.sensor("-r", empty))
        self.assertEqual((account["outbox"]["recovered"]["rows"], account["rows"]["batched"]), (self.rows, 0))
        self.same_store()

    def test_stop_and_busy(self):
        """`weir stop` ends a sensor as a signal does; a second sensor with the same state folder is refused; so is a reload of a model."""
        c = self.cluster
        c.collector = c.collect()
        c.infer()
        reading, writing = os.pipe()
        job = c.sensor("-r", "-", stdin=reading)
        os.close(reading)
        c.ready("sensor", "collect", "infer")
        second = c.sensor("-r", CAPTURE, name="second")
        self.assertEqual(c.wait(second), 1)
        self.assertIn("another sensor uses this state folder", c.logs())
        done = subprocess.run([WEIR, "reload", "--control", c.path("sensor.ctl"), "--model", MODEL], capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("a sensor judges nothing", done.stderr)
        subprocess.run([WEIR, "stop", "--control", c.path("sensor.ctl")], capture_output=True, check=True)
        self.sensor_ends(job)
        os.close(writing)

    def test_one_process(self):
        """`weir run` over the same queue: one process, and the same store."""
        c = self.cluster
        done = subprocess.run([WEIR, "run", "-r", CAPTURE, "--model", MODEL, "--queue", c.transport.queue, "--store", c.store, "--eve",
                               c.path("eve.json"), "--json", "--control", "none"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        account = json.loads(done.stdout)
        self.assertEqual((account["rows"]["batched"], account["rows"]["scored"], account["store"]["committed"]), (self.rows,) * 3)
        self.assertEqual(account["outbox"]["committed"]["rows"], self.rows)
        self.assertEqual(account["eve"]["lines"], self.rows + account["alerts"])
        self.assertEqual(c.judgement(), self.expected)
        run, = c.query("SELECT ended IS NOT NULL AS ended FROM runs WHERE run IN (SELECT run FROM verdicts)")
        self.assertEqual(run["ended"], "true")

    def test_one_process_reloads(self):
        """Its control socket: status, reload, query, stop."""
        c = self.cluster
        reading, writing = os.pipe()
        job = c.start("run", "-r", "-", "--model", MODEL, "--queue", c.transport.queue, "--store", c.store, "--eve", "/dev/null", "--quiet",
                      "--control", c.path("run.ctl"), stdin=reading)
        os.close(reading)
        c.ready("run")
        for command in (["reload", "--model", MODEL], ["query", "SELECT count(*) AS n FROM verdicts"], ["stop"]):
            done = subprocess.run([WEIR, *command, "--control", c.path("run.ctl")], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, (command, done.stderr, c.logs()))
        self.assertEqual(c.wait(job), 0, c.logs())
        os.close(writing)

    def test_killed(self):
        """kill -9: its next start says so in `outages`, and sends what was accepted."""
        c = self.cluster
        job = c.sensor("-r", CAPTURE)
        until(lambda: (c.status("sensor") or {}).get("account", {}).get("outbox", {}).get("accepted", {}).get("rows") == self.rows)
        job.kill()
        job.wait()
        c.collector = c.collect()
        c.infer()
        empty = c.path("empty.pcap")
        with open(empty, "wb") as file:
            file.write(bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000"))
        self.sensor_ends(c.sensor("-r", empty))
        self.same_store()
        outage, = c.query("SELECT what, reason, sensor, boot, ended > began AS ends FROM outages")
        self.assertEqual(outage, {"what": "sensor", "reason": "killed", "sensor": "sensor", "boot": "1", "ends": "true"})

    def test_passwords(self):
        """Neither the store nor --check shows one."""
        c = self.cluster
        url = c.transport.queue.replace("redis+unix://", "redis+unix://default:secret@")
        done = subprocess.run([WEIR, "sensor", "--check", "-r", CAPTURE, "--queue", "redis://default:secret@h", "--control", "none"],
                              capture_output=True, text=True)
        self.assertEqual((done.returncode, "secret" in done.stdout + done.stderr), (0, False), done.stdout + done.stderr)
        if self.transport == "redis":
            c.transport.say("CONFIG", "SET", "requirepass", "secret")
        done = subprocess.run([WEIR, "run", "-r", CAPTURE, "--model", MODEL, "--queue", url, "--store", c.store, "--eve", "/dev/null", "--quiet",
                               "--control", "none"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        commands = c.query("SELECT command FROM runs")
        self.assertTrue(all("secret" not in row["command"] and "--queue" in row["command"] for row in commands), commands)

    def test_degrade(self):
        """Batches that come more than a second late, as nobody was there: the sensor's policy has gone with them, so only their alerts are
        stored, unexplained, and everything else is counted."""
        c = self.cluster
        job = c.sensor("-r", CAPTURE, "--overload", "degrade")
        until(lambda: (c.status("sensor") or {}).get("account", {}).get("outbox", {}).get("accepted", {}).get("rows") == self.rows)
        time.sleep(1.3)
        c.collector = c.collect("--eve", c.path("eve.json"))
        worker = c.infer("--account", c.path("infer.json"))
        self.sensor_ends(job)
        for one in worker, c.collector:
            self.assertEqual(c.end(one), 0, c.logs())
        account, judged = self.account("collect"), self.account("infer")
        alerts, rows = account["alerts"], account["rows"]["scored"]
        self.assertEqual(rows, self.rows)
        self.assertGreater(alerts, 0)
        self.assertEqual(account["store"], {"committed": alerts, "withheld": {"degraded": rows - alerts}, "rejected": {}})
        self.assertEqual(account["eve"]["lines"] + account["eve"]["lost"], rows + alerts)
        self.assertEqual(account["unexplained"], alerts)
        self.assertGreaterEqual(judged["unexplained"], alerts)  # more, where some were sent again
        self.assertGreaterEqual(judged["store"]["withheld"]["degraded"], rows - alerts)
        self.assertEqual(c.query("SELECT count(*) AS n, count(*) FILTER (alert) AS alerts, (SELECT count(*) FROM reasons) AS why FROM verdicts"),
                         [{"n": str(alerts), "alerts": str(alerts), "why": "0"}])
        self.assertEqual(c.query("SELECT what, sensor, boot, sum(withheld) AS withheld FROM outages JOIN runs USING (run, sensor, boot)"
                                 " WHERE reason = 'degraded' AND outages.ended >= began GROUP BY ALL ORDER BY ALL"),
                         [{"what": "reasons", "sensor": "sensor", "boot": "1", "withheld": str(alerts)},
                          {"what": "store", "sensor": "sensor", "boot": "1", "withheld": str(rows - alerts)}])

    def test_budget(self):
        """Batches grow with a budget, and the sensor learns what they take."""
        c = self.cluster
        c.collector = c.collect()
        c.infer()
        c.ready("collect", "infer")
        account = self.sensor_ends(c.sensor("-r", CAPTURE, "--budget-ms", "40"))
        self.assertEqual(account["budget_us"]["budget"], 40000)
        self.assertNotEqual(account["budget_us"]["after_batch"], 20000)  # which it began with
        self.assertTrue(0 < account["budget_us"]["after_batch"] <= 30000, account["budget_us"])
        self.assertEqual(c.end(c.collector), 0, c.logs())
        most, = c.query("SELECT max(n) AS n FROM (SELECT count(*) AS n FROM verdicts GROUP BY lane, seq)")
        self.assertGreater(int(most["n"]), 64)

    def test_what_is_wrong(self):
        c = self.cluster
        for arguments, code, words in ((["-r", CAPTURE], 2, "--queue is missing"),
                                       (["-r", CAPTURE, "--queue", "tcp://x"], 1, "--queue: tcp://x"),
                                       (["-r", CAPTURE, "--queue", "zmq+ipc:///tmp/q"], 2, "--results: missing"),
                                       (["-r", CAPTURE, "--queue", "redis://h", "--results", "zmq+ipc:///r"], 2, "leave it out"),
                                       (["-r", CAPTURE, "--queue", "redis://h", "--spill", "2TB"], 2, "1MB to 1TB"),
                                       (["-r", "/none.pcap", "--queue", "redis://h", "--state", "none"], 1, "none.pcap"),
                                       (["-r", CAPTURE, "--queue", "redis://h", "--overload", "none"], 2, "give block, shed or degrade"),
                                       (["--queue", "redis://h"], 2, "-r")):
            done = subprocess.run([WEIR, "sensor", *arguments, "--control", "none"], capture_output=True, text=True, cwd=self.folder)
            self.assertEqual(done.returncode, code, (arguments, done.stderr))
            self.assertIn(words, done.stderr)
        for role, arguments in ("sensor", ["-r", CAPTURE]), ("infer", []):
            done = subprocess.run([WEIR, role, "--check", *arguments, "--queue", "zmq+tcp://10.9.8.7:5555", "--results", "zmq+tcp://10.9.8.6:5557"],
                                  capture_output=True, text=True)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("with keys only", done.stderr)
        done = subprocess.run([WEIR, "infer", "--check", "--queue", "redis://h", "--overload", "shed"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("rows are shed by sensors", done.stderr)


@unittest.skipUnless(cluster.has_redis(), "there is no redis-server")
class RolesOverRedis(Roles):
    transport = "redis"


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
