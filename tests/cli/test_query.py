"""`weir query` as its users run it, over a store of the bundled model.

Usage: test_query.py WEIR FOLDER_OF_TAP_CAPTURE_PY MODEL.
"""
import csv
import io
import json
import os
import subprocess
import sys
import tempfile
import unittest

WEIR, MODEL = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[3])
sys.path.insert(0, sys.argv[2])
import tap_capture  # noqa: E402

runtime = tempfile.TemporaryDirectory()  # control sockets of other runs on this machine are not ours
os.environ["RUNTIME_DIRECTORY"] = runtime.name


def weir(*arguments, **more):
    return subprocess.run([WEIR, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=100, **more)


class Query(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        tap_capture.write(cls.folder.name, conversations=60)
        cls.store = os.path.join(cls.folder.name, "weir.duckdb")
        done = weir("run", "-r", os.path.join(cls.folder.name, "merged.pcap"), "--model", MODEL, "--json", "--quiet", cwd=cls.folder.name)
        assert done.returncode == 0, done.stderr
        cls.records = sum(json.loads(done.stdout)["records"].values())

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def query(self, *arguments):
        return weir("query", *arguments, cwd=self.folder.name)

    def good(self, *arguments):
        done = self.query(*arguments)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        return done.stdout.decode()

    def fails(self, done, *words, code=1):
        text = done.stderr.decode()
        self.assertEqual((done.returncode, done.stdout), (code, b""), text)
        self.assertEqual(len(text.strip().splitlines()), 1, text)
        for word in words:
            self.assertIn(word, text)

    def test_formats(self):
        sql = "SELECT proto, count(*) AS n, avg(score) AS mean, list(DISTINCT reason ORDER BY reason) AS ends, NULL AS nothing " \
              "FROM verdicts GROUP BY proto ORDER BY proto"
        rows = list(csv.DictReader(io.StringIO(self.good("--format", "csv", sql))))
        self.assertEqual([row["proto"] for row in rows], ["icmp", "tcp", "udp"])
        self.assertEqual(sum(int(row["n"]) for row in rows), self.records)
        lines = [json.loads(line) for line in self.good("--format", "jsonl", sql).splitlines()]
        whole = json.loads(self.good("--json", "--store", self.store, sql))
        self.assertEqual(whole["columns"], ["proto", "n", "mean", "ends", "nothing"])
        self.assertEqual(whole["types"][:4], ["VARCHAR", "BIGINT", "DOUBLE", "JSON"])
        self.assertEqual((whole["rows"], whole["cut"]), (lines, False))
        for row, line in zip(rows, lines):
            self.assertEqual((row["proto"], int(row["n"]), float(row["mean"])), (line["proto"], line["n"], line["mean"]))
            self.assertEqual(json.loads(row["ends"]), line["ends"])
            self.assertEqual((row["nothing"], line["nothing"]), ("", None))
        table = self.good(sql).splitlines()
        self.assertEqual(table[0].split(), ["proto", "n", "mean", "ends", "nothing"])
        self.assertEqual(len(table), 2 + len(rows))
        self.assertEqual(len({len(line) for line in table[:1] + [line + " " * 7 for line in table[2:]]}) <= 2, True)

    def test_limit_is_said(self):
        done = self.query("--limit", "3", "--format", "csv", "SELECT flow_id FROM verdicts")
        self.assertEqual((done.returncode, len(done.stdout.splitlines())), (0, 4))
        self.assertIn(b"--limit 0", done.stderr)
        self.assertEqual(len(self.good("--limit", "0", "--format", "csv", "SELECT flow_id FROM verdicts").splitlines()), self.records + 1)

    def test_terminals_are_safe(self):
        table = self.good("SELECT 'a' || chr(27) || '[31m' || chr(10) || 'b' AS x")
        self.assertNotIn("\x1b", table)
        self.assertEqual(table.splitlines()[2], "a?[31m?b")

    def test_explain_and_describe(self):
        self.assertIn("SEQ_SCAN", self.good("EXPLAIN SELECT * FROM verdicts"))
        self.assertIn("TIMESTAMP_NS", self.good("DESCRIBE verdicts"))

    def test_nothing_but_the_store(self):
        with open(os.path.join(self.folder.name, "secret.csv"), "w") as file:
            file.write("a\n1\n")
        for sql in ("SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM 'secret.csv'", "FROM read_text('secret.csv')", "FROM glob('*')"):
            self.fails(self.query(sql), "could be a file" if "FROM '" in sql else "not for queries")
        for sql in ("COPY verdicts TO 'stolen.csv'", "ATTACH 'other.duckdb'", "INSTALL httpfs", "LOAD 'x'", "SET enable_external_access=true",
                    "DELETE FROM verdict_rows", "DROP TABLE runs", "CREATE TABLE t(x INTEGER)", "EXPORT DATABASE 'stolen'"):
            self.fails(self.query(sql))
        self.assertEqual(sorted(os.listdir(self.folder.name)),
                         ["eve.json", "merged.pcap", "rx.pcap", "secret.csv", "tx.pcap", "weir.duckdb"])

    def test_clear_errors(self):
        self.fails(self.query("--store", "none.duckdb", "SELECT 1"), "none.duckdb", "weir run")
        self.fails(self.query("--store", "merged.pcap", "SELECT 1"), "merged.pcap")
        self.fails(self.query("SELECT nonsense FROM verdicts"), "nonsense")
        self.fails(self.query("SELECT 1; SELECT 2"), "one SQL statement")
        self.fails(self.query("--timeout", "10ms", "SELECT count(*) FROM range(1000000000) a, range(10000) b WHERE (a.range * b.range) % 7 = 1"),
                   "--timeout")
        self.assertEqual(self.query().returncode, 2)
        self.assertEqual(self.query("SELECT 1", "SELECT 2").returncode, 2)
        self.assertEqual(self.query("--format", "xml", "SELECT 1").returncode, 2)
        self.assertEqual(self.query("--help").returncode, 0)

    def test_a_running_weir_owns_the_store(self):
        reading, writing = os.pipe()
        job = subprocess.Popen([WEIR, "run", "-r", "-", "--model", MODEL, "--store", "busy.duckdb", "--eve", "/dev/null"], cwd=self.folder.name,
                               stdin=reading, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        os.close(reading)
        with open(os.path.join(self.folder.name, "merged.pcap"), "rb") as file:
            os.write(writing, file.read(30000))
        self.assertIn(b"lanes", job.stderr.readline())
        self.fails(self.query("--store", "busy.duckdb", "SELECT 1"), "busy.duckdb", "another process")
        os.close(writing)
        job.communicate(timeout=60)
        self.assertGreater(int(self.good("--store", "busy.duckdb", "--format", "csv", "SELECT count(*) FROM verdicts").split()[1]), 0)
        os.unlink(os.path.join(self.folder.name, "busy.duckdb"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
