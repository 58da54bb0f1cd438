"""Every role and redis-server are killed with -9 at random moments under load, links lose and change bytes, workers sleep and wake up
late: in the end each record that was accepted into a batch has exactly one verdict, the one that `weir run` gives it, and what is missing
is named.

"zmq" is ipc, "redis" a Unix socket on one machine; in "zmq_machines" and "redis_machines" everybody is on a machine of its own
(machines.py), with TCP between them, keys or a password.

Usage: test_faults.py WEIR MODEL CAPTURE [TEST...]. By default a round of kills by transport and a choice of the rest; WEIR_ROUNDS=100 for
all of it (100 rounds on one machine, 100 on several), WEIR_SEED=N for one round again. Tests wait most of their time, so some run side by side (WEIR_JOBS, 5), each in a process of its own.
"""
import ctypes
import fcntl
import io
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

WEIR, MODEL = map(os.path.abspath, sys.argv[1:3])
CAPTURE = ",".join(map(os.path.abspath, sys.argv[3].split(",")))
ROUNDS = int(os.environ.get("WEIR_ROUNDS", 2))
JOBS = int(os.environ.get("WEIR_JOBS", 5))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "capture"))
import cluster  # noqa: E402
import machines  # noqa: E402
from cluster import Cluster, Redis, Rows, until  # noqa: E402

ROWS, SECONDS = 2000, 1.0
CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 0x40000
libc = ctypes.CDLL(None, use_errno=True)


class Feed:
    """Writes rows to the standard input of one sensor after the other, so many a second, and remembers which went to whom."""

    def __init__(self, world, rows, seconds):
        self.world, self.rows, self.rate, self.next, self.starts = world, rows, len(rows.lines) / seconds, 0, []
        self.pipe, self.left, self.began = None, b"", None
        self.batched = {}  # rows that a start had put into batches when it was killed

    def open(self, *arguments, **options):
        """Starts a sensor that takes the rows from here on."""
        reading, self.pipe = os.pipe()
        self.job = self.world.sensor("--flows", "-", "--flows-format", "csv", "--ingest-threads", "1", *arguments, stdin=reading, **options)
        os.close(reading)
        os.write(self.pipe, self.rows.title.encode())
        fcntl.fcntl(self.pipe, fcntl.F_SETFL, os.O_NONBLOCK)
        self.left = b""
        self.starts.append(self.next)
        self.began = self.began or time.monotonic()

    def step(self):
        due = min(len(self.rows.lines), int((time.monotonic() - self.began) * self.rate) + 1)
        if due > self.next:
            self.left += "".join(self.rows.lines[self.next:due]).encode()
            self.next = due
        try:
            self.left = self.left[os.write(self.pipe, self.left):] if self.left else b""
        except BlockingIOError:
            pass

    def done(self):
        return self.next == len(self.rows.lines) and not self.left

    def close(self):
        if self.pipe is not None:
            os.close(self.pipe)
        self.pipe = None

    def kill(self):
        """The sensor is killed; rows that it was never given go to the next one, those that it was given are its own. One that had
        not even counted its start was none."""
        self.job.kill()
        self.job.wait()
        self.close()
        self.next -= self.left.count(b"\n")
        try:
            with open(self.world.path("state/identity")) as file:
                boot = int(file.read().split("\nboot ")[1].split()[0])
        except FileNotFoundError:
            boot = 0
        if boot < len(self.starts):
            self.next = self.starts.pop()
            return
        try:
            with open(self.world.path(f"state/tally.{boot}"), "rb") as file:
                page = file.read()
        except FileNotFoundError:  # it had not come so far
            return
        self.batched[boot] = sum(struct.unpack_from("<Q", page, 192 + 64 * lane)[0] for lane in range(64)) if len(page) == 192 + 64 * 64 else 0


