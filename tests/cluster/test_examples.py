"""The configuration files of examples/cluster are right: `--check` of each role says so, and on one machine, with the bundled capture
in the place of the tap, they do what docs/cluster.md says: ZeroMQ with keys, Redis with the user whose rights it names, one sensor,
two inference servers, one collector.

Usage: test_examples.py WEIR EXAMPLES CAPTURE DOCS
"""
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest

WEIR, EXAMPLES = map(os.path.abspath, sys.argv[1:3])
CAPTURE = [os.path.abspath(name) for name in sys.argv[3].split(",")]
DOCS = os.path.abspath(sys.argv[4])


def free_ports(count):
    """So many in a row that nobody listens at."""
    for first in range(20000 + os.getpid() % 20000, 60000, count):
        held = []
        try:
            for port in range(first, first + count):
                held.append(socket.socket())
                held[-1].bind(("127.0.0.1", port))
            return first
        except OSError:
            continue
        finally:
            for s in held:
                s.close()
    raise AssertionError("no free ports")


class Examples(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="weir-examples-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.jobs = []
        for role in "sensor", "infer", "collect":
            subprocess.run([WEIR, "keygen", role], cwd=self.folder, check=True, capture_output=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def text(self, transport, role, *changes):
        """An example with the places of this machine, and changes, each of which must be there."""
        text = pathlib.Path(EXAMPLES, transport, f"{role}.yaml").read_text().replace("/etc/weir/", self.folder + "/")
        for old, new in changes:
            self.assertIn(old, text)
            text = text.replace(old, new)
        return text

    def write(self, name, text):
        pathlib.Path(self.path(name)).write_text(text)
        return name

    def weir(self, *arguments, code=0):
        done = subprocess.run([WEIR, *arguments], cwd=self.folder, capture_output=True, text=True, timeout=100)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr + self.logs())
        return done.stderr if code else done.stdout

    def start(self, role, *arguments):
        name = f"{role}-{len(self.jobs)}"
        log = open(self.path(f"{name}.log"), "wb")
        job = subprocess.Popen([WEIR, role, *arguments, "--control", "none", "--quiet"], cwd=self.folder, stdin=subprocess.DEVNULL,
                               stdout=log, stderr=log)
        log.close()
        self.jobs.append(job)
        self.addCleanup(lambda: (job.poll() is None and job.kill(), job.wait()))
        return job

    def logs(self):
        return "".join(f"--- {p.name}\n{p.read_text()}" for p in sorted(pathlib.Path(self.folder).glob("*.log")))

    def test_check(self):
        files = sorted(pathlib.Path(EXAMPLES).glob("*/*.yaml"))
        self.assertEqual(len(files), 6)
        for path in files:
            text = self.text(path.parent.name, path.stem)
            self.weir(path.stem, "--check", "-c", self.write("right.yaml", text))
            said = self.weir(path.stem, "--check", "-c", self.write("wrong.yaml", text + "\nqueu: x\n"), code=2)
            self.assertIn("'queu' is no key", said)
            if path.parent.name == "zmq":
                for old, new in (f"{path.stem}.key", "none.key"), (".pub", "-none.pub"):
                    said = self.weir(path.stem, "--check", "-c", self.write("wrong.yaml", text.replace(old, new)), code=1)
                    self.assertRegex(said, f"{re.escape(new)}.* No such file")

    def cluster(self, sensor, infer, collect):
        """All four at work, until the capture is in the store."""
        os.mkdir(self.path("verdicts"))
        for name, text in ("sensor", sensor), ("infer", infer), ("collect", collect):
            self.write(f"{name}.yaml", text)
        collector = self.start("collect", "-c", "collect.yaml")
        workers = [self.start("infer", "-c", "infer.yaml") for _ in range(2)]
        job = self.start("sensor", "-c", "sensor.yaml", "--state", "state", "--account", "account.json")
        self.assertEqual(job.wait(60), 0, self.logs())
        for one in [*workers, collector]:
            one.terminate()
            self.assertEqual(one.wait(30), 0, self.logs())
        count = "SELECT count(*), count(DISTINCT (flow_id, record)), count(*) FILTER (alert) > 0 FROM verdicts"
        here = self.weir("query", "--store", "verdicts", "--format", "csv", count)
        self.weir("run", "-r", ",".join(CAPTURE), "--store", "one.duckdb", "--eve", "/dev/null", "--control", "none", "--quiet")
        self.assertEqual(here, self.weir("query", "--store", "one.duckdb", "--format", "csv", count))

    def test_zmq(self):
        port = free_ports(3)
        places = (("zmq+tcp://*:", "zmq+tcp://127.0.0.1:"), ("zmq+tcp://tap:", "zmq+tcp://127.0.0.1:"),
                  ("zmq+tcp://store:", "zmq+tcp://127.0.0.1:"), (":5555", f":{port}"), (":5556", f":{port + 1}"))

        def local(role, *changes):
            text = self.text("zmq", role, *changes)
            for old, new in places:
                text = re.sub(re.escape(old) + r"(?!\d)" if old[1:].isdigit() else re.escape(old), new, text)
            return text

        self.cluster(local("sensor", ("interface: [eth1, eth2]", f"read: [{', '.join(CAPTURE)}]")), local("infer"), local("collect"))

    @unittest.skipUnless(shutil.which("redis-server"), "there is no redis-server")
    def test_redis(self):
        port = free_ports(1)
        (user,) = set(re.findall(r"user weir on >PASSWORD [^`\n]*", pathlib.Path(DOCS, "cluster.md").read_text()))
        (same,) = set(re.findall(r"user weir on >PASSWORD [^`\n]*", pathlib.Path(DOCS, "queues.md").read_text()))
        self.assertEqual(user, same)
        self.write("users.acl", "user default off\n" + user.replace("PASSWORD", "change-this") + "\nuser root on >root ~* +@all\n")
        server = subprocess.Popen(["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--aclfile", "users.acl",
                                   "--logfile", self.path("redis.log")], cwd=self.folder, stdin=subprocess.DEVNULL)
        self.addCleanup(lambda: (server.kill(), server.wait()))

        def ask(*words):
            return subprocess.run(["redis-cli", "-p", str(port), "--user", "root", "--pass", "root", "--no-auth-warning", *words],
                                  capture_output=True, text=True).stdout.strip()

        end = time.monotonic() + 20
        while ask("ping") != "PONG" and time.monotonic() < end:
            time.sleep(0.02)
        here = ("@queue:6379", f"@127.0.0.1:{port}")
        self.cluster(self.text("redis", "sensor", here, ("interface: [eth1, eth2]", f"read: [{', '.join(CAPTURE)}]")),
                     self.text("redis", "infer", here), self.text("redis", "collect", here))
        self.assertEqual(ask("ACL", "LOG"), "", "something was refused to the user")
        # nothing is left of what is committed, nothing was refused
        self.assertEqual([ask("XLEN", name) for name in ask("KEYS", "weir:b:*").split() + ["weir:v", "weir:dead"]], ["0"] * 3)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[5:]])
