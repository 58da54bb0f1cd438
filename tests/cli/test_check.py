"""`weir run -c weir.yaml` and `weir run --check`: the examples, what is wrong and where, and that a check leaves nothing behind.

Usage: test_check.py WEIR FOLDER_OF_TAP_CAPTURE_PY MODEL SOURCES CONFIG_PAGE
"""
import os
import re
import subprocess
import sys
import tempfile
import unittest

WEIR, MODEL, SOURCES, PAGE = (os.path.abspath(sys.argv[i]) for i in (1, 3, 4, 5))
sys.path.insert(0, sys.argv[2])
import tap_capture  # noqa: E402


class Check(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        tap_capture.write(self.folder)

    def write(self, text, name="weir.yaml"):
        with open(os.path.join(self.folder, name), "w") as file:
            file.write(text)

    def weir(self, *arguments, cwd=None):
        return subprocess.run([WEIR, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                              cwd=cwd or self.folder)

    def check(self, text, *flags, code=0):
        """The lines of a check: of its output when it is good, else of its messages."""
        self.write(text)
        before = sorted(os.listdir(self.folder))
        done = self.weir("run", "--check", "-c", "weir.yaml", *flags)
        self.assertEqual(done.returncode, code, done)
        self.assertEqual(sorted(os.listdir(self.folder)), before)
        if code:
            self.assertEqual(done.stdout, "")
            return done.stderr.splitlines()
        self.assertEqual(done.stdout.splitlines()[0], "ok")
        return done.stdout.splitlines()

    def test_examples(self):
        for name in sorted(os.listdir(os.path.join(SOURCES, "examples/config"))):
            path = os.path.join(SOURCES, "examples/config", name)
            os.symlink(os.path.join(SOURCES, "examples"), os.path.join(self.folder, "examples"))
            done = self.weir("run", "--check", "-c", path)
            os.unlink(os.path.join(self.folder, "examples"))
            self.assertEqual((done.returncode, done.stdout.splitlines()[:1]), (0, ["ok"]), done)
            self.assertTrue(all("there is no such interface now" in line for line in done.stderr.splitlines()), done.stderr)
        self.assertEqual(sorted(os.listdir(os.path.join(SOURCES, "examples/config"))), ["file.yaml", "span.yaml", "tap.yaml"])
        done = self.weir("run", "--check", "-c", os.path.join(SOURCES, "packaging/weir.yaml"))
        self.assertEqual((done.returncode, done.stdout.splitlines()[:1]), (0, ["ok"]), done)

    def test_what_would_run(self):
        lines = self.check("read: [[tx.pcap, rx.pcap]]\nfilter: tcp\nstore: days/\nretention: 30d\nlanes: 3\n", "--lanes", "4")
        text = "\n".join(lines)
        for words in ("file tx.pcap (port A), rx.pcap (port B)", 'filter "tcp"', "argus", "4 lanes, 2 workers", "days/ (new)", "30 days"):
            self.assertIn(words, text)

    def test_a_run_from_a_file(self):
        self.write(f"read: [tx.pcap, rx.pcap]\nmodel: {MODEL}\nstore: out.duckdb\neve: out.json\ncontrol: none\nquiet: true\n")
        self.assertEqual(self.weir("run", "-c", "weir.yaml").returncode, 0)
        self.assertEqual(self.weir("run", "-r", "tx.pcap,rx.pcap", "--model", MODEL, "--store", "flags.duckdb", "--eve", "flags.json", "--control",
                                   "none", "--quiet").returncode, 0)
        sql = "SELECT * EXCLUDE (run, sensor, boot, lane, seq, row, decision_us) FROM verdicts ORDER BY flow_id, record"
        rows = [self.weir("query", "--store", f"{name}.duckdb", "--format", "csv", sql).stdout for name in ("out", "flags")]
        self.assertGreater(rows[0].count("\n"), 10)
        self.assertEqual(*rows)

    def test_all_that_is_wrong_with_its_line(self):
        text = ("read: [tx.pcap, none.pcap]\nmodel: none.weir\nstore: nowhere/x.duckdb\neve: nowhere/eve.json\naccount: .\n"
                "queue: pigeon\ncontrol: nowhere/socket\nuser: no-such-user\n")
        lines = self.check(text, code=1)
        places = {int(re.match(r"weir: error: weir\.yaml:(\d+): \w+", line)[1]) for line in lines}
        self.assertEqual(places, set(range(1, 9)), lines)
        self.assertIn("none.weir", lines[1])
        text = "\n".join(self.check("read: [tx.pcap, rx.pcap]\nfilter: tcp orr udp\ncolumns: [dur, nonsense]\n", code=1))
        self.assertIn("weir.yaml:2: filter: filter \"tcp orr udp\"", text)
        self.assertIn("weir.yaml:3: columns: feature set argus has no column 'nonsense'", text)
        self.assertIn("weir.yaml:2: filter", self.check("interface: nope0\nfilter: tcp orr udp\n", code=1)[-1])
        self.assertIn("no capture file", self.check(f"read: {MODEL}\n", code=1)[0])
        self.assertIn("weir.yaml:2: features cic", self.check("read: tx.pcap\nfeatures: cic-none\n", code=2)[0])

    def test_wrong_files_and_flags(self):
        lines = self.check("lane: 2\nworkers: 99\nquiet: maybe\n", code=2)
        self.assertEqual(len(lines), 3, lines)
        self.assertIn("weir.yaml:1: 'lane' is no key; the nearest is 'lanes'", lines[0])
        for flags in (["--lanes", "99"], ["--nonsense"], ["--check=1"]):
            self.assertEqual(len(self.check("read: tx.pcap\n", *flags, code=2)), 1)
        done = self.weir("run", "-c", "weir.yaml", "--lanes", "none")  # a run says the first only
        self.assertEqual((done.returncode, len(done.stderr.splitlines())), (2, 1))
        done = self.weir("run", "--check", "-c", "none.yaml")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "none.yaml: cannot open it: No such file.*-c FILE")
        self.write("a: 1\n" * 20000, "large.yaml")
        self.assertIn("larger than 65536 bytes", self.weir("run", "-c", "large.yaml").stderr)

    def test_the_model_is_named_with_its_flag(self):
        done = self.weir("run", "-r", "tx.pcap", "--model", "none.weir")
        self.assertEqual(done.returncode, 1)
        self.assertIn("--model none.weir: cannot open it: No such file or directory; ", done.stderr)

    def test_the_page_and_the_help_have_every_key(self):
        table = subprocess.run([PAGE, "markdown"], capture_output=True, text=True, timeout=60, check=True).stdout
        with open(os.path.join(SOURCES, "docs/config.md")) as file:
            self.assertTrue(file.read().endswith(table), "docs/config.md ends with what `config_page markdown` prints")
        keys = re.findall(r"^\| `([a-z-]+)` \|", table, re.M)
        help_ = self.weir("run", "--help").stdout
        flags = set(re.findall(r"^  (?:-\w, )?--([a-z-]+)", help_, re.M))
        self.assertEqual(flags - set(keys), {"config", "check"})
        self.assertEqual(set(keys) - flags, set())


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
