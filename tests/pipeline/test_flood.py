"""A SYN flood over conversations that go on: they are judged as without it, and alike whatever the threads; and when verdicts
are not kept quickly enough, it is the flood that is put together.

Usage: test_flood.py WEIR MODEL. The bench itself compares both runs' judgements, and weir checks its account.
"""
import csv
import io
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from account import adds_up  # noqa: E402

WEIR, MODEL = map(os.path.abspath, sys.argv[1:3])


def flood(*options):
    return subprocess.run([WEIR, "bench", "flood", "--model", MODEL, "--json", *options], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=100)


class Flood(unittest.TestCase):
    def rows(self, *options):
        done = flood(*options)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return {row["case"]: row for row in json.loads(done.stdout)["rows"]}

    def test_conversations_are_judged_as_without_a_flood_that_fills_the_table(self):
        rows = self.rows("--size", "200000", "--flows", "16384")
        self.assertGreater(rows["judgements"]["weir"], 130)  # of 101 conversations, some of them short
        note = rows["records"]["note"]
        self.assertEqual(rows["records"]["weir"] - rows["records"]["theirs"], 200000)
        self.assertGreater(int(re.search(r"(\d+) evicted", note)[1]), 180000)
        self.assertIn('"shed":{}', note)

    def test_every_judgement_of_the_flood_is_the_same_whatever_the_threads(self):
        digests = set()
        for lanes, workers in (1, 1), (2, 3), (4, 1), (4, 3):
            rows = self.rows("--size", "20000", "--lanes", str(lanes), "--workers", str(workers))
            digests.add(re.search(r"digest ([0-9a-f]{16})", rows["records"]["note"])[1])
            self.assertIn(" 0 evicted", rows["records"]["note"])
        self.assertEqual(len(digests), 1, digests)

    def test_a_table_without_room_for_handshakes_is_told(self):
        done = flood("--size", "100000", "--flows", "1024")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"the flood changed \d+ of the conversations' \d+ judgements; .*--flows")


JUDGEMENT = ("flow_id, record, reason, stime, ltime, proto, src_ip, src_port, dest_ip, dest_port, feature_set, class, score, "
             "threshold, alert, model")
TALKS = 20
VICTIM = bytes((203, 0, 113, 1))


