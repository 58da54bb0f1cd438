"""Sensors, workers and a collector as processes, for tests: start, kill, feed, and what is to hold afterwards.

Everything is in one folder. The transport is "zmq" (ipc), "redis" (a real redis-server on a Unix socket) or an object like these
(machines.py has them with network namespaces as machines). Rows come from flow records written to a sensor's standard input, so that a test
decides when; the store's judgement of each is compared with that of one `weir run` over all.
"""
import csv
import io
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

MAGIC, HEAD, PAGE = b"\x89WEIRF\r\n", struct.Struct("<8sHHIQQQ16sQQIHH"), 4096
JUDGEMENT = ("flow_id, record, reason, stime, ltime, proto, src_ip, src_port, dest_ip, dest_port, feature_set, class, score, "
             "threshold, alert, model")
FAST = ["--resend-after", "300ms"]


def has_redis():
    return shutil.which("redis-server") is not None


class Redis:
    """A redis-server of the test's own, with or without an append-only file."""

    def __init__(self, folder, aof=False):
        self.folder, self.job, self.aof = folder, None, aof
        self.socket = os.path.join(folder, "redis.sock")
        self.queue, self.results = f"redis+unix://{self.socket}", None
        self.own, self.credentials, self.inside = ["--port", "0"], [], []

    def urls(self, role, name=None):
        return ["--queue", self.queue]

    def before(self, role, name):
        return ()

    def start(self):
        self.job = subprocess.Popen(
            [*self.inside, "redis-server", *self.own, "--unixsocket", self.socket, "--save", "", "--appendonly", "yes" if self.aof else "no",
             "--dir", self.folder, "--logfile", os.path.join(self.folder, "redis.log")], stdin=subprocess.DEVNULL)
        until(lambda: self.ask("ping").stdout == "PONG\n")

    def kill(self):
        self.job.kill()
        self.job.wait()

    def stop(self):
        if self.job and self.job.poll() is None:
            self.kill()

    def ask(self, *words, check=False):
        return subprocess.run(["redis-cli", "-s", self.socket, *self.credentials, *map(str, words)], capture_output=True, text=True, check=check)

    def say(self, *words):
        return self.ask(*words, check=True).stdout


class Zmq:
    def __init__(self, folder):
        self.queue, self.results = f"zmq+ipc://{folder}/queue", f"zmq+ipc://{folder}/results"

    def urls(self, role, name=None):
        queue = self.queue + "-2" if (role, name) == ("sensor", "sensor-2") else self.queue
        return [*([] if role == "collect" else ["--queue", queue]), "--results", self.results]

    def before(self, role, name):
        return ()

    def kill(self):
        pass

    def start(self):
        pass

    def stop(self):
        pass


class Proxy:
    """Passes bytes on between who connects to a socket and what dial() connects to; mangle(bytes), both ways, may change them."""

    def __init__(self, listening, dial, mangle):
        self.socket, self.dial, self.mangle = listening, dial, mangle
        self.socket.listen()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.socket.accept()
            except OSError:
                return
            try:
                far = self.dial()
            except OSError:
                near.close()
                continue
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self.pump, args=(a, b), daemon=True).start()

    def pump(self, a, b):
        try:
            while data := a.recv(1 << 18):
                b.sendall(self.mangle(data))
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.socket.close()


def until(condition, seconds=30, what="the condition"):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not hold within {seconds} s")
        time.sleep(0.01)