class Faults(unittest.TestCase):
    place = rows = None  # made once, in main

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="weir-faults-")
        self.addCleanup(shutil.rmtree, self.folder)

    def world(self, kind, aof=False):
        if kind.startswith("redis") and not cluster.has_redis():
            self.skipTest("there is no redis-server")
        if kind in ("zmq", "redis"):
            transport = Redis(self.folder, aof) if kind == "redis" else cluster.Zmq(self.folder)
        else:
            try:
                transport = machines.RedisMachines(self.folder, WEIR, aof) if kind == "redis_machines" else machines.ZmqMachines(self.folder, WEIR)
            except OSError as error:
                self.skipTest(f"no namespaces: {error}")
        self.addCleanup(transport.stop)
        world = Cluster(self.folder, WEIR, MODEL, transport)
        self.addCleanup(world.close)
        return world

    def ends(self, world, jobs):
        for job in jobs:
            self.assertEqual(world.end(job), 0, f"{job.name}\n{world.logs()}")

    def check(self, world, starts=(0,), accepted=(), missing_allowed=None):
        """The store against the rows: `starts`: the first row of each start of the sensor, all but the last killed; `accepted`: batches
        that were seen in outboxes."""
        found = Rows.by_number(WEIR, world.store)
        for number, line in found.items():
            self.assertEqual(line, self.rows.expected[number])
        there = {(int(r["boot"]), int(r["lane"]), int(r["seq"]))
                 for r in world.query("SELECT DISTINCT boot, lane, seq FROM verdicts")}
        self.assertLessEqual(set(accepted), there)
        gaps = world.query("SELECT boot, lane FROM verdicts GROUP BY ALL HAVING count(DISTINCT seq) <> max(seq) + 1")
        self.assertEqual(gaps, [], "batches of a start are missing in its midst")
        if missing_allowed:
            return found
        ends = [*starts[1:], len(self.rows.lines)]
        for boot, (first, end) in enumerate(zip(starts, ends), 1):
            have = [n for n in range(first, end) if n in found]
            whole = range(first, first + len(have) if boot < len(starts) else end)
            self.assertEqual(have, list(whole), f"boot {boot} had rows {first} to {end}: what is there is no beginning of it\n{world.logs()}")
        killed = {int(r["boot"]) for r in world.query("SELECT boot FROM outages WHERE what = 'sensor' AND reason = 'killed'")}
        self.assertEqual(killed, set(range(1, len(starts))), world.logs())
        return found

    # --- kill -9

    def round(self, transport, seed):
        chance = random.Random(seed)
        world = self.world(transport, aof=chance.random() < 0.5)
        redis, net = isinstance(world.transport, Redis), getattr(world.transport, "machines", None)
        makers = {"collect": world.collect, "infer": world.infer, "infer-2": world.infer}
        jobs = {name: make(name=name) for name, make in makers.items()}
        feed = Feed(world, self.rows, seconds=SECONDS)
        feed.open("--batch", str(chance.choice((1, 7, 64, 300))))
        accepted, restarts = set(), []
        kinds = ["sensor", "collect", "infer", "infer-2"] + ["redis"] * redis + ["cable"] * (net is not None)
        kills = sorted((chance.uniform(0.1, SECONDS + 0.1), chance.choice(kinds)) for _ in range(chance.randint(1, 5)))
        began = time.monotonic()
        while not feed.done() or kills or restarts:
            now = time.monotonic() - began
            while kills and kills[0][0] <= now:
                who = kills.pop(0)[1]
                if who == "sensor":
                    feed.kill()
                    accepted |= world.outbox()
                    feed.open("--batch", str(chance.choice((1, 7, 64, 300))))
                elif who == "cable":
                    whose = chance.choice(["sensor", "infer", "collect"] + ["redis"] * redis)
                    net.cable(whose, "down")
                    restarts.append((now + chance.uniform(0, 0.5), f"cable {whose}"))
                elif who == "redis" and not any(r[1] == "redis" for r in restarts):
                    world.transport.kill()
                    restarts.append((now + chance.uniform(0, 0.5), who))
                elif who not in ("redis", "cable") and jobs[who].poll() is None:
                    jobs[who].kill()
                    jobs[who].wait()
                    restarts.append((now + chance.uniform(0, 0.5), who))
            for restart in [r for r in restarts if r[0] <= now]:
                restarts.remove(restart)
                if restart[1].startswith("cable"):
                    net.cable(restart[1].split()[1], "up")
                elif restart[1] == "redis":
                    world.transport.start()
                else:
                    jobs[restart[1]] = makers[restart[1]](name=restart[1])
            feed.step()
            time.sleep(0.005)
        feed.close()
        self.assertEqual(world.wait(feed.job), 0, world.logs())
        self.assertEqual(world.outbox(), set())
        self.ends(world, jobs.values())
        self.check(world, feed.starts, accepted)
        lost = {int(r["boot"]): int(r["withheld"]) for r in world.query(
            "SELECT boot, withheld FROM outages WHERE what = 'sensor' AND reason = 'killed' AND withheld IS NOT NULL")}
        there = {int(r["boot"]): int(r["n"]) for r in world.query("SELECT boot, count(*) AS n FROM verdicts GROUP BY boot")}
        for boot, batched in feed.batched.items():
            self.assertEqual(batched, there.get(boot, 0) + lost[boot], f"boot {boot}: a row in no bucket\n{world.logs()}")

    # --- workers that sleep

    def feed_through(self, world, while_feeding, *arguments):
        """Feeds all rows; while_feeding(share of them that is written) is called all the time."""
        feed = Feed(world, self.rows, seconds=SECONDS)
        feed.open("--batch", "16", *arguments)
        while not feed.done():
            feed.step()
            while_feeding(feed.next / len(self.rows.lines))
            time.sleep(0.005)
        feed.close()
        return feed

    def late(self, transport):
        """One of two workers is stopped with batches in hand, wakes up after they were judged by the other one, and hands on its own."""
        world = self.world(transport)
        jobs = [world.collect(), world.infer(name="infer"), world.infer(name="infer-2")]
        world.ready("collect", "infer", "infer-2")
        asleep = []

        def sleep(share):
            if share > 0.3 and not asleep:
                jobs[1].send_signal(signal.SIGSTOP)
                asleep.append(True)

        feed = self.feed_through(world, sleep)
        self.assertEqual(world.wait(feed.job), 0, world.logs())  # without it
        jobs[1].send_signal(signal.SIGCONT)
        self.ends(world, [jobs[1], jobs[2], jobs[0]])
        self.check(world)

    def slow(self, transport):
        """One worker that is stopped nine tenths of the time: everything waits, nothing is lost."""
        world = self.world(transport)
        jobs = [world.collect(), world.infer()]
        world.ready("collect", "infer")
        feed = self.feed_through(world, lambda share: jobs[1].send_signal(signal.SIGCONT if int(share * 200) % 10 == 0 else signal.SIGSTOP))
        jobs[1].send_signal(signal.SIGCONT)
        self.assertEqual(world.wait(feed.job), 0, world.logs())
        self.ends(world, jobs[::-1])
        self.check(world)

    # --- bits, models, names

    def flipped_bits(self, transport):
        """A link that changes a bit in some frames: they are refused and sent again, and nothing wrong is judged. Where all is encrypted
        it is the connection that is refused."""
        chance, flipped = random.Random(5), []
        world = self.world(transport)
        net = getattr(world.transport, "machines", None)
        redis = transport.startswith("redis")

        def mangle(data):
            at = data.find(cluster.MAGIC) if redis else 0 if len(data) > 1000 else -1
            if at >= 0 and at + 400 < len(data) and len(flipped) < 12 and chance.random() < 0.15:
                flipped.append(at)
                where = at + 130 + chance.randrange(260)
                data = data[:where] + bytes([data[where] ^ 1 << chance.randrange(8)]) + data[where + 1:]
            return data

        if net:
            port = 6379 if redis else 5555
            proxy = cluster.Proxy(net.listen("between", port), lambda: net.dial("between", "redis" if redis else "sensor", port), mangle)
            through = world.transport.queue.replace(net.address["redis" if redis else "sensor"], net.address["between"])
        else:
            path = os.path.join(self.folder, "through.sock")
            listening = socket.socket(socket.AF_UNIX)
            listening.bind(path)

            def dial():
                far = socket.socket(socket.AF_UNIX)
                far.connect(world.transport.socket)
                return far

            proxy, through = cluster.Proxy(listening, dial, mangle), f"redis+unix://{path}"
        self.addCleanup(proxy.close)
        jobs = [world.collect(), world.infer("--queue", through)]
        world.ready("collect", "infer")
        feed = self.feed_through(world, lambda share: None, *(["--queue", through] if redis else []))
        self.assertEqual(world.wait(feed.job), 0, world.logs())
        self.assertGreater(len(flipped), 2 if redis else 0)
        if not redis:
            self.assertGreater(world.status("infer")["account"]["queue"]["reconnects"], 0)
        self.ends(world, jobs[::-1])
        self.check(world)
        if redis:
            self.assertGreater(int(world.transport.say("XLEN", "weir:dead")), 0)

    def wrong_model(self, transport):
        """Batches that nobody can score: reported, held, and judged when somebody comes who can."""
        world = self.world(transport)
        collector = world.collect()
        wrong = world.infer(name="wrong")
        job = world.sensor("-r", CAPTURE, "--columns", "dur,sbytes,dbytes", "--drain-timeout", "1s")
        self.assertEqual(world.wait(job), 1, world.logs())
        with open(world.path("sensor.log")) as file:
            self.assertIn("are not committed", file.read())
        redis = transport.startswith("redis")
        if redis:
            self.assertIn("is not one that the model can score", world.status("wrong")["problem"])
        else:  # one sensor, one list: an error at the start
            self.assertEqual(world.wait(wrong), 1, world.logs())
            with open(world.path("wrong.log")) as file:
                self.assertIn("column", file.read())
        self.assertNotEqual(world.outbox(), set())
        if redis:
            self.assertEqual(world.end(wrong), 0, world.logs())
        self.ends(world, [collector])
        self.assertEqual(world.query("SELECT count(*) AS n FROM verdicts"), [{"n": "0"}])

    def alike(self, transport):
        """Two sensors with the same name and configuration, the second with a copy of the first one's state folder: two sensors."""
        world = self.world(transport)
        ways = [world.transport.urls("sensor", at) for at in ("sensor", "sensor-2")]
        both = world.transport.urls("infer")
        both[1] = ",".join(dict.fromkeys(way[1] for way in ways))
        rows = world.path("rows.csv")
        shutil.copy(os.path.join(self.place, "rows.csv"), rows)
        job = world.sensor("--flows", rows, "--drain-timeout", "10ms")  # leaves what the copy must not send
        self.assertEqual(world.wait(job), 1, world.logs())
        subprocess.run(["cp", "-a", world.path("state"), world.path("copy")], check=True)
        jobs = [world.collect(), world.infer(urls=both)]
        sensors = [world.sensor("--flows", rows, "--control", "none", state=state, urls=way, at=at)
                   for state, way, at in zip(("state", "copy"), ways, ("sensor", "sensor-2"))]
        for job in sensors:
            self.assertEqual(world.wait(job), 0, world.logs())
        self.ends(world, jobs[::-1])
        runs = world.query("SELECT run, count(*) AS n, count(DISTINCT stime) AS d FROM verdicts GROUP BY run")
        self.assertEqual([(r["n"], r["d"]) for r in runs], [(str(ROWS),) * 2] * 3)  # the first one's two starts, and the copy
        ids = world.query("SELECT count(DISTINCT sensor_id) AS n, count(DISTINCT sensor) AS names FROM runs WHERE sensor_id IS NOT NULL")
        self.assertEqual(ids, [{"n": "2", "names": "1"}])
        self.assertTrue([name for name in os.listdir(world.path("copy")) if name.startswith("outbox.")])

    # --- disks and links

    def full_disk(self, transport):
        """The collector's disk is full for a while: nothing is acknowledged that is not committed, and then everything is there."""
        if os.geteuid() or libc.unshare(CLONE_NEWNS) or libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None):
            self.skipTest("takes root, and a mount namespace")
        disk = os.path.join(self.folder, "disk")
        os.mkdir(disk)
        if libc.mount(b"tmpfs", disk.encode(), b"tmpfs", 0, b"size=24m"):
            self.skipTest("no tmpfs can be mounted here: " + os.strerror(ctypes.get_errno()))
        self.addCleanup(libc.umount2, disk.encode(), 2)
        world = self.world(transport)
        world.store = os.path.join(disk, "store.duckdb")
        jobs = [world.collect(), world.infer()]
        world.ready("collect", "infer")
        filler = os.path.join(disk, "filler")

        def fill(share):
            fs = os.statvfs(disk)
            if 0.2 < share < 0.7 and fs.f_bavail * fs.f_frsize:
                with open(filler, "ab") as file:
                    try:
                        os.posix_fallocate(file.fileno(), 0, file.tell() + fs.f_bavail * fs.f_frsize)
                    except OSError:
                        pass

        feed = self.feed_through(world, fill)
        until(lambda: (world.status("collect") or {}).get("problem"), what="the collector says that the disk is full")
        time.sleep(0.5)
        held = world.status("sensor")["account"]["outbox"]["held"]["rows"]
        self.assertGreater(held, 0)
        self.assertIsNone(feed.job.poll())
        os.unlink(filler)
        self.assertEqual(world.wait(feed.job), 0, world.logs())
        self.ends(world, jobs[::-1])
        self.check(world)

    def cut_link(self, transport):
        """The cables of the sensor, of the worker and of the collector (or of Redis) are pulled one after the other, and put back."""
        world = self.world(transport)
        net = world.transport.machines
        jobs = [world.collect(), world.infer()]
        world.ready("collect", "infer")
        order = ["sensor", "infer", "redis" if transport.startswith("redis") else "collect"]
        pulled = []

        def cut(share):
            wanted = order[int((share - 0.1) / 0.3)] if 0.1 <= share < 1 and (share - 0.1) % 0.3 < 0.2 else None
            if (pulled[-1] if pulled else None) != wanted:
                if pulled and pulled[-1]:
                    net.cable(pulled[-1], "up")
                if wanted:
                    net.cable(wanted, "down")
                pulled.append(wanted)

        feed = self.feed_through(world, cut)
        cut(1)
        self.assertEqual([who for who in pulled if who], order)
        self.assertEqual(world.wait(feed.job), 0, world.logs())
        self.ends(world, jobs[::-1])
        self.check(world)


