"""A running weir and who asks it: weir status, stop, query, reload, top.

Usage: test_control.py WEIR FOLDER_OF_TAP_CAPTURE_PY MODEL FOLDER_OF_XGBOOST_MODELS. The running weir reads a pipe, so the tests hold its packets in hand.
"""
import fcntl
import json
import os
import pty
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unittest

WEIR, MODEL, MODEL_DATA = map(os.path.abspath, (sys.argv[1], sys.argv[3], sys.argv[4]))
sys.path.insert(0, sys.argv[2])
import tap_capture  # noqa: E402


class Running:
    """A `weir run` that reads what the test writes."""

    def __init__(self, folder, *arguments, model=MODEL, control=("--control", "c.sock"), env=None):
        reading, self.pipe = os.pipe()
        self.job = subprocess.Popen([WEIR, "run", "-r", "-", "--model", model, "--json", *control, *arguments], cwd=folder, stdin=reading,
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
        os.close(reading)

    def write(self, data):
        while data:
            data = data[os.write(self.pipe, data):]

    def close(self):
        if self.pipe is not None:
            os.close(self.pipe)
            self.pipe = None

    def end(self):
        self.close()
        out, err = self.job.communicate(timeout=60)
        return json.loads(out), err


class Control(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        tap_capture.write(self.folder.name, conversations=150)
        with open(self.path("merged.pcap"), "rb") as file:
            self.capture = file.read()
        self.jobs = []

    def tearDown(self):
        for running in self.jobs:
            running.close()
            if running.job.poll() is None:
                running.job.kill()
            running.job.communicate()
        self.folder.cleanup()

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def start(self, *arguments, packets=None, **more):
        running = Running(self.folder.name, *arguments, **more)
        self.jobs.append(running)
        if packets is None:
            packets = self.capture
        running.write(packets)
        return running

    def weir(self, *arguments, code=0, env=None):
        done = subprocess.run([WEIR, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, cwd=self.folder.name, env=env)
        self.assertEqual(done.returncode, code, done.stderr)
        if code:
            self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
            return done.stderr.decode()
        return done.stdout.decode()

    def status(self):
        return json.loads(self.weir("status", "--control", "c.sock", "--json"))

    def until(self, what):
        """The first status that `what` holds for."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                status = self.status()
                if what(status):
                    return status
            except AssertionError: # not there yet
                pass
        self.fail("not in 30 s: " + json.dumps(self.status()))

    def test_status_and_stop(self):
        running = self.start()
        packets = self.packets()
        status = self.until(lambda s: s["state"] == "running" and s["account"]["packets"]["metered"] == packets)
        self.assertEqual(set(status), {"ok", "state", "pid", "version", "uptime_s", "problem", "account", "alerts", "source", "model", "feature_set",
                                       "store", "eve", "sensor", "run", "lanes", "workers", "queue", "reloads"})
        self.assertEqual((status["pid"], status["problem"], status["store"]), (running.job.pid, None, "weir.duckdb"))
        self.assertEqual((status["source"]["ports"], status["feature_set"]), (["-"], "argus"))
        self.assertTrue(0 <= status["queue"]["depth"] <= status["queue"]["room"])
        self.assertGreaterEqual(status["queue"]["age_us"], 0)
        self.assertEqual(set(status["account"]["stages_us"]), {"batch_wait", "queue", "score", "store"})
        self.assertGreater(status["account"]["flows"]["active"], 0)
        self.assertTrue(1 <= len(status["alerts"]) <= 5)
        people = self.weir("status", "--control", "c.sock")
        for word in ("running", "health    ok", status["model"], "weir.duckdb", "flows     opened", "p99", "alerts    attack 198.51.100."):
            self.assertIn(word, people)
        self.assertTrue(all(len(line) <= 200 and "\x1b" not in line for line in people.splitlines()))
        text = self.weir("stop", "--control", "c.sock")
        self.assertIn("active 0\n", text)
        account, err = running.end()
        self.assertEqual(running.job.returncode, 0, err)
        self.assertIn(b"weir stop", err)
        self.assertEqual(account["packets"]["seen"], packets)
        self.assertEqual(account["rows"]["batched"], account["store"]["committed"])
        self.assertFalse(os.path.exists(self.path("c.sock")))
        self.assertIn("no weir runs there", self.weir("status", "--control", "c.sock", code=1))

    def packets(self):
        at, count = 24, 0
        while at < len(self.capture):
            at += 16 + int.from_bytes(self.capture[at + 8:at + 12], "little")
            count += 1
        return count

    def test_stop_prints_the_closing_account(self):
        running = self.start("--account", "account.json")
        self.until(lambda s: s["account"]["rows"]["scored"] > 0)
        stopped = json.loads(self.weir("stop", "--control", "c.sock", "--json"))
        with open(self.path("account.json")) as file: # the run has written everything when stop returns
            written = json.load(file)
        account, _ = running.end()
        self.assertEqual(stopped["state"], "ended")
        self.assertEqual({k: v for k, v in stopped["account"].items() if k != "seconds"}, {k: v for k, v in account.items() if k != "seconds"})
        self.assertEqual(written, account)

    def query(self, *arguments, **more):
        return self.weir("query", "--control", "c.sock", *arguments, **more)

    def test_queries_while_it_runs(self):
        running = self.start()
        self.until(lambda s: s["account"]["store"]["committed"] > 1000)
        sql = "SELECT proto, count(*) AS n, avg(score) AS mean, [1, NULL] AS l, NULL AS nothing, true AS yes, 'a' || chr(0) || '\"\\u00e4' AS odd " \
              "FROM verdicts GROUP BY proto ORDER BY proto"
        asked = {name: self.query("--format", name, sql) for name in ("csv", "jsonl", "table")}
        whole = self.query("--json", sql)
        text = self.query("EXPLAIN SELECT * FROM verdicts")
        self.assertIn("SEQ_SCAN", text)
        running.close()
        running.job.wait(60)
        # the same words from the file, but for the rows that came later
        self.assertEqual(list(json.loads(whole)), ["columns", "types", "rows", "cut"])
        once = "SELECT 1 AS a, [1, NULL] AS l, NULL AS nothing, 'nan'::DOUBLE AS x, true AS yes, 'a' || chr(10) || '\"\u00e4' AS odd, 0.1 AS r"
        running = self.start("--store", "other.duckdb")
        self.until(lambda s: s["state"] == "running")
        for name in (("--format", "csv"), ("--format", "jsonl"), ("--format", "table"), ("--json",)):
            self.assertEqual(self.query(*name, once), self.weir("query", "--store", "weir.duckdb", *name, once))
        lines = [json.loads(line) for line in asked["jsonl"].splitlines()]
        self.assertEqual(json.loads(whole)["rows"][0]["l"], [1, None])
        self.assertEqual(lines[0]["odd"], "a\0\"\\u00e4")
        self.assertEqual([line["proto"] for line in lines], sorted(line["proto"] for line in lines))
        self.assertEqual(asked["csv"].splitlines()[0], "proto,n,mean,l,nothing,yes,odd")
        self.assertEqual(len(asked["table"].splitlines()), 2 + len(lines))

    def test_queries_have_limits(self):
        running = self.start()
        before = self.until(lambda s: s["account"]["store"]["committed"] > 100)["account"]["store"]["committed"]
        done = subprocess.run([WEIR, "query", "--control", "c.sock", "--limit", "3", "--format", "csv", "SELECT flow_id FROM verdicts"],
                              capture_output=True, timeout=60, cwd=self.folder.name)
        self.assertEqual((done.returncode, len(done.stdout.splitlines())), (0, 4))
        self.assertIn(b"more rows", done.stderr)
        endless = "SELECT count(*) FROM range(1000000000) a, range(10000) b WHERE (a.range * b.range) % 7 = 1"
        self.assertIn("0.2 s", self.query("--timeout", "200ms", endless, code=1))
        self.assertRegex(self.query("SELECT count(*) FROM (SELECT range, count(*) FROM range(1000000000) GROUP BY range)", code=1), "256 MiB|Out of Memory")
        self.assertIn("one task", self.query("SELECT 'one task', nonsense FROM verdicts", code=1).replace("nonsense", "one task"))
        for sql in ("SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM 'merged.pcap'", "COPY verdicts TO 'stolen.csv'", "DELETE FROM verdict_rows",
                    "SET memory_limit='100GB'", "SELECT * FROM force_checkpoint('store')", "SELECT 1; SELECT 2", "ATTACH 'x.duckdb'"):
            self.query(sql, code=1)
        for sql in ("SELECT * FROM read_blob('weir.duckdb')", "FROM read_text('weir.duckdb.wal')", "FROM 'weir.duckdb'", "FROM eve.json"):
            self.assertRegex(self.query(sql, code=1), "not for queries|could be a file")
        self.assertNotIn("stolen.csv", os.listdir(self.folder.name))
        # a slow query holds up neither the writer nor the end
        slow = subprocess.Popen([WEIR, "query", "--control", "c.sock", endless], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.folder.name)
        running.write(self.shifted(1000))
        self.until(lambda s: s["account"]["store"]["committed"] > before)
        self.assertIsNone(slow.poll())
        self.weir("stop", "--control", "c.sock")
        self.assertEqual(slow.wait(60), 1)
        self.assertIn(b"ending", slow.stderr.read())
        slow.stdout.close()
        slow.stderr.close()
        account, _ = running.end()
        self.assertEqual(running.job.returncode, 0)
        self.assertEqual(account["rows"]["scored"], account["store"]["committed"])

    def shifted(self, seconds):
        """The capture's packets again, so many seconds later."""
        at, out = 24, bytearray(self.capture[24:])
        while at < len(self.capture):
            out[at - 24:at - 20] = (int.from_bytes(self.capture[at:at + 4], "little") + seconds).to_bytes(4, "little")
            at += 16 + int.from_bytes(self.capture[at + 8:at + 12], "little")
        return bytes(out)

    def test_query_asks_the_running_one_first(self):
        env = dict(os.environ, RUNTIME_DIRECTORY=self.folder.name)
        self.assertIn("weir.duckdb", self.weir("query", "SELECT 1", code=1, env=env))
        self.start("--store", "live.duckdb", control=(), env=env)
        while not os.path.exists(self.path("control")):
            pass
        end, done = time.monotonic() + 30, None
        while time.monotonic() < end and (not done or done.returncode):
            done = subprocess.run([WEIR, "query", "--format", "csv", "SELECT count(*) FROM runs"], capture_output=True, env=env, cwd=self.folder.name)
        self.assertEqual(done.stdout.split(), [b"count_star()", b"1"])
        self.assertIn(b"asked the weir that runs", done.stderr)

    def make_model(self, name, columns="pcr,sjit,dur,djit"):
        self.weir("model", "import", os.path.join(MODEL_DATA, "binary-3.0.5.json"), "--columns", columns, "--features", "argus", "--name", name,
                  "--threshold", "0.4", "--classes", name + "-calm," + name + "-bad", "--benign", name + "-calm", "-o", name + ".weir", "--quiet")

    def test_reload(self):
        self.make_model("one")
        self.make_model("two", "djit,dur,pcr,sjit")
        self.make_model("greedy", "pcr,sjit,dur,smeansz")
        running = self.start(model="one.weir")
        self.until(lambda s: s["account"]["rows"]["scored"] > 100)
        self.assertIn("smeansz", self.weir("reload", "--control", "c.sock", "--model", "greedy.weir", code=1))
        self.assertIn("none.weir", self.weir("reload", "--control", "c.sock", "--model", "none.weir", code=1))
        self.weir("reload", "--control", "c.sock", "--model", "merged.pcap", code=1)
        self.assertEqual((self.status()["model"], self.status()["reloads"]), ("one:1", 0))
        self.assertIn("two:1", self.weir("reload", "--control", "c.sock", "--model", "two.weir"))
        running.write(self.shifted(1000))
        self.until(lambda s: s["account"]["classes"].get("two-calm", 0) + s["account"]["classes"].get("two-bad", 0) > 100)
        answer = json.loads(self.weir("reload", "--control", "c.sock", "--json")) # that of the start
        self.assertEqual(answer, {"ok": True, "model": "one:1", "before": "two:1", "reloads": 2})
        account, _ = running.end()
        self.each_row_is_judged_once(account, 2)
        self.assertEqual(set(account["classes"]), {"one-calm", "one-bad", "two-calm", "two-bad"})
        # rows that carry more can be judged by a model that wants more
        running = self.start("--columns", "all", "--store", "all.duckdb", model="one.weir")
        self.until(lambda s: s["account"]["rows"]["scored"] > 100)
        self.weir("reload", "--control", "c.sock", "--model", "greedy.weir")
        running.end()
        self.assertIn("no column 'nonsense'", self.weir("run", "-r", "merged.pcap", "--columns", "dur,nonsense", "--model", "one.weir", "--control",
                                                       "none", code=1))
        self.assertIn("'djit'", self.weir("run", "-r", "merged.pcap", "--columns", "dur,pcr,sjit", "--model", "one.weir", "--control", "none", code=1))

    def each_row_is_judged_once(self, account, models):
        (row,) = [json.loads(line) for line in self.weir(
            "query", "--store", "weir.duckdb", "--format", "jsonl",
            "SELECT count(*) AS n, count(DISTINCT (flow_id, record)) AS apart, count(DISTINCT model) AS models, "
            "count(*) FILTER (starts_with(class, split_part(model, ':', 1))) AS own FROM verdicts").splitlines()]
        self.assertEqual(row["n"], account["store"]["committed"])
        self.assertEqual(row["n"], sum(account["records"].values()))
        self.assertEqual(row["n"], sum(account["classes"].values()))
        self.assertEqual((row["apart"], row["own"], row["models"]), (row["n"], row["n"], models))

    def test_a_thousand_reloads(self):
        self.make_model("one")
        self.make_model("two", "djit,dur,pcr,sjit")
        running = self.start(model="one.weir")
        self.until(lambda s: s["state"] == "running")
        client = socket.socket(socket.AF_UNIX)
        client.connect(self.path("c.sock"))
        answers = client.makefile("r")
        over = threading.Event()

        def load():
            n = 0
            while not over.is_set() or n < 3:
                n += 1
                running.write(self.shifted(1000 * n))

        packets = threading.Thread(target=load)
        packets.start()
        try:
            for i in range(1000):
                client.sendall(json.dumps({"do": "reload", "model": self.path("one.weir" if i % 2 else "two.weir")}).encode() + b"\n")
                self.assertEqual(json.loads(answers.readline())["reloads"], i + 1)
        finally:
            over.set()
            packets.join()
            answers.close()
            client.close()
        account, _ = running.end()
        self.assertEqual(running.job.returncode, 0)
        self.assertEqual((account["rows"]["unscored"], account["rows"]["batched"]), (0, account["rows"]["scored"]))
        self.each_row_is_judged_once(account, 2)

    def test_top(self):
        running = self.start()
        status = self.until(lambda s: s["account"]["store"]["committed"] > 1000 and s["alerts"])
        frame = self.weir("top", "--control", "c.sock", "--once")
        self.assertTrue(all(len(text) <= 80 and text.isprintable() for text in frame.splitlines()), frame)
        for word in ("running", status["model"], "flows/s", "packets/s", "decision p50", "durable p50", "p99 by stage", "rows a batch", "queue", "losses", "active flows",
                     "verdicts by class", "####", "last alerts\n  attack 198.51.100."):
            self.assertIn(word, frame)
        self.assertIn("no terminal", self.weir("top", "--control", "c.sock", code=2))
        # in a terminal of 80 columns: the alternate screen, frames, q leaves everything as it was
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        before = termios.tcgetattr(slave)
        top = subprocess.Popen([WEIR, "top", "--control", "c.sock"], stdin=slave, stdout=slave, stderr=subprocess.PIPE, cwd=self.folder.name)
        seen = b""
        while seen.count(b"\x1b[H") < 2:
            seen += os.read(master, 65536)
        os.write(master, b"q")
        while b"\x1b[?1049l" not in seen:
            seen += os.read(master, 65536)
        self.assertEqual(top.wait(30), 0)
        top.stderr.close()
        self.assertTrue(seen.startswith(b"\x1b[?1049h"))
        first = seen.split(b"\x1b[H")[1].split(b"\x1b[J")[0].replace(b"\x1b[K", b"").decode()
        self.assertTrue(all(len(text) <= 80 for text in first.splitlines()) and len(first.splitlines()) <= 23, first)
        self.assertIn("last alerts", first)
        self.assertEqual(termios.tcgetattr(slave), before)
        os.close(master)
        os.close(slave)
        running.end()

    def test_the_usual_place(self):
        env = dict(os.environ, RUNTIME_DIRECTORY=self.path("") + ":/nowhere")
        env.pop("XDG_RUNTIME_DIR", None)
        running = self.start(control=(), env=env)
        end = time.monotonic() + 30
        while not os.path.exists(self.path("control")) and time.monotonic() < end:
            pass
        self.assertIn("model", self.weir("status", env=env))
        # a second one runs, without a socket, and says so
        second = subprocess.run([WEIR, "run", "-r", "merged.pcap", "--model", MODEL, "--store", "b.duckdb", "--eve", "b.json", "--json"],
                                stdin=subprocess.DEVNULL, capture_output=True, timeout=60, cwd=self.folder.name, env=env)
        self.assertEqual(second.returncode, 0)
        self.assertIn(b"another weir answers there", second.stderr)
        self.assertIn("another weir", self.weir("run", "-r", "merged.pcap", "--model", MODEL, "--control", "control", "--store", "c.duckdb", "--eve",
                                                "c.json", code=1))
        self.assertFalse(os.path.exists(self.path("c.duckdb")))
        self.weir("stop", env=env)
        running.end()
        session = dict(env, XDG_RUNTIME_DIR=self.folder.name)
        del session["RUNTIME_DIRECTORY"]
        running = self.start("--store", "s.duckdb", control=(), env=session)
        while not os.path.exists(self.path("weir/control")) and time.monotonic() < end:
            pass
        self.assertEqual(os.stat(self.path("weir")).st_mode & 0o777, 0o700)
        self.weir("stop", env=session)

    def test_what_a_killed_one_leaves_is_replaced(self):
        running = self.start()
        self.until(lambda s: s["state"] == "running")
        running.job.send_signal(signal.SIGKILL)
        running.job.communicate()
        self.assertTrue(os.path.exists(self.path("c.sock")))
        self.assertIn("no weir runs there", self.weir("status", "--control", "c.sock", code=1))
        self.start()
        self.until(lambda s: s["state"] == "running")

    def test_no_socket_when_told_so(self):
        running = self.start(control=("--control", "none"))
        running.end()
        self.assertEqual(sorted(os.listdir(self.folder.name)), ["eve.json", "merged.pcap", "rx.pcap", "tx.pcap", "weir.duckdb"])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
