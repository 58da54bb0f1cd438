"""`weir run --flows`: flow records from elsewhere are judged as packets are, and none is lost silently.

Usage: test_ingest.py WEIR MODEL PYTHON_FOLDER. Every test works in a folder of its own.
"""
import csv
import ctypes
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tap_capture  # noqa: E402
from account import adds_up  # noqa: E402

runtime = tempfile.TemporaryDirectory()
os.environ["RUNTIME_DIRECTORY"] = runtime.name

WEIR, MODEL = map(os.path.abspath, sys.argv[1:3])
sys.path.insert(0, os.path.abspath(sys.argv[3]))
# what both ways know; flow ids agree where docs/ingest.md says so
JUDGED = "proto, src_ip, src_port, dest_ip, dest_port, stime, ltime, class, score, threshold, alert, model"


def weir(*arguments, **more):
    if "input" not in more:
        more.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run([WEIR, *arguments], capture_output=True, timeout=100, **more)


class Push:
    """A ZeroMQ PUSH socket, by libzmq itself."""

    def __init__(self, endpoint):
        z = self.library = ctypes.CDLL("libzmq.so.5")
        z.zmq_ctx_new.restype = z.zmq_socket.restype = ctypes.c_void_p
        z.zmq_socket.argtypes = [ctypes.c_void_p, ctypes.c_int]
        z.zmq_connect.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
        z.zmq_send.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]
        z.zmq_close.argtypes = z.zmq_ctx_term.argtypes = [ctypes.c_void_p]
        self.context = z.zmq_ctx_new()
        self.socket = z.zmq_socket(self.context, 8)
        assert z.zmq_connect(self.socket, endpoint.encode()) == 0

    def send(self, message):
        assert self.library.zmq_send(self.socket, message, len(message), 0) == len(message)

    def close(self):
        """Waits until all has been sent."""
        self.library.zmq_close(self.socket)
        self.library.zmq_ctx_term(self.context)