ONE, SEVERAL = ("zmq", "redis"), ("zmq_machines", "redis_machines")
FAULTS = {  # where a fault is tried by default, and where else in the long suite
    "late": (("redis", "redis_machines"), ("zmq", "zmq_machines")),
    "slow": (("redis_machines",), (*ONE, "zmq_machines")),
    "flipped_bits": (("redis", "zmq_machines"), ("redis_machines",)),
    "wrong_model": (("redis", "zmq_machines"), ("zmq", "redis_machines")),
    "alike": (("redis", "zmq_machines"), ("zmq", "redis_machines")),
    "full_disk": (("zmq", "redis_machines"), ("redis", "zmq_machines")),
    "cut_link": (SEVERAL, ()),
}


def add_tests():
    """Each fault over each transport is a test, and so is each round of kills. The names of those that are run when none is named."""
    only, every = os.environ.get("WEIR_SEED"), "WEIR_ROUNDS" in os.environ
    names = []

    def add(name, method, *arguments):
        setattr(Faults, name, lambda self: getattr(self, method)(*arguments))
        return name

    for transport in *ONE, *SEVERAL:
        for seed in [int(only)] if only else range(1, ROUNDS // 2 + 1):
            names.append(add(f"test_kills_over_{transport}_{seed}", "round", transport, seed))
    for fault, (default, more) in FAULTS.items():
        for transport in default + more:
            name = add(f"test_{fault}_over_{transport}", fault, transport)
            names += [name] * (every or transport in default)
    return names


def run_one(name, path):
    """In a process of its own: the result as an exit code, what is to be said in a file."""
    text = io.StringIO()
    result = unittest.TextTestRunner(stream=text, verbosity=0).run(Faults(name))
    with open(path, "w") as file:
        file.write(text.getvalue() if not result.wasSuccessful() else "".join(why for _, why in result.skipped))
    os._exit(1 if not result.wasSuccessful() else 77 if result.skipped else 0)


def main(wanted):
    """0: all that could run is as it should be."""
    names = add_tests()
    names = wanted or names
    names.sort(key=lambda n: not n.startswith(("test_flipped_bits", "test_full_disk")))  # the long ones first
    running, failed, skipped, total = {}, 0, 0, len(names)
    Faults.place = tempfile.mkdtemp(prefix="weir-faults-")
    try:
        Faults.rows = Rows(Faults.place, WEIR, MODEL, CAPTURE, ROWS)
        while names or running:
            while names and len(running) < JOBS:
                name = names.pop(0)
                path = os.path.join(Faults.place, name + ".txt")
                sys.stdout.flush()
                job = os.fork()
                if not job:
                    run_one(name, path)
                running[job] = name, path, time.monotonic()
            job, status = os.wait()
            name, path, began = running.pop(job)
            code = os.waitstatus_to_exitcode(status)
            word = {0: "ok", 77: "skipped: "}.get(code, f"FAILED ({code})\n")
            why = ""
            if code and os.path.exists(path):
                with open(path) as file:
                    why = file.read()
            print(f"{time.monotonic() - began:6.2f} s  {name}  {word}{why}", flush=True)
            failed += code not in (0, 77)
            skipped += code == 77
    finally:
        shutil.rmtree(Faults.place)
    print(f"{total} tests, {failed} failed, {skipped} skipped")
    return 1 if failed else 77 if skipped == total else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[4:]))