def frame(at_us, src, dst, sport, dport, flags, seq, ack, payload=0):
    tcp = struct.pack(">HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 29200, 0, 0) + bytes(payload)
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0, src, dst)
    data = bytes(12) + b"\x08\x00" + ip + tcp
    return struct.pack("<IIII", 1700000000 + at_us // 1000000, at_us % 1000000, len(data), len(data)) + data


class Stream:
    """Conversations from 198.51.100.x and SYNs from 10.x.x.x, all to one victim."""

    def __init__(self):
        self.at_us, self.syns, self.turn = 0, 0, 0
        self.packets = 0

    def put(self, *what):
        self.at_us += 100
        self.packets += 1
        return frame(self.at_us, *what)

    def talk(self, n, answer, flags, seq, ack, payload=0):
        ends = (bytes((198, 51, 100, n)), VICTIM, 2000 + n, 443)
        src, dst, sport, dport = (ends[1], ends[0], ends[3], ends[2]) if answer else ends
        return self.put(src, dst, sport, dport, flags, seq, ack, payload)

    def begin(self):
        out = [struct.pack("<IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)]
        for n in range(TALKS):
            out += [self.talk(n, 0, 2, 9, 0), self.talk(n, 1, 0x12, 99, 10), self.talk(n, 0, 0x10, 10, 100)]
        return b"".join(out)

    def flood(self, syns):
        out = []
        for _ in range(syns):
            self.syns += 1
            out.append(self.put(bytes((10,)) + self.syns.to_bytes(3, "big"), VICTIM, 1024 + self.syns % 50000, 443, 2, 1, 0))
            if self.syns % 50 == 0:
                n, k = self.turn % TALKS, self.turn // TALKS
                out.append(self.talk(n, k % 2, 0x18, (100 if k % 2 else 10) + k // 2 * 40, (10 if k % 2 else 100) + k // 2 * 40, 40))
                self.turn += 1
        return b"".join(out)


class Overload(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.job = None

    def tearDown(self):
        if self.job and self.job.poll() is None:
            self.job.kill()
            self.job.communicate()
        self.folder.cleanup()

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def start(self, store, eve, *options):
        self.job = subprocess.Popen([WEIR, "run", "-r", "-", "--model", MODEL, "--store", self.path(store), "--eve", eve, "--flows",
                                     "2048", "--control", self.path("control"), "--json", "--quiet", *options],
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def status(self):
        done = subprocess.run([WEIR, "status", "--control", self.path("control"), "--json"], capture_output=True, timeout=60)
        return json.loads(done.stdout)["account"] if done.returncode == 0 else None

    def wait(self, what):
        while True:
            self.assertIsNone(self.job.poll(), "weir ended early")
            account = self.status()
            if account and what(account):
                return

    def end(self):
        answer, complaints = self.job.communicate(timeout=100)
        self.assertEqual((self.job.returncode, complaints), (0, b""))
        account = json.loads(answer)
        adds_up(account)
        return account

    def rows(self, sql, store):
        done = subprocess.run([WEIR, "query", "--store", self.path(store), "--format", "csv", "--limit", "0", sql],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return list(csv.DictReader(io.StringIO(done.stdout)))

    def test_flows_of_one_packet_are_put_together_before_anything_waits(self):
        # whoever reads EVE does so only when there has been too much: until then the writer stands still
        os.mkfifo(self.path("eve"))
        self.start("shed.duckdb", self.path("eve"), "--overload", "shed")
        eve = open(self.path("eve"), "rb")
        stream = Stream()
        self.job.stdin.write(stream.begin() + stream.flood(6000))
        self.job.stdin.flush()
        self.wait(lambda account: account["store"]["committed"] > 0)  # now EVE is to be written, and there is no room for it
        feeder = threading.Thread(target=lambda: self.job.stdin.write(stream.flood(120000)))
        feeder.start()
        self.wait(lambda account: account["rows"]["shed"] or account["packets"]["seen"] > 120000)
        reader = threading.Thread(target=eve.read)
        reader.start()
        feeder.join()
        account = self.end()
        reader.join()
        eve.close()
        self.assertEqual(account["packets"]["seen"], stream.packets)
        self.assertEqual(account["flows"]["opened"], TALKS + stream.syns)
        self.assertEqual(list(account["rows"]["shed"]), ["aggregated"])
        (row,) = self.rows("SELECT count(*) n, sum(record) flows, min(dest_ip) a, max(dest_ip) b, min(dest_port) p, "
                           "count(DISTINCT flow_id) ids FROM verdicts WHERE reason = 'aggregated'", "shed.duckdb")
        self.assertEqual(int(row["flows"]), account["rows"]["shed"]["aggregated"])
        self.assertEqual(int(row["n"]), account["records"]["aggregated"])
        self.assertEqual((row["a"], row["b"], row["p"], row["ids"]), ("203.0.113.1", "203.0.113.1", "443", row["n"]))

        self.start("block.duckdb", "/dev/null")
        again = Stream()
        self.job.stdin.write(again.begin() + again.flood(6000) + again.flood(120000))
        self.assertEqual(self.end()["rows"]["shed"], {})
        sql = f"SELECT {JUDGEMENT} FROM verdicts WHERE src_ip LIKE '198.51.100.%' ORDER BY flow_id, record"
        talks = self.rows(sql, "shed.duckdb")
        self.assertEqual(talks, self.rows(sql, "block.duckdb"))
        self.assertGreaterEqual(len(talks), TALKS)


unittest.main(argv=sys.argv[:1])
