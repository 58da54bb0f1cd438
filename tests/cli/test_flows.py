"""`weir flows` as its users run it: the same records whatever the lanes and files, formats, accounts, signals, errors.

Usage: test_flows.py WEIR FOLDER_OF_TAP_CAPTURE_PY. Every test works in a folder of its own.
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
import unittest

WEIR = os.path.abspath(sys.argv[1])
sys.path.insert(0, sys.argv[2])
import tap_capture  # noqa: E402


def weir(*arguments, **more):
    return subprocess.run([WEIR, *arguments], stdin=more.pop("stdin", subprocess.DEVNULL), capture_output=True, timeout=100, **more)


class Flows(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.packets = tap_capture.write(self.folder.name)
        self.merged, self.split = self.path("merged.pcap"), self.path("tx.pcap") + "," + self.path("rx.pcap")

    def tearDown(self):
        self.folder.cleanup()

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def flows(self, capture, *arguments, **more):
        return weir("flows", "-r", capture, *arguments, cwd=self.folder.name, **more)

    def good(self, capture, *arguments, **more):
        done = self.flows(capture, "--quiet", *arguments, **more)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        return done.stdout

    def fails(self, done, *words, code=1):
        text = done.stderr.decode()
        self.assertEqual(done.returncode, code, text)
        self.assertEqual(len(text.strip().splitlines()), 1, text)
        for word in words:
            self.assertIn(word, text)

    def test_the_same_bytes_whatever_lanes_and_files(self):
        for format in ("csv", "jsonl", "parquet"):
            first = self.good(self.merged, "--format", format)
            self.assertGreater(len(first), 10000)
            for capture in (self.merged, self.split):
                for lanes in ("1", "2", "4", "7"):
                    self.assertEqual(self.good(capture, "--format", format, "--lanes", lanes), first, (format, capture, lanes))
            out = self.path("out." + format)
            self.assertEqual(self.good(self.split, "--lanes", "3", "-o", out), b"")
            with open(out, "rb") as file:
                self.assertEqual(file.read(), first)
        self.assertEqual([n for n in os.listdir(self.folder.name) if "partial" in n], [])

    def test_records_are_in_the_order_in_which_they_close(self):
        rows = list(csv.DictReader(io.StringIO(self.good(self.merged).decode())))
        self.assertGreater(len(rows), 300)
        status = [float(row["stime"]) for row in rows if float(row["ltime"]) < 1700000010]
        self.assertEqual(status, sorted(status))  # far from the end, records close an interval after their first packet
        self.assertEqual(sum(int(row["pkts"]) for row in rows), self.packets)

    def test_formats_agree(self):
        rows = list(csv.DictReader(io.StringIO(self.good(self.merged).decode())))
        lines = [json.loads(line) for line in self.good(self.merged, "--format", "jsonl").splitlines()]
        self.assertEqual(len(rows), len(lines))
        for row, line in zip(rows, lines):
            self.assertEqual(list(row), list(line))
            for name, cell in row.items():
                if line[name] is None:
                    self.assertEqual(cell, "", name)
                elif isinstance(line[name], str):
                    self.assertEqual(cell, line[name], name)
                elif cell.startswith("0x"):
                    self.assertIn(name, ("sport", "dport", "sipid", "dipid"))
                else:
                    self.assertEqual(float(cell), line[name], name)

    def test_columns(self):
        text = self.good(self.merged, "--columns", "dport,state,sbytes").decode()
        self.assertEqual(text.splitlines()[0], "dport,state,sbytes")
        whole = list(csv.DictReader(io.StringIO(self.good(self.merged).decode())))
        some = list(csv.DictReader(io.StringIO(text)))
        self.assertEqual(some, [{name: row[name] for name in ("dport", "state", "sbytes")} for row in whole])
        self.fails(self.flows(self.merged, "--columns", "dport,nonsense"), "nonsense", code=2)
        done = weir("flows", "--columns", "help")
        self.assertEqual(done.returncode, 0)
        self.assertEqual([line.split()[0] for line in done.stdout.decode().splitlines()], list(whole[0]))

    def test_icmp_ports_are_quoted(self):
        lines = self.good(self.merged, "-f", "icmp", "--columns", "proto,sport,dport").decode().splitlines()
        self.assertRegex(lines[1], r'^icmp,"0x0008","0x[0-9a-f]{4}"$')

    def test_nanoseconds(self):
        with open(self.merged, "rb") as file:
            data = bytearray(file.read())
        data[:4] = struct.pack("<I", 0xA1B23C4D)  # the same numbers are nanoseconds now
        with open(self.path("nano.pcap"), "wb") as file:
            file.write(data)
        for name, decimals in (("merged.pcap", 6), ("nano.pcap", 9)):
            row = next(csv.DictReader(io.StringIO(self.good(self.path(name)).decode())))
            for time in ("stime", "ltime"):
                self.assertRegex(row[time], r"^1700000\d\d\d\.\d{%d}$" % decimals)

    def test_account(self):
        done = self.flows(self.split, "--json", "--lanes", "2", "-o", "out.csv", "-f", "not icmp")
        self.assertEqual(done.returncode, 0)
        account = json.loads(done.stdout)
        packets, flows = account["packets"], account["flows"]
        self.assertEqual([port["seen"] for port in account["ports"]], [port["offered"] for port in account["ports"]])
        self.assertEqual(sum(port["seen"] for port in account["ports"]), self.packets)
        self.assertEqual(packets["seen"], packets["metered"] + sum(packets["ignored"].values()) + sum(packets["dropped"].values()))
        self.assertGreater(packets["ignored"]["filter"], 0)
        self.assertEqual(flows["opened"], sum(flows["closed"].values()))
        with open(self.path("out.csv")) as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(sum(account["records"].values()), len(rows))
        self.assertEqual(sum(int(row["pkts"]) for row in rows), packets["metered"])
        words = done.stderr.decode()
        self.assertEqual(len(words.splitlines()), 1)
        for word in (f"{self.packets} packets", f"{flows['opened']} flows", f"{len(rows)} records", "filter"):
            self.assertIn(word, words)

    def test_damage_keeps_what_was_before(self):
        with open(self.merged, "rb") as file:
            data = file.read()
        at, whole = 24, 24
        while at < len(data) // 2:
            whole = at
            at += 16 + int.from_bytes(data[at + 8:at + 12], "little")
        for name, size in (("whole.pcap", whole), ("cut.pcap", whole + 20)):
            with open(self.path(name), "wb") as file:
                file.write(data[:size])
        done = self.flows(self.path("cut.pcap"), "--quiet", "-o", "cut.csv")
        self.fails(done, "cut.pcap", "offset")
        with open(self.path("cut.csv"), "rb") as file:
            self.assertEqual(file.read(), self.good(self.path("whole.pcap")))

    def test_unknown_link_type(self):
        with open(self.merged, "rb") as file:
            data = bytearray(file.read())
        data[20:24] = struct.pack("<I", 147)
        with open(self.path("odd.pcap"), "wb") as file:
            file.write(data)
        done = self.flows(self.path("odd.pcap"), "--json", "-o", "odd.csv")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(json.loads(done.stdout)["packets"]["ignored"], {"link-type": self.packets})
        warnings = [line for line in done.stderr.decode().splitlines() if "warning" in line]
        self.assertEqual(len(warnings), 1)
        self.assertIn("link type that weir does not decode (147;", warnings[0])

    def test_clocks_of_the_ports_that_differ_are_told(self):
        """Port B's clock set wrong: the account says by how much, the times stay what they are."""
        for offset_us in (0, 250000, -250000):
            with open(self.path("rx.pcap"), "rb") as file:
                data = bytearray(file.read())
            at = 24
            while at < len(data):
                seconds, us, caplen = struct.unpack_from("<III", data, at)
                us += seconds * 10**6 + offset_us
                struct.pack_into("<II", data, at, us // 10**6, us % 10**6)
                at += 16 + caplen
            with open(self.path("shifted.pcap"), "wb") as file:
                file.write(data)
            for lanes in ("1", "4"):
                done = self.flows(self.path("tx.pcap") + "," + self.path("shifted.pcap"), "--json", "--lanes", lanes, "-o", "shifted.csv")
                self.assertEqual(done.returncode, 0)
                a, b = json.loads(done.stdout)["ports"]
                self.assertNotIn("clock_offset_us", a)
                found = b["clock_offset_us"]
                self.assertGreater(found["handshakes"], 20)
                self.assertLess(found["plus_minus"], 1000)
                self.assertLessEqual(abs(found["estimate"] - offset_us), found["plus_minus"])
                self.assertEqual(b"clocks of the two ports differ" in done.stderr, offset_us != 0)
                with open(self.path("shifted.csv")) as file:
                    last = max(float(row["ltime"]) for row in csv.DictReader(file))
                self.assertAlmostEqual(last, max(us / 1e6, self.last(self.path("tx.pcap"))), places=5)

    def last(self, path):
        """The time of a capture's last packet."""
        with open(path, "rb") as file:
            data = file.read()
        at = 24
        while at < len(data):
            seconds, us, caplen = struct.unpack_from("<III", data, at)
            at += 16 + caplen
        return seconds + us / 1e6

    def test_interrupt_drains(self):
        with open(self.merged, "rb") as file:
            data = file.read()[:60000]
        reading, writing = os.pipe()
        job = subprocess.Popen([WEIR, "flows", "-r", "-", "-o", self.path("out.csv")], stdin=reading, stderr=subprocess.PIPE)
        os.close(reading)
        os.write(writing, data)
        while not [n for n in os.listdir(self.folder.name) if "partial" in n]:
            self.assertIsNone(job.poll())  # the output is opened after the signals are listened to
        job.send_signal(signal.SIGINT)
        os.close(writing)
        _, words = job.communicate(timeout=60)
        self.assertIn(b"interrupted", words)
        self.assertIn(b" packets, ", words)
        with open(self.path("out.csv")) as file:
            rows = list(csv.DictReader(file))
        self.assertIn(f" {len(rows)} records".encode(), words)
        self.assertEqual([n for n in os.listdir(self.folder.name) if "partial" in n], [])

    def test_a_reader_that_goes_away(self):
        with open(self.path("err"), "w+b") as words:
            job = subprocess.Popen([WEIR, "flows", "-r", self.merged, "--format", "jsonl", "--quiet"], stdout=subprocess.PIPE, stderr=words)
            self.assertTrue(job.stdout.read(1))
            job.stdout.close()
            self.assertEqual(job.wait(timeout=60), 1)
            words.seek(0)
            self.assertIn(b"nobody reads it", words.read())

    def test_a_full_disk(self):
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
        for name in ("out.csv", "out.jsonl", "out.parquet"):
            self.fails(self.flows(self.merged, "--quiet", "-o", name, preexec_fn=limit), name, "make room")
            self.assertFalse(os.path.exists(self.path(name)))
        self.fails(self.flows(self.merged, "--quiet", "-o", "/dev/full"), "/dev/full")
        self.assertEqual([n for n in os.listdir(self.folder.name) if "partial" in n], [])

    def test_clear_errors(self):
        self.fails(self.flows(self.path("none.pcap")), "none.pcap")
        self.fails(self.flows(self.merged, "-o", "no/such/folder.csv"), "no/such/folder.csv")
        self.fails(self.flows(self.merged, "-f", "nonsense and"), "nonsense")
        self.fails(self.flows(self.merged, "--features", "nonsense"), "argus", code=2)
        self.fails(self.flows(self.merged, "--format", "xml"), "parquet", code=2)
        self.fails(self.flows(self.merged, "--json"), "-o FILE", code=2)
        for wrong in (("--lanes", "0"), ("--lanes", "x"), ("--nonsense",), ("extra",)):
            self.assertEqual(self.flows(self.merged, *wrong).returncode, 2, wrong)
        self.assertEqual(weir("flows").returncode, 2)
        self.assertEqual(weir("flows", "--help").returncode, 0)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