class Cluster:
    def __init__(self, folder, weir, model, transport):
        self.folder, self.weir, self.model = folder, weir, model
        self.transport = {"zmq": Zmq, "redis": Redis}[transport](folder) if isinstance(transport, str) else transport
        self.jobs, self.store = [], self.path("store.duckdb")
        self.transport.start()

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, role, *arguments, name=None, at=None, stdin=subprocess.DEVNULL, **options):
        """A role as a process, on the machine `at` if it is another than that of its name; what it says goes to a file of its own."""
        name = name or role
        log = open(self.path(f"{name}.log"), "ab")
        job = subprocess.Popen([*self.transport.before(role, at or name), self.weir, role, *map(str, arguments)], stdin=stdin, stdout=log,
                               stderr=log, cwd=self.folder, **options)
        log.close()
        job.name = name
        self.jobs.append(job)
        return job

    def sensor(self, *arguments, name="sensor", at=None, state="state", urls=None, **options):
        return self.start("sensor", *(urls or self.transport.urls("sensor", at or name)), "--state", self.path(state), "--sensor", name,
                          "--account", self.path(f"{name}.json"), "--control", self.path(f"{name}.ctl"), "--quiet", *FAST, *arguments,
                          name=name, at=at, **options)

    def infer(self, *arguments, name="infer", model=None, urls=None, **options):
        claim = [] if self.transport.results else ["--claim-after", "300ms"]
        return self.start("infer", *(urls or self.transport.urls("infer", name)), "--model", model or self.model, "--workers", "1", "--quiet",
                          *claim, "--control", self.path(f"{name}.ctl"), *arguments, name=name, **options)

    def collect(self, *arguments, name="collect", urls=None, **options):
        return self.start("collect", *(urls or self.transport.urls("collect", name)), "--store", self.store, "--account",
                          self.path("collect.json"), "--quiet", "--control", self.path(f"{name}.ctl"), *arguments, name=name, **options)

    def status(self, name):
        done = subprocess.run([self.weir, "status", "--json", "--control", self.path(f"{name}.ctl")], capture_output=True, text=True)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def ready(self, *names):
        for name in names:
            until(lambda: (self.status(name) or {}).get("state") == "running", what=f"{name} is running")

    def end(self, job, seconds=30):
        """SIGTERM; the exit code."""
        if job.poll() is None:
            job.send_signal(signal.SIGTERM)
        return self.wait(job, seconds)

    def wait(self, job, seconds=60):
        try:
            return job.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{job.name} does not end within {seconds} s\n{self.logs()}") from None

    def close(self):
        for job in self.jobs:
            if job.poll() is None:
                job.kill()
            job.wait()
        self.transport.stop()

    def logs(self):
        parts = []
        for name in sorted(os.listdir(self.folder)):
            if name.endswith(".log"):
                with open(self.path(name), errors="replace") as file:
                    parts.append(f"--- {name}\n{file.read()[-3000:]}")
        return "\n".join(parts)

    def query(self, sql, store=None):
        done = subprocess.run([self.weir, "query", "--store", store or self.store, "--format", "csv", sql], capture_output=True, text=True)
        if done.returncode:
            raise AssertionError(done.stderr + self.logs())
        return list(csv.DictReader(io.StringIO(done.stdout)))

    def judgement(self, store=None):
        """The judgement columns as one text, in their order."""
        done = subprocess.run([self.weir, "query", "--store", store or self.store, "--format", "csv",
                               f"SELECT {JUDGEMENT} FROM verdicts ORDER BY flow_id, record"], capture_output=True, text=True)
        if done.returncode:
            raise AssertionError(done.stderr + self.logs())
        return done.stdout

    def outbox(self, state="state"):
        """(boot, lane, seq) of the frames in an outbox file, notes left out; for a sensor that is not running."""
        found = set()
        try:
            with open(os.path.join(self.path(state), "outbox"), "rb") as file:
                data = file.read()
        except FileNotFoundError:
            return found
        for at in range(0, len(data) - HEAD.size, PAGE):
            magic, _, kind, _, size, _, _, _, boot, seq, lane, _, rows = HEAD.unpack_from(data, at)
            if magic == MAGIC and kind == 1 and at + size <= len(data):
                found.add((boot, lane, seq))
        return found


class Rows:
    """Flow records, each with a time of its own by which its verdict is known, and what `weir run` makes of them."""

    def __init__(self, folder, weir, model, capture, count):
        done = subprocess.run([weir, "flows", "-r", capture, "--features", "argus", "-o", "-", "--quiet"], capture_output=True, text=True,
                              check=True)
        lines = done.stdout.splitlines()
        self.title, records = lines[0] + "\n", [line.split(",", 2) for line in lines[1:]]
        self.lines = []
        for i in range(count):
            _, _, rest = records[i % len(records)]
            start = 1700000000000000 + 1000 * i
            dur = int(float(rest.split(",", 1)[0] or 0) * 1e6)
            self.lines.append(f"{start // 1000000}.{start % 1000000:06},{(start + dur) // 1000000}.{(start + dur) % 1000000:06},{rest}\n")
        path, store = os.path.join(folder, "rows.csv"), os.path.join(folder, "rows.duckdb")
        with open(path, "w") as file:
            file.write(self.title)
            file.writelines(self.lines)
        done = subprocess.run([weir, "run", "--flows", path, "--model", model, "--store", store, "--eve", "/dev/null", "--quiet", "--control",
                               "none", "--reasons", "none"], capture_output=True, text=True)
        if done.returncode:
            raise AssertionError(done.stderr)
        self.expected = self.by_number(weir, store)
        assert len(self.expected) == count, (len(self.expected), count)

    @staticmethod
    def by_number(weir, store):
        """{number of the row: its judgement}; a row that is there twice is an error."""
        done = subprocess.run([weir, "query", "--store", store, "--format", "csv", f"SELECT {JUDGEMENT}, epoch_ns(stime) AS at FROM verdicts"],
                              capture_output=True, text=True)
        if done.returncode:
            raise AssertionError(done.stderr)
        found = {}
        for line in csv.reader(io.StringIO(done.stdout)):
            if line[0] == "flow_id":
                continue
            number = (int(line[-1]) // 1000 - 1700000000000000) // 1000
            if number in found:
                raise AssertionError(f"row {number} has two verdicts: {line} and {found[number]}")
            found[number] = line
        return found


def skip(why):
    print("skipped:", why)
    sys.exit(77)
