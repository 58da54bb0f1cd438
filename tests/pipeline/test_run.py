"""`weir run` as its users run it: determinism, accounts, signals, errors.

Usage: test_run.py WEIR MODEL. Every test works in a folder of its own.
"""
import csv
import io
import json
import os
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tap_capture  # noqa: E402
from account import adds_up  # noqa: E402

runtime = tempfile.TemporaryDirectory()  # control sockets of other runs on this machine are not ours
os.environ["RUNTIME_DIRECTORY"] = runtime.name

WEIR, MODEL = map(os.path.abspath, sys.argv[1:3])
JUDGEMENT = ("flow_id, record, reason, stime, ltime, proto, src_ip, src_port, dest_ip, dest_port, feature_set, class, score, "
             "threshold, alert, model")


def weir(*arguments, **more):
    return subprocess.run([WEIR, *arguments], stdin=more.pop("stdin", subprocess.DEVNULL), capture_output=True, timeout=100, **more)


class Run(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.packets = tap_capture.write(self.folder.name)

    def tearDown(self):
        self.folder.cleanup()

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def run_weir(self, *arguments, capture=None, store="weir.duckdb", eve="eve.json", model=MODEL, **more):
        if capture is None:
            capture = self.path("tx.pcap") + "," + self.path("rx.pcap")
        return weir("run", "-r", capture, "--model", model, "--store", self.path(store), "--eve",
                    eve if eve.startswith("/") else self.path(eve), "--json", "--quiet", *arguments, cwd=self.folder.name, **more)

    def good(self, *arguments, **more):
        done = self.run_weir(*arguments, **more)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        account = json.loads(done.stdout)
        adds_up(account)
        return account

    def fails(self, done, *words, code=1):
        text = done.stderr.decode()
        self.assertEqual(done.returncode, code, text)
        self.assertEqual(len(text.strip().splitlines()), 1, text)
        for word in words:
            self.assertIn(word, text)

    def query(self, sql, store="weir.duckdb"):
        done = weir("query", "--store", self.path(store), "--format", "csv", "--limit", "0", sql)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        return done.stdout

    def rows(self, sql, store="weir.duckdb"):
        return list(csv.DictReader(io.StringIO(self.query(sql, store).decode())))

    def test_judgement_is_the_same_whatever_the_threads(self):
        self.good("--lanes", "1", "--workers", "1", "--batch", "64", store="first.duckdb")
        sql = f"SELECT {JUDGEMENT} FROM verdicts ORDER BY flow_id, record"
        why = "SELECT flow_id, record, rank, column_name, value, contribution FROM reasons ORDER BY ALL"
        first, reasons = self.query(sql, "first.duckdb"), self.query(why, "first.duckdb")
        self.assertGreater(first.count(b"\n"), 300)
        split = self.path("tx.pcap") + "," + self.path("rx.pcap")
        for n, (capture, options) in enumerate([
                (split, ("--lanes", "2", "--workers", "2")), (split, ("--lanes", "4", "--workers", "3", "--batch", "1")),
                (split, ("--lanes", "3", "--batch", "512", "--max-delay", "0")), (split, ("--batch", "65", "--max-delay", "1s")),
                (self.path("merged.pcap"), ("--lanes", "1")), (self.path("merged.pcap"), ("--lanes", "4"))]):
            account = self.good(*options, capture=capture, store=f"{n}.duckdb")
            self.assertEqual(account["packets"]["seen"], self.packets)
            self.assertEqual(self.query(sql, f"{n}.duckdb"), first, options)
            self.assertEqual(self.query(why, f"{n}.duckdb"), reasons, options)

    def test_account_store_and_eve_agree(self):
        account = self.good("--account", self.path("account.json"))
        with open(self.path("account.json")) as file:
            self.assertEqual(json.load(file)["rows"], account["rows"])
        (row,) = self.rows("SELECT count(*) n, count(*) FILTER (alert) alerts, count(DISTINCT (flow_id, record)) apart, "
                           "count(DISTINCT flow_id) flows FROM verdicts")
        self.assertEqual(int(row["n"]), account["store"]["committed"])
        self.assertEqual(int(row["apart"]), account["store"]["committed"])
        self.assertEqual(int(row["flows"]), account["flows"]["opened"])
        self.assertEqual(int(row["alerts"]), account["alerts"])
        with open(self.path("eve.json")) as file:
            events = [json.loads(line) for line in file]
        self.assertEqual(sum(e["event_type"] == "flow" for e in events), account["store"]["committed"])
        self.assertEqual(sum(e["event_type"] == "alert" for e in events), account["alerts"])

    def test_a_store_is_appended_to_as_a_new_run(self):
        one = self.good()
        two = self.good()
        (row,) = self.rows("SELECT count(*) n, count(DISTINCT run) runs FROM verdicts")
        self.assertEqual((int(row["n"]), int(row["runs"])), (one["store"]["committed"] + two["store"]["committed"], 2))

    def test_standard_input(self):
        whole = self.good(capture=self.path("merged.pcap"), store="file.duckdb")
        with open(self.path("merged.pcap"), "rb") as file:
            piped = self.good(capture="-", stdin=file)
        self.assertEqual(piped["packets"], whole["packets"])
        self.assertEqual(piped["records"], whole["records"])

    def test_consecutive_files_continue_flows(self):
        whole = self.good(capture=self.path("merged.pcap"), store="whole.duckdb")
        with open(self.path("merged.pcap"), "rb") as file:
            data = file.read()
        at, records = 24, []
        while at < len(data):
            size = 16 + int.from_bytes(data[at + 8:at + 12], "little")
            records.append(data[at:at + size])
            at += size
        for name, part in (("one.pcap", records[:len(records) // 2]), ("two.pcap", records[len(records) // 2:])):
            with open(self.path(name), "wb") as file:
                file.write(data[:24] + b"".join(part))
        parts = self.good("-r", self.path("two.pcap"), capture=self.path("one.pcap"))
        self.assertEqual(parts["flows"], whole["flows"])
        sql = f"SELECT {JUDGEMENT} FROM verdicts ORDER BY flow_id, record"
        self.assertEqual(self.query(sql), self.query(sql, "whole.duckdb"))

    def test_packets_that_come_again_with_the_same_times_are_other_records(self):
        again = [option for _ in range(3) for option in ("-r", self.path("merged.pcap"))]
        digests = set()
        for lanes in "1", "4":
            store = f"again{lanes}.duckdb"
            account = self.good("--lanes", lanes, *again, capture=self.path("merged.pcap"), store=store)
            self.assertEqual(account["packets"]["seen"], 4 * self.packets)
            (row,) = self.rows("SELECT count(*) n, count(DISTINCT (flow_id, record)) apart, count(DISTINCT flow_id) flows "
                               "FROM verdicts", store)
            self.assertEqual(row["n"], row["apart"])
            self.assertEqual(int(row["flows"]), account["flows"]["opened"])
            digests.add(self.query(f"SELECT {JUDGEMENT} FROM verdicts ORDER BY flow_id, record", store))
        self.assertEqual(len(digests), 1)

    def test_filter(self):
        account = self.good("-f", "udp")
        self.assertEqual(account["packets"]["ignored"]["filter"] + account["packets"]["metered"], self.packets)
        self.assertEqual(self.rows("SELECT DISTINCT proto FROM verdicts"), [{"proto": "udp"}])

    def test_interrupt_drains_and_accounts(self):
        reading, writing = os.pipe()
        job = subprocess.Popen([WEIR, "run", "-r", "-", "--model", MODEL, "--store", self.path("weir.duckdb"), "--eve",
                                self.path("eve.json"), "--json"], stdin=reading, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        os.close(reading)
        with open(self.path("merged.pcap"), "rb") as file:
            os.write(writing, file.read(60000))
        line = job.stderr.readline()  # "model ..., 2 lanes, ...": it runs
        self.assertIn(b"lanes", line)
        job.send_signal(signal.SIGINT)
        self.assertIn(b"stopping", job.stderr.readline())
        os.close(writing)
        out, err = job.communicate(timeout=60)
        account = json.loads(out)
        adds_up(account)
        self.assertGreaterEqual(job.returncode, 0, err)

    def test_a_link_type_that_weir_does_not_decode(self):
        with open(self.path("user0.pcap"), "wb") as file:
            file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 147))
            for i in range(3):
                file.write(struct.pack("<IIII", 1700000000 + i, 0, 60, 60) + bytes(60))
        done = weir("run", "-r", self.path("user0.pcap"), "--model", MODEL, "--store", self.path("weir.duckdb"), "--eve", self.path("eve.json"),
                    "--json", "--control", "none")
        self.assertEqual(done.returncode, 0)
        warnings = [line for line in done.stderr.splitlines() if b"warning" in line]
        self.assertEqual(len(warnings), 1)
        self.assertIn(b"3 packets of a link type that weir does not decode (147;", warnings[0])
        account = json.loads(done.stdout)
        adds_up(account)
        self.assertEqual(account["packets"], {"seen": 3, "metered": 0, "ignored": {"link-type": 3}, "dropped": {}})

    def test_damage_keeps_what_was_before(self):
        with open(self.path("merged.pcap"), "rb") as file:
            data = file.read()
        with open(self.path("cut.pcap"), "wb") as file:
            file.write(data[:len(data) // 2])
        done = self.run_weir(capture=self.path("cut.pcap"))
        self.fails(done, "cut.pcap", "offset")
        account = json.loads(done.stdout)
        adds_up(account)
        self.assertGreater(account["store"]["committed"], 0)

    def test_clear_errors(self):
        self.fails(self.run_weir(capture=self.path("none.pcap")), "none.pcap")
        self.fails(self.run_weir(model=self.path("none.weir")), "none.weir")
        self.fails(self.run_weir(model=self.path("tx.pcap")), "tx.pcap")
        self.fails(self.run_weir(store="no/such/folder.duckdb"), "folder.duckdb")
        self.fails(self.run_weir(store="tx.pcap"), "tx.pcap")
        self.fails(self.run_weir(eve="no/such/eve.json"), "eve.json")
        for name, content in (("empty.pcap", b""), ("text.pcap", b"hello, this is no capture\n" * 4)):
            with open(self.path(name), "wb") as file:
                file.write(content)
            self.fails(self.run_weir(capture=self.path(name)), name)
        self.fails(self.run_weir("-f", "nonsense and"), "nonsense")
        self.fails(self.run_weir("--queue", "pigeon:"), "pigeon:")
        for wrong in (("--batch", "0"), ("--batch", "513"), ("--lanes", "x"), ("--max-delay", "5"), ("--nonsense",), ("extra",),
                      ("--json=3",), ("--lanes",), ("-Z",)):
            self.fails(self.run_weir(*wrong), wrong[0], code=2)
        self.assertEqual(weir("run").returncode, 2)

    def test_a_store_cut_short_is_told_from_another_database(self):
        self.good()
        with open(self.path("weir.duckdb"), "rb") as file:
            data = file.read()
        with open(self.path("cut.duckdb"), "wb") as file:
            file.write(data[:len(data) // 3])
        self.fails(self.run_weir(store="cut.duckdb"), "cut.duckdb", "enough bytes")

    def test_a_summary_that_cannot_be_written(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([WEIR, "run", "-r", self.path("merged.pcap"), "--model", MODEL, "--store", self.path("weir.duckdb"),
                                   "--eve", "/dev/null"], stdout=full, stderr=subprocess.PIPE, timeout=100)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"standard output: cannot write", done.stderr.splitlines()[-1])

    def test_a_locked_store_is_refused(self):
        reading, writing = os.pipe()
        job = subprocess.Popen([WEIR, "run", "-r", "-", "--model", MODEL, "--store", self.path("weir.duckdb"), "--eve",
                                self.path("a.json")], stdin=reading, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        os.close(reading)
        with open(self.path("merged.pcap"), "rb") as file:
            os.write(writing, file.read(30000))
        self.assertIn(b"lanes", job.stderr.readline())
        self.fails(self.run_weir(), "weir.duckdb", "another process")
        os.close(writing)
        job.communicate(timeout=60)

    def test_a_folder_of_day_files(self):
        one = self.good("--retention", "30d,50GB", "--rotate", "2GB", store="days/")
        two = self.good("--retention", "1d", store="days/")
        names = [name for name in os.listdir(self.path("days")) if name.endswith(".duckdb")]
        self.assertIn(time.strftime("weir-%Y-%m-%d.duckdb", time.gmtime()), names)
        (row,) = self.rows("SELECT count(*) n, count(DISTINCT run) runs FROM verdicts", "days")
        self.assertEqual((int(row["n"]), int(row["runs"])), (one["store"]["committed"] + two["store"]["committed"], 2))
        old = self.path("days/weir-2020-01-01.duckdb")
        os.rename(self.path("days/" + names[0]), old)
        said = self.run_weir(store="days/")
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertTrue(os.path.exists(old))
        self.good("--retention", "30d", store="days/")
        self.assertFalse(os.path.exists(old))
        for wrong in (("--rotate", "big"), ("--retention", "30"), ("--retention", "0d"), ("--retention", "30d,")):
            self.fails(self.run_weir(*wrong, store="days/"), *wrong, code=2)
        self.fails(self.run_weir("--retention", "30d"), "--store FOLDER/", code=2)

    def test_a_full_disk_rejects_aloud(self):
        """A limit on file sizes stands for the full disk: writes fail with an error of the same kind."""
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (150000, 150000))
        done = self.run_weir(preexec_fn=limit, eve="/dev/null")
        self.assertEqual(done.returncode, 1)
        self.assertIn("weir.duckdb", done.stderr.decode())
        if done.stdout:
            account = json.loads(done.stdout)
            adds_up(account)
            self.assertGreater(account["store"]["rejected"]["disk full"], 0)
        self.fails(self.run_weir(eve="/dev/full"), "/dev/full")


if __name__ == "__main__":
    started = time.time()
    unittest.main(argv=sys.argv[:1])