class Ingest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        tap_capture.write(self.folder.name)
        self.capture = self.path("tx.pcap") + "," + self.path("rx.pcap")

    def tearDown(self):
        self.folder.cleanup()

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def arguments(self, *arguments, store="weir.duckdb"):
        return ("run", "--model", MODEL, "--store", self.path(store), "--eve", self.path("eve.json"), "--control", "none", "--json",
                "--quiet", *arguments)

    def good(self, *arguments, **more):
        done = weir(*self.arguments(*arguments, store=more.pop("store", "weir.duckdb")), **more)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        account = json.loads(done.stdout)
        adds_up(account)
        return account

    def fails(self, *arguments, words=(), code=1, **more):
        done = weir(*self.arguments(*arguments), **more)
        text = done.stderr.decode()
        self.assertEqual(done.returncode, code, text)
        for word in words:
            self.assertIn(word, text)

    def query(self, sql, store="weir.duckdb"):
        done = weir("query", "--store", self.path(store), "--format", "csv", "--limit", "0", sql)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        return done.stdout

    def flows(self, name="flows.csv", *arguments):
        done = weir("flows", "-r", self.capture, "--quiet", "-o", self.path(name), *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        return self.path(name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def text(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def test_judged_as_the_packets_are(self):
        packets = self.good("-r", self.capture, store="packets.duckdb")
        sql = f"SELECT {JUDGED} FROM verdicts ORDER BY ALL"
        want = self.query(sql, "packets.duckdb")
        why = ("SELECT v.stime, v.src_ip, v.src_port, v.dest_port, r.rank, r.column_name, r.value, r.contribution FROM reasons r JOIN "
               "verdicts v USING (flow_id, record) ORDER BY ALL")
        reasons = self.query(why, "packets.duckdb")
        self.assertGreater(want.count(b"\n"), 300)
        table, lines = self.flows(), self.flows("flows.jsonl")
        subprocess.run(["gzip", "-k", table], check=True)
        for n, (path, options) in enumerate([(table, ()), (lines, ()), (table + ".gz", ()), (table, ("--ingest-threads", "1", "--batch", "1")),
                                             (table, ("--ingest-threads", "5", "--workers", "3", "--batch", "512")),
                                             (table, ("--max-delay", "0", "--columns", "all"))]):
            store = f"{n}.duckdb"
            account = self.good("--flows", path, *options, store=store)
            self.assertEqual(account["records"], {"ingested": sum(packets["records"].values())})
            self.assertEqual(account["ingest"]["rejected"], {})
            self.assertEqual(account["ingest"]["unknown"], {})
            self.assertEqual(account["alerts"], packets["alerts"])
            self.assertEqual(self.query(sql, store), want, (path, options))
            self.assertEqual(self.query(why, store), reasons, (path, options))
        # the flow ids of first records over TCP are those of the packets
        first = "SELECT flow_id, record, src_port, score FROM verdicts WHERE proto = 'tcp' AND record = 0 AND flow_id IN (FROM ids) ORDER BY ALL"
        ids = "WITH ids AS (SELECT flow_id FROM verdicts WHERE proto = 'tcp' AND record = 0) "
        tcp = self.query(ids + first, "packets.duckdb")
        self.assertGreater(tcp.count(b"\n"), 200)
        self.assertTrue(set(tcp.splitlines()) <= set(self.query(ids + first, "0.duckdb").splitlines()))

    def test_from_a_pipe_nothing_waits(self):
        lines = self.text(os.path.basename(self.flows())).splitlines(keepends=True)
        job = subprocess.Popen([WEIR, *self.arguments("--flows", "-", "--eve", "-", "--batch", "512", "--account", self.path("account.json"))],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            job.stdin.write("".join(lines[:11]).encode() + lines[11][:20].encode())
            job.stdin.flush()
            told = []
            while len(told) < 10:  # comes while the pipe is open and the 11th row is not whole
                event = json.loads(job.stdout.readline())
                told += [event] if event["event_type"] == "flow" else []
            job.stdin.write(lines[11][20:].encode())
            job.stdin.close()
            job.stdout.read()
            self.assertEqual(job.wait(60), 0)
        finally:
            job.kill()
            job.stdout.close()
        with open(self.path("account.json")) as file:
            account = json.load(file)
        adds_up(account)
        self.assertEqual(account["ingest"]["rows"], 11)

    def test_an_interrupt_drains_and_accounts(self):
        table = self.text(os.path.basename(self.flows()))
        with subprocess.Popen([WEIR, *self.arguments("--flows", "-", "--account", self.path("account.json"))], stdin=subprocess.PIPE,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as job:
            job.stdin.write(table.encode())
            job.stdin.flush()
            while not os.path.exists(self.path("eve.json")) or '"flow"' not in self.text("eve.json"):
                self.assertIsNone(job.poll())
                time.sleep(0.01)
            job.send_signal(signal.SIGINT)
            self.assertEqual(job.wait(60), 0)
        with open(self.path("account.json")) as file:
            account = json.load(file)
        adds_up(account)
        self.assertEqual(account["ingest"]["rows"], table.count("\n") - 1)

    def test_what_is_no_row_is_counted(self):
        header, *rows = self.text(os.path.basename(self.flows())).splitlines()
        cells = header.split(",")

        def change(row, **values):
            made = next(csv.reader([row]))
            for name, value in values.items():
                made[cells.index(name)] = value
            out = io.StringIO()
            csv.writer(out, lineterminator="").writerow(made)
            return out.getvalue()

        tcp = next(row for row in rows if ",tcp," in row)
        bad = [header, tcp, "", "x,y", tcp + ",1", change(tcp, stime="soon"), change(tcp, saddr="here"), change(tcp, proto="man"), tcp[:100],
               header, change(tcp, state="ODD", proto="arp"), "y" * 300000, change(tcp, sbytes="many"), '"' + tcp]
        path = self.write("bad.csv", "\n".join(bad) + "\n")
        account = self.good("--flows", path, "--ingest-threads", "1")
        ingest = account["ingest"]
        self.assertEqual(ingest["rows"], 11)
        self.assertEqual(ingest["rejected"], {"cells": 4, "time": 1, "address": 1, "management": 1, "line": 1})
        self.assertEqual([f["line"] for f in ingest["first_rejected"]], [4, 5, 6, 7, 8])
        self.assertEqual(ingest["first_rejected"][0], {"line": 4, "reason": "cells", "text": "x,y"})
        self.assertEqual({k: ingest["unknown"].get(k) for k in ("state", "proto", "sbytes")}, {"state": 1, "proto": 1, "sbytes": 1})
        self.assertEqual(account["store"]["committed"], 3)
        # people are told, too
        done = weir("run", "--model", MODEL, "--store", self.path("two.duckdb"), "--eve", self.path("e"), "--control", "none", "--flows", path)
        self.assertIn(b"8 of 11 rows were rejected and not judged; the first is in line 4: cells", done.stderr)
        self.assertIn(b"line 4 (cells): x,y", done.stdout)

    def test_line_numbers_over_many_pieces(self):
        header, *rows = self.text(os.path.basename(self.flows())).splitlines()
        many = [header] + rows * 6
        self.assertGreater(len("\n".join(many)), 4 << 18)
        for at in 700, 2000:
            many[at - 1] = "broken"
        account = self.good("--flows", self.write("many.csv", "\n".join(many)), "--ingest-threads", "3")
        self.assertEqual([f["line"] for f in account["ingest"]["first_rejected"]], [700, 2000])
        self.assertEqual(account["ingest"]["rows"], len(many) - 1)

    def test_clear_errors(self):
        table = self.flows()
        few = self.write("few.csv", "StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State,sTos,dTos,TotPkts,TotBytes,SrcBytes,Label\n")
        self.fails("--flows", few, words=["few.csv: no column for", "sappbytes", "--map"])
        self.assertFalse(os.path.exists(self.path("weir.duckdb")))
        with open(few, "rb") as pipe:
            self.fails("--flows", "-", words=["standard input: no column for"], stdin=pipe)
        self.fails("--flows", self.path("none.csv"), words=["none.csv"])
        self.fails("--flows", table, "-r", self.capture, words=["exclude each other"], code=2)
        self.fails("--flows", table, "--filter", "tcp", words=["--filter"], code=2)
        self.fails("--flows", table, "--map", "stime", words=["--map stime", "NAME=THEIRS"])
        self.fails("--flows", table, "--flows-format", "xml", words=["csv or jsonl"], code=2)
        self.fails("--flows", table, "--flows-format", "jsonl", words=["no JSON object"])
        self.fails("--flows", self.write("odd.csv", "a,b\n1,2\n"), words=["no column that is known"])
        self.fails("--flows", few, "--check", words=["no column for"])
        done = weir(*self.arguments("--flows", table, "--check"))
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertIn(table.encode(), done.stdout)
        empty = self.good("--flows", self.write("empty.csv", ""))
        self.assertEqual(empty["ingest"]["rows"], 0)

    def test_policies(self):
        table = self.flows()
        self.good("-r", self.capture, store="packets.duckdb")
        sql = f"SELECT {JUDGED} FROM verdicts WHERE alert ORDER BY ALL"
        for n, options in enumerate((("--budget-ms", "5"), ("--budget-ms", "1", "--batch", "8"), ("--overload", "degrade", "--batch", "1"),
                                     ("--overload", "shed", "--batch", "1"))):
            account = self.good("--flows", table, *options, store=f"{n}.duckdb")
            rows, store, eve = account["rows"], account["store"], account["eve"]
            self.assertEqual(eve["lines"] + eve["lost"], rows["scored"] + account["alerts"])
            if "shed" in options:
                self.assertEqual(account["ingest"]["rows"], rows["batched"] + rows["shed"].get("ingested", 0))
                continue
            self.assertEqual(rows["scored"], account["ingest"]["rows"])
            # whatever is left out under pressure, no alert is
            self.assertEqual(self.query(sql, f"{n}.duckdb"), self.query(sql, "packets.duckdb"))
            if "degrade" not in options:
                self.assertEqual((store["withheld"], account["unexplained"], eve["lost"]), ({}, 0, 0))
            else:
                self.assertEqual(eve["lost"], store["withheld"].get("degraded", 0))
                self.assertLessEqual(account["unexplained"], account["alerts"])

    def test_bench(self):
        done = weir("bench", "ingest", "--quick", "--size", "3000", "--model", MODEL, "-r", self.capture, "--json")
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        rows = {row["case"]: row for row in json.loads(done.stdout)["rows"]}
        self.assertEqual(set(rows), {"csv", "csv-2-threads", "jsonl"})
        for row in rows.values():
            self.assertGreater(row["weir"], 0)
        self.assertTrue(all(rows[case]["theirs"] > 0 for case in ("csv", "jsonl")))

    def test_names_of_others(self):
        table = self.text(os.path.basename(self.flows()))
        header, rest = table.split("\n", 1)
        renamed = self.write("other.csv", header.replace("stime,ltime", "When,Until").replace("sbytes", "OutBytes") + "\n" + rest)
        self.good("-r", self.capture, store="packets.duckdb")
        self.fails("--flows", renamed, words=["no column for", "stime"])
        self.good("--flows", renamed, "--map", "stime=When,ltime=Until", "--map", "sbytes=OutBytes", store="other.duckdb")
        sql = f"SELECT {JUDGED} FROM verdicts ORDER BY ALL"
        self.assertEqual(self.query(sql, "other.duckdb"), self.query(sql, "packets.duckdb"))
        self.good("--flows", self.write("bare.csv", rest), "--flows-columns", header, store="bare.duckdb")
        self.assertEqual(self.query(sql, "bare.duckdb"), self.query(sql, "packets.duckdb"))

    def test_number_is_the_room_of_the_flow_table(self):
        account = self.good("-r", self.capture, "--flows", "2048")
        self.assertNotIn("ingest", account)
        config = self.write("weir.yaml", f"model: {MODEL}\nread: [[{self.path('tx.pcap')}, {self.path('rx.pcap')}]]\nflows: 2048\n"
                            f"store: {self.path('c.duckdb')}\neve: {self.path('e.json')}\ncontrol: none\n")
        done = weir("run", "-c", config, "--json", "--quiet")
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        done = weir("run", "-c", config, "--json", "--quiet", "--flows", self.flows())  # takes the place of the packets
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertIn("ingest", json.loads(done.stdout))

    def listening(self, *arguments, url=None):
        """A run that takes rows at a socket."""
        url = url or "zmq+ipc://" + self.path("in")
        job = subprocess.Popen([WEIR, *self.arguments("--flows", url, "--account", self.path("account.json"), *arguments)],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        until = time.time() + 30
        while not os.path.exists(self.path("in")) and time.time() < until and job.poll() is None:
            time.sleep(0.01)
        return job

    def ended(self, job, rows):
        """Ends it once it has committed so many rows, or all are rejected."""
        until = time.time() + 60
        while job.poll() is None and time.time() < until and not (os.path.exists(self.path("eve.json")) and
                                                                    self.text("eve.json").count('"event_type":"flow"') >= rows):
            time.sleep(0.02)
        job.send_signal(signal.SIGTERM)
        self.assertEqual((job.wait(60), job.stderr.read()), (0, b""))
        job.stderr.close()
        with open(self.path("account.json")) as file:
            account = json.load(file)
        adds_up(account)
        return account

    def test_json_lines_through_a_socket(self):
        self.good("-r", self.capture, store="packets.duckdb")
        lines = self.text(os.path.basename(self.flows("flows.jsonl"))).splitlines()
        os.remove(self.path("eve.json"))
        job = self.listening()
        push = [Push("ipc://" + self.path("in")) for _ in range(2)]
        for i in range(0, len(lines), 7):  # some messages have many lines, some have one
            push[i % 2].send("\n".join(lines[i:i + 6]).encode())
            push[i % 2].send("".join(lines[i + 6:i + 7]).encode() + b"\n")
        push[0].send(b'{"stime": 1}')
        push[1].send(b"no row")
        for p in push:
            p.close()
        account = self.ended(job, len(lines))
        self.assertEqual(account["ingest"]["rows"], len(lines) + 2)
        self.assertEqual(account["ingest"]["rejected"], {"columns": 1, "json": 1})
        sql = f"SELECT {JUDGED} FROM verdicts ORDER BY ALL"
        self.assertEqual(self.query(sql), self.query(sql, "packets.duckdb"))

    def test_batch_frames_through_a_socket(self):
        try:
            import numpy
            from weir import frame
        except ImportError:
            self.skipTest("NumPy is not installed")
        self.good("-r", self.capture, store="packets.duckdb")
        model = json.loads(weir("model", "show", "--json", MODEL).stdout)["card"]
        names = ["extra"] + model["columns"][::-1]  # in another order, and more than the model wants
        rows = []
        for line in self.text(os.path.basename(self.flows("flows.jsonl"))).splitlines():
            row = json.loads(line)
            if row["proto"] == "tcp" and row["state"] in ("FIN", "RST", "CON", "REQ"):
                rows.append(row)
        codes = {"proto": {"tcp": 6}, "dir": {"->": 0, "<-": 1, "<->": 2, "?>": 3, "<?": 4, "<?>": 5},
                 "state": {"REQ": 0, "ACC": 1, "CON": 2, "FIN": 3, "CLO": 4, "RST": 5}, "cause": {"Start": 0, "Status": 1, "Stop": 2}}
        features = numpy.full((len(rows), len(names)), numpy.nan, "f4")
        identity = numpy.zeros(len(rows), frame.IDENTITY)
        address = [(name, numpy.zeros((len(rows), 16), "u1")) for name in ("saddr", "daddr")]
        for r, row in enumerate(rows):
            for c, name in enumerate(names):
                if row.get(name) is not None:
                    features[r, c] = codes[name][row[name]] if name in codes else row[name]
            for name, to in address:
                to[r, :4] = [int(part) for part in row[name].split(".")]
            identity[r]["ip_version"], identity[r]["proto"], identity[r]["ports"] = 4, 6, 1
            identity[r]["sport"], identity[r]["dport"] = row["sport"], row["dport"]
            identity[r]["stime_ns"], identity[r]["ltime_ns"] = (round(row[t] * 1e6) * 1000 for t in ("stime", "ltime"))
            identity[r]["flow_id_high"], identity[r]["flow_id_low"] = 7, r
        for name, to in zip(("src", "dst"), address):
            identity[name] = to[1].view("V16")[:, 0]
        os.remove(self.path("eve.json"))
        job = self.listening("--ingest-threads", "1")
        push = Push("ipc://" + self.path("in"))
        sizes, at = [1, 64, 100, 512], 0
        while at < len(rows):
            n = sizes[at % 4]
            push.send(frame.write(names, features[at:at + n], identity[at:at + n], int(model["feature_set_id"], 16)))
            at += n
        bad = bytearray(frame.write(names, features[:3], identity[:3], int(model["feature_set_id"], 16)))
        bad[-1] ^= 1
        push.send(bytes(bad))  # counts as one row
        push.send(frame.write(names, features[:3], identity[:3], 1))
        push.send(frame.write(names[:5], features[:5, :5], identity[:5], int(model["feature_set_id"], 16)))
        push.close()
        account = self.ended(job, len(rows))
        self.assertGreater(len(rows), 100)
        self.assertEqual(account["store"]["committed"], len(rows))
        self.assertEqual(account["ingest"]["rejected"], {"frame": 4, "columns": 5})
        self.assertIn("checksum", account["ingest"]["first_rejected"][0]["text"])
        sql = "SELECT src_ip, src_port, dest_ip, dest_port, stime, ltime, class, score, alert FROM verdicts"
        mine = self.query(sql + " WHERE proto = 'tcp' ORDER BY ALL").splitlines()
        theirs = self.query(sql + " ORDER BY ALL", "packets.duckdb").splitlines()
        self.assertEqual(len(mine), len(rows) + 1)
        self.assertTrue(set(mine) <= set(theirs))

    def test_sockets_that_cannot_be(self):
        self.fails("--flows", "zmq+tcp://0.0.0.0:5555", words=["keys only"])
        self.fails("--flows", "zmq+ipc://" + self.path("in"), "--flows-format", "csv", words=["JSON lines and batch frames"])
        job = self.listening()
        self.fails("--flows", "zmq+ipc://" + self.path("in"), words=["another process listens"])
        self.ended(job, 0)

    @unittest.skipUnless(os.environ.get("WEIR_DATA"), "WEIR_DATA is not set: no binetflow files")
    def test_binetflow(self):
        """Files of others, with a model of their columns: `predict` must see the same in them."""
        folder = os.path.join(os.environ["WEIR_DATA"], "flows", "argus")
        names = {"Dur": "dur", "Proto": "proto", "Dir": "dir", "State": "state", "sTos": "stos", "dTos": "dtos", "TotPkts": "pkts",
                 "TotBytes": "bytes", "SrcBytes": "sbytes"}
        select = "SELECT " + ", ".join(f"{theirs} AS {own}" for theirs, own in names.items()) + (
            ", CASE WHEN TotBytes::DOUBLE > 300 THEN 'attack' ELSE 'benign' END AS label, SrcAddr, Sport, DstAddr, Dport, "
            "strptime(StartTime, '%Y/%m/%d %H:%M:%S.%f') AS began FROM read_csv('{}', all_varchar=true) WHERE Proto NOT IN ('man', 'llc')")
        model, told = self.path("binetflow.weir"), ("--label", "label", "--benign", "benign")
        done = weir("train", "--features", "argus", "--sql", select.format(os.path.join(folder, "test2-malicious.binetflow")), *told, "--exclude",
                    "SrcAddr,Sport,DstAddr,Dport,began", "--algorithm", "xgboost", "-o", model, "--quiet")
        self.assertEqual(done.returncode, 0, done.stderr)
        for name in sorted(os.listdir(folder)):
            path, store = os.path.join(folder, name), name + ".duckdb"
            account = self.good("--flows", path, "--model", model, store=store)
            done = weir("predict", model, "--sql", select.format(path), "-o", self.path("predicted.csv"))
            self.assertEqual(done.returncode, 0, done.stderr)
            with open(self.path("predicted.csv"), newline="") as file:
                rows = list(csv.DictReader(file))
            if name.startswith("test5"):  # has link-layer and ARP records, too
                rows = [row for row in rows if row["SrcAddr"].count(".") == 3 or row["SrcAddr"].count(":") > 5 or "::" in row["SrcAddr"]]
            want = sorted((row["SrcAddr"], row["DstAddr"], row["began"][:19], float(row["score"])) for row in rows)
            got = csv.DictReader(io.StringIO(self.query("SELECT src_ip, dest_ip, strftime(stime, '%Y-%m-%d %H:%M:%S') AS began, score FROM verdicts",
                                                        store).decode()))
            got = sorted((row["src_ip"], row["dest_ip"], row["began"], float(row["score"])) for row in got)
            self.assertEqual(len(got), len(want), (name, account["ingest"]))
            for a, b in zip(got, want):
                self.assertEqual(a[:3], b[:3], name)
                self.assertAlmostEqual(a[3], b[3], delta=1e-7)

    @unittest.skipUnless(shutil.which("ra") and shutil.which("argus"), "argus and ra are not installed")
    def test_what_ra_prints(self):
        merged, records = self.path("merged.pcap"), self.path("records")
        subprocess.run(["argus", "-X", "-S", "5", "-A", "-J", "-R", "-Z", "-m", "-r", merged, "-w", records], check=True, capture_output=True)
        shown = json.loads(weir("model", "show", "--json", MODEL).stdout)
        fields = ["stime", "ltime", "saddr", "sport", "daddr", "dport"] + shown["card"]["columns"]
        printed = {}
        for name, options in (("numbers", ["-n", "-u", "-p", "6"]), ("names", ["-u", "-p", "6"])):
            done = subprocess.run(["ra", *options, "-c", ",", "-r", records, "-s", *fields], check=True, capture_output=True)
            printed[name] = done.stdout.decode()
        want = sum(1 for line in printed["numbers"].splitlines()[1:] if ",man," not in line)
        for name, text in printed.items():
            account = self.good("--flows", self.write(name + ".csv", text), store=name + ".duckdb")
            self.assertEqual(account["store"]["committed"], want)
            self.assertEqual(set(account["ingest"]["rejected"]), {"management"})
            self.assertEqual(account["ingest"]["unknown"], {})
        sql = "SELECT * EXCLUDE (run, decision_us, lane, seq, row) FROM verdicts ORDER BY ALL"
        self.assertEqual(self.query(sql, "numbers.duckdb"), self.query(sql, "names.duckdb"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
