"""weir run on a full disk, and after kill -9: metering goes on, the account adds up, the store tells of the outage.

Usage: test_full_disk.py WEIR FOLDER_OF_TAP_CAPTURE_PY MODEL. The disk is a small tmpfs in a mount namespace of the test's own, which takes root; else
it says so and is skipped (77). A running weir reads a pipe, so the tests hold its packets in hand.
"""
import csv
import ctypes
import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

WEIR, MODEL = map(os.path.abspath, (sys.argv[1], sys.argv[3]))
sys.path.insert(0, sys.argv[2])
import tap_capture  # noqa: E402
from account import adds_up  # noqa: E402

CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 0x40000
libc = ctypes.CDLL(None, use_errno=True)


def own_mounts():
    return os.geteuid() == 0 and libc.unshare(CLONE_NEWNS) == 0 and libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) == 0


class FullDisk(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        tap_capture.write(self.folder.name, conversations=150)
        with open(self.path("merged.pcap"), "rb") as file:
            self.capture = file.read()
        self.disk = self.path("disk")
        os.mkdir(self.disk)
        if libc.mount(b"tmpfs", self.disk.encode(), b"tmpfs", 0, self.options()):
            self.skipTest("no tmpfs can be mounted here: " + os.strerror(ctypes.get_errno()))
        self.addCleanup(self.folder.cleanup)
        self.addCleanup(libc.umount2, self.disk.encode(), 2)
        self.pipe, self.jobs = None, []
        self.later = 0

    def options(self):
        """Where EVE goes on after the store, too, much may be written before the disk is filled."""
        return b"size=200m" if "retention" in self.id() or "both" in self.id() else b"size=40m"

    def tearDown(self):
        self.close()
        for job in self.jobs:
            if job.poll() is None:
                job.kill()
            job.communicate()

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def fill(self, leave=0):
        """Leaves so many bytes of the disk."""
        with open(os.path.join(self.disk, "filler"), "ab") as file:
            fs = os.statvfs(self.disk)
            try:
                os.posix_fallocate(file.fileno(), 0, file.tell() + max(0, fs.f_bavail * fs.f_frsize - leave))
            except OSError:
                pass

    def free(self):
        os.unlink(os.path.join(self.disk, "filler"))

    def run_weir(self, *arguments):
        return subprocess.run([WEIR, "run", "-r", "merged.pcap", "--model", MODEL, "--json", "--control", "none", "--sensor", "s", "--reasons", "path", *arguments],
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=60, cwd=self.folder.name)

    def start(self, *arguments):
        reading, self.pipe = os.pipe()
        self.job = subprocess.Popen([WEIR, "run", "-r", "-", "--model", MODEL, "--json", "--control", "c.sock", "--sensor", "s", "--reasons", "path", *arguments],
                                    cwd=self.folder.name, stdin=reading, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.jobs.append(self.job)
        os.close(reading)
        self.feed(self.capture[:24])

    def feed(self, data):
        while data:
            data = data[os.write(self.pipe, data):]

    def more(self):
        """The capture's packets, later each time."""
        at, out = 24, bytearray(self.capture[24:])
        while at < len(self.capture):
            out[at - 24:at - 20] = (int.from_bytes(self.capture[at:at + 4], "little") + self.later).to_bytes(4, "little")
            at += 16 + int.from_bytes(self.capture[at + 8:at + 12], "little")
        self.later += 1000
        self.feed(bytes(out))

    def close(self):
        if self.pipe is not None:
            os.close(self.pipe)
            self.pipe = None

    def end(self):
        self.close()
        out, err = self.job.communicate(timeout=60)
        account = json.loads(out)
        adds_up(account)
        return account, err.decode()

    def status(self):
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(60)
            try:
                peer.connect(self.path("c.sock"))
                peer.sendall(b'{"do":"status"}\n')
                answer = json.loads(peer.makefile().readline())
            except OSError: # not there yet
                return None
        return answer if "account" in answer and answer["state"] == "running" else None

    def until(self, what, more=False):
        """The first status that `what` holds for; `more`: packets go on coming."""
        end, status = time.monotonic() + 30, None
        while time.monotonic() < end:
            status = self.status()
            if status and what(status):
                return status
            if more:
                self.more()
            time.sleep(0.02)
        self.fail("not in 30 s: " + json.dumps(status))

    def rows(self, sql, store="disk/s.duckdb"):
        done = subprocess.run([WEIR, "query", "--store", store, "--limit", "0", "--format", "csv", sql], capture_output=True, timeout=60,
                              cwd=self.folder.name)
        self.assertEqual(done.returncode, 0, done.stderr)
        return list(csv.DictReader(io.StringIO(done.stdout.decode())))

    def kept(self, account, store="disk/s.duckdb", run=None):
        """The store has what the account says, and says what it has not."""
        (row,) = self.rows("SELECT count(*) n FROM verdicts" + (f" WHERE run = '{run}'" if run else ""), store)
        self.assertEqual(int(row["n"]), account["store"]["committed"])
        withheld = account["store"]["withheld"].get("disk full", 0)
        self.assertEqual(int(row["n"]) + withheld + sum(account["store"]["rejected"].values()), account["rows"]["scored"])

    def lines(self, path, account):
        """EVE: whole lines, as many as the account says."""
        with open(self.path(path)) as file:
            lines = file.read().split("\n")
        self.assertEqual(lines.pop(), "")
        self.assertTrue(all(line.startswith('{"timestamp":"') and line.endswith("}}") and line.count('"timestamp"') == 1 for line in lines))
        for line in lines[::101] + lines[-1:]:
            json.loads(line)
        self.assertEqual(len(lines), account["eve"]["lines"])
        self.assertEqual(account["eve"]["lines"] + account["eve"]["lost"], account["rows"]["scored"] + account["alerts"])

    def test_a_full_store_withholds_and_goes_on(self):
        self.start("--store", "disk/s.duckdb", "--eve", "eve.json", "--on-full", "withhold")
        self.more()
        first = self.until(lambda s: s["account"]["store"]["committed"] > 100)
        self.assertIsNone(first["problem"])
        for _ in range(2):
            self.fill()
            full = self.until(lambda s: s["account"]["store"]["withheld"] and s["problem"], more=True)
            self.assertRegex(full["problem"], "disk is full: [0-9]+ verdicts withheld")
            asked = subprocess.run([WEIR, "status", "--control", "c.sock"], capture_output=True, cwd=self.folder.name).stdout.decode()
            self.assertRegex(asked, r"withheld [1-9][0-9]* \(disk full [1-9]")
            # metering and judging go on
            scored = full["account"]["rows"]["scored"]
            self.until(lambda s: s["account"]["rows"]["scored"] > scored + 1000, more=True)
            self.free()
            after = self.until(lambda s: not s["problem"])
            committed = after["account"]["store"]["committed"]
            self.until(lambda s: s["account"]["store"]["committed"] > committed + 1000, more=True)
        account, err = self.end()
        self.assertEqual(self.job.returncode, 0, err)
        self.assertIn("verdicts are withheld", err)
        self.assertIn("there is room again", err)
        self.kept(account)
        outages = self.rows("SELECT *, ended > began AS later, run = (SELECT max(run) FROM runs) AS mine FROM outages ORDER BY began")
        self.assertEqual([(o["what"], o["reason"], o["sensor"], o["boot"], o["later"], o["mine"]) for o in outages],
                         2 * [("store", "disk full", "s", "0", "true", "true")])
        self.assertEqual(sum(int(o["withheld"]) for o in outages), account["store"]["withheld"]["disk full"])
        self.assertEqual(account["eve"]["lost"], 0) # it has a disk of its own
        self.lines("eve.json", account)

    def test_a_start_without_room(self):
        for store in ("disk/s.duckdb", "disk/days/"):
            with self.subTest(store):
                self.fill()
                self.start("--store", store, "--eve", "/dev/null", "--on-full", "withhold")
                self.until(lambda s: s["account"]["store"]["withheld"], more=True)
                self.assertEqual(self.status()["account"]["store"]["committed"], 0)
                self.free()
                self.until(lambda s: s["account"]["store"]["committed"] > 100, more=True)
                account, err = self.end()
                self.assertEqual(self.job.returncode, 0, err)
                self.kept(account, store)
                (row,) = self.rows("SELECT what, withheld FROM outages", store)
                self.assertEqual((row["what"], int(row["withheld"])), ("store", account["store"]["withheld"]["disk full"]))

    def test_full_to_the_end(self):
        self.start("--store", "disk/s.duckdb", "--eve", "/dev/null", "--on-full", "withhold")
        self.more()
        self.until(lambda s: s["account"]["store"]["committed"] > 100)
        self.fill()
        self.until(lambda s: s["account"]["store"]["withheld"], more=True)
        self.fill()
        account, err = self.end()
        self.kept(account)
        if self.job.returncode: # else a few bytes were left for the outage and the account
            self.assertRegex(err, "error: disk/s.duckdb: .*(full to the end .* verdicts were withheld|No space left.*); make room")
        else:
            (row,) = self.rows("SELECT withheld FROM outages")
            self.assertEqual(int(row["withheld"]), account["store"]["withheld"]["disk full"])

    def test_stop_is_the_rule_for_files(self):
        self.fill(leave=1 << 20)
        done = self.run_weir("--store", "disk/s.duckdb", "--eve", "/dev/null")
        self.assertEqual(done.returncode, 0, done.stderr) # there is room for this one
        self.kept(json.loads(done.stdout))
        self.fill()
        done = self.run_weir("--store", "disk/s.duckdb", "--eve", "/dev/null")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr.decode(), "disk/s.duckdb: .*No space left.* bytes are free there")
        self.free()
        done = self.run_weir("--on-full", "wait")
        self.assertEqual((done.returncode, b"stop or withhold" in done.stderr), (2, True), done.stderr)
        # and midway
        self.start("--store", "disk/t.duckdb", "--eve", "disk/t.json")
        self.more()
        self.until(lambda s: s["account"]["store"]["committed"] > 100)
        self.fill()
        while self.job.poll() is None:
            try:
                self.more()
            except BrokenPipeError:
                break
            time.sleep(0.02)
        account, err = self.end()
        self.assertEqual(self.job.returncode, 1)
        self.assertEqual(len([line for line in err.splitlines() if "weir: error" in line]), 1, err)
        self.assertRegex(err, "error: disk/t.*No space left.*make room.*bytes are free there.*--on-full withhold")
        self.assertGreater(account["store"]["rejected"]["disk full"], 0)
        self.assertEqual(account["store"]["withheld"], {})
        self.kept(account, "disk/t.duckdb")
        self.lines("disk/t.json", account)

    def test_eve_loses_whole_lines(self):
        self.start("--store", "s.duckdb", "--eve", "disk/eve.json", "--on-full", "withhold")
        self.more()
        self.until(lambda s: s["account"]["eve"]["lines"] > 100)
        self.fill(leave=100_000) # some of the next lines fit
        full = self.until(lambda s: s["account"]["eve"]["lost"] and s["problem"], more=True)
        self.assertRegex(full["problem"], "EVE's disk is full: [0-9]+ lines lost")
        committed = full["account"]["store"]["committed"]
        self.until(lambda s: s["account"]["store"]["committed"] > committed + 1000, more=True)
        with open(self.path("disk/eve.json"), "rb") as file:
            self.assertTrue(file.read().endswith(b"}\n"))
        self.free()
        written = self.until(lambda s: not s["problem"])["account"]["eve"]["lines"]
        self.until(lambda s: s["account"]["eve"]["lines"] > written + 1000, more=True)
        account, err = self.end()
        self.assertEqual(self.job.returncode, 0, err)
        self.assertRegex(err, r"lines were lost")
        self.kept(account, "s.duckdb")
        self.assertEqual(account["store"]["withheld"], {})
        self.lines("disk/eve.json", account)
        (row,) = self.rows("SELECT what, reason, withheld FROM outages", "s.duckdb")
        self.assertEqual((row["what"], row["reason"], int(row["withheld"])), ("eve", "disk full", account["eve"]["lost"]))

    def test_both_on_one_disk(self):
        self.start("--store", "disk/s.duckdb", "--eve", "disk/eve.json", "--on-full", "withhold")
        self.more()
        self.until(lambda s: s["account"]["store"]["committed"] > 100)
        # again and again: what the store gives back when it tidies up would make room for more than the disk has
        self.until(lambda s: self.fill() or s["account"]["eve"]["lost"] and s["account"]["store"]["withheld"], more=True)
        self.free()
        self.until(lambda s: not s["problem"])
        account, err = self.end()
        self.assertEqual(self.job.returncode, 0, err)
        self.kept(account)
        self.lines("disk/eve.json", account)
        outages = {row["what"]: int(row["withheld"]) for row in self.rows("SELECT what, sum(withheld) AS withheld FROM outages GROUP BY what")}
        self.assertEqual(outages, {"store": account["store"]["withheld"]["disk full"], "eve": account["eve"]["lost"]})

    def test_retention_by_size_gives_old_files_up_first(self):
        os.mkdir(self.path("disk/days"))
        self.assertEqual(self.run_weir("--store", "disk/days/", "--eve", "/dev/null").returncode, 0)
        (today,) = [name for name in os.listdir(self.path("disk/days")) if name.endswith(".duckdb")]
        for day in ("2020-01-01", "2020-01-02"):
            os.rename(self.path("disk/days/" + today), self.path(f"disk/days/weir-{day}.duckdb"))
            with open(self.path(f"disk/days/weir-{day}.duckdb"), "ab") as file: # as large as a day's
                os.posix_fallocate(file.fileno(), 0, 60 << 20)
            self.assertEqual(self.run_weir("--store", "disk/days/", "--eve", "/dev/null").returncode, 0)
        self.start("--store", "disk/days/", "--retention", "1GB", "--eve", "/dev/null", "--on-full", "withhold")
        self.more()
        self.until(lambda s: s["account"]["store"]["committed"] > 100)
        self.assertIn("weir-2020-01-01.duckdb", os.listdir(self.path("disk/days")))
        self.fill(leave=20 << 20) # still some
        self.until(lambda s: "weir-2020-01-01.duckdb" not in os.listdir(self.path("disk/days")))
        self.more()
        account, err = self.end()
        self.assertEqual(self.job.returncode, 0, err)
        self.assertEqual(account["store"]["withheld"], {})
        self.assertRegex(err, "weir-2020-01-01.duckdb: removed .*the disk is full")
        self.assertIn(today, os.listdir(self.path("disk/days")))
        self.assertNotIn("weir-2020-01-01.duckdb", os.listdir(self.path("disk/days")))
        run = self.rows("SELECT run FROM runs ORDER BY started DESC LIMIT 1", "disk/days/")[0]["run"]
        self.kept(account, "disk/days/", run)

    def killed(self, store):
        self.start("--store", store, "--eve", "eve.json")
        self.more()
        before = self.until(lambda s: s["account"]["store"]["committed"] > 100)
        self.job.send_signal(signal.SIGKILL)
        self.job.wait(60)
        self.close()
        killed_at = time.time()
        done = self.run_weir("--store", store, "--eve", "eve.json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"did not close it", done.stderr)
        account = json.loads(done.stdout)
        adds_up(account)
        (row,) = self.rows("SELECT *, epoch(began) AS b, epoch(ended) AS e FROM outages", store)
        self.assertEqual((row["what"], row["reason"], row["withheld"], row["sensor"], row["boot"], row["run"]),
                         ("sensor", "killed", "", "s", "0", before["run"]))
        self.assertLess(abs(float(row["b"]) - killed_at), 20)
        self.assertTrue(float(row["b"]) <= float(row["e"]) <= time.time())
        (there,) = self.rows(f"SELECT count(*) n, string_agg(DISTINCT lane || ' ' || top) tops FROM (SELECT lane, max(seq) OVER (PARTITION BY lane) AS top "
                             f"FROM verdicts WHERE run = '{before['run']}')", store)
        self.assertGreaterEqual(int(there["n"]), before["account"]["store"]["committed"])
        self.assertTrue(row["detail"].startswith(there["n"] + " verdicts committed; last batches: lane 0 seq "), row["detail"])
        for top in there["tops"].split(","):
            self.assertIn("lane {} seq {}".format(*top.split()), row["detail"])
        (mine,) = self.rows(f"SELECT count(*) n FROM verdicts WHERE run != '{before['run']}'", store)
        self.assertEqual(int(mine["n"]), account["store"]["committed"])
        (runs,) = self.rows("SELECT string_agg(boot || (ended IS NULL), ',' ORDER BY boot) AS ends FROM runs", store)
        self.assertEqual(runs["ends"], "0true,1false")
        # it is told once
        self.assertEqual(self.run_weir("--store", store, "--eve", "eve.json").returncode, 0)
        self.assertEqual(len(self.rows("FROM outages", store)), 1)

    def test_a_killed_run_is_a_row(self):
        self.killed("s.duckdb")

    def test_a_killed_run_is_a_row_in_a_folder(self):
        self.killed("days/")

    def test_killed_yesterday(self):
        """The row goes into the new file: closed ones never change."""
        self.start("--store", "days/", "--eve", "/dev/null")
        self.more()
        self.until(lambda s: s["account"]["store"]["committed"] > 100)
        self.job.kill()
        self.job.wait(60)
        for name in os.listdir(self.path("days")):
            if ".duckdb" in name:
                os.rename(self.path("days/" + name), self.path("days/" + name.replace(name[5:15], "2026-01-01")))
        self.assertEqual(self.run_weir("--store", "days/", "--eve", "/dev/null").returncode, 0)
        (row,) = self.rows("SELECT what, reason, boot FROM outages", "days/")
        self.assertEqual(row, {"what": "sensor", "reason": "killed", "boot": "0"})
        self.assertEqual(self.rows("FROM outages", "days/weir-2026-01-01.duckdb"), [])


if __name__ == "__main__":
    if not own_mounts():
        print("needs root and a mount namespace of its own")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1])
