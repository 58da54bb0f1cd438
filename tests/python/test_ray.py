"""The Ray engine: the same bytes as tasks that run here, on one node and on two, however it is stopped.

    test_ray.py WEIR LIBWEIR SOURCE_FOLDER

Runs in the Python of build/peers, or of WEIR_PEERS, which has Ray; exit 77 = skipped: there is none. The second node is another network namespace
with another host name and without the survey's folder; without the rights to make one, that test alone is skipped.
"""
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

WEIR, LIBRARY, SOURCE = (os.path.abspath(path) for path in sys.argv[1:4])


def find_ray():
    for home in (os.path.join(os.path.dirname(LIBRARY), "peers"), os.path.join(SOURCE, "build/peers"), os.environ.get("WEIR_PEERS", "/nonexistent")):
        python = os.path.join(home, "bin/python")
        if os.path.exists(os.path.join(home, "bin/ray")) and os.path.exists(python):
            return python
    print("skipped: Ray is not there; `tools/setup peers` installs it")
    sys.exit(77)


if os.environ.get("WEIR_TEST_RAY") != "inside":
    os.environ["WEIR_TEST_RAY"] = "inside"
    python = find_ray()
    os.execv(python, [python, *sys.argv])

PLACE = tempfile.mkdtemp(prefix="wr-", dir="/tmp")  # short: Ray makes Unix sockets below it
os.environ.update(WEIR_LIBRARY=LIBRARY, HOME=PLACE, RAY_TMPDIR=PLACE, RAY_USAGE_STATS_ENABLED="0", PYTHONPATH=os.path.join(SOURCE, "python"),
                  PYTHONDONTWRITEBYTECODE="1")
sys.path[:0] = [os.path.join(SOURCE, "python"), os.path.dirname(os.path.abspath(__file__))]
import frames  # noqa: E402
import numpy  # noqa: E402
import weir.survey  # noqa: E402
from weir.survey import ray_engine  # noqa: E402

FRAMES = {"flows": frames.made("flows", 6000, 3), "few": frames.made("few", 300, 4), "torn": frames.made("torn", 300, 5)[:-64]}
TASKS = [frames.task(f"{algorithm}-{data}-{seed}", data, algorithm, seed, cost)
         for algorithm, cost in (("random-forest", 3.0), ("decision-tree", 0.5), ("logistic-regression", 0.2), ("gaussian-nb", 0.1))
         for data in ("flows", "few") for seed in (1, 2)]
BAD = [frames.task("no-such", "flows", "astrology", cost=2.0), frames.task("torn", "torn", "lda", cost=9.0)]


def folder(name, tasks):
    path = os.path.join(PLACE, name)
    frames.folder(path, FRAMES, tasks)
    return path


def engine(path, *arguments, before=(), **environment):
    return subprocess.run([*before, sys.executable, "-m", "weir.survey", path, *arguments], env={**os.environ, **environment}, capture_output=True,
                          text=True, timeout=120)


def results(path):
    return {file.stem: json.loads(file.read_text()) for file in pathlib.Path(path, "tasks").glob("*.json")}


class Case(unittest.TestCase):
    maxDiff = 2000

    @classmethod
    def setUpClass(cls):
        cls.expected = {task["id"]: weir.survey.run_task(FRAMES[task["data"]], task) for task in TASKS}

    def check(self, path, tasks):
        got = results(path)
        self.assertEqual(set(got), {task["id"] for task in tasks})
        for task in TASKS:
            expected = self.expected[task["id"]]
            self.assertEqual(got[task["id"]]["result"], expected.result["result"])
            self.assertEqual(pathlib.Path(path, "tasks", task["id"] + ".weir").read_bytes(), expected.model)
            self.assertTrue(pathlib.Path(path, "tasks", task["id"] + ".log").exists())
        self.assertEqual([name for name in os.listdir(os.path.join(path, "tasks")) if name.endswith(".new")], [])
        return got


class OneNode(Case):
    def test_interrupted_and_gone_on_with(self):
        path = folder("one", TASKS + BAD)
        run = subprocess.Popen([sys.executable, "-m", "weir.survey", path, "--jobs", "2"], stderr=subprocess.PIPE, text=True)
        said = ""
        for line in run.stderr:
            said += line
            if "/18] random-forest" in line:
                run.send_signal(signal.SIGINT)
                break
        with run.stderr as rest:
            said += rest.read()
        self.assertEqual(run.wait(60), 130, said)
        self.assertIn("the same command goes on from there", said)
        first = results(path)
        self.assertGreaterEqual(len(first), 1)
        self.assertLess(len(first), 18)
        for name, result in first.items():  # what is there is whole
            self.assertEqual(result["status"] == "done", os.path.exists(os.path.join(path, "tasks", name + ".weir")))
        times = {name: os.stat(os.path.join(path, "tasks", name + ".json")).st_mtime_ns for name in first}
        again = engine(path, "--jobs", "2")
        self.assertEqual(again.returncode, 0, again.stderr)
        got = self.check(path, TASKS + BAD)
        for name, time in times.items():
            self.assertEqual(os.stat(os.path.join(path, "tasks", name + ".json")).st_mtime_ns, time)
        self.assertEqual((got["no-such"]["status"], got["torn"]["status"]), ("failed", "failed"))
        self.assertIn("astrology", got["no-such"]["error"])
        self.assertIn("no sound frame", got["torn"]["error"])
        self.assertEqual(engine(path).returncode, 0)


class Program(unittest.TestCase):
    """`weir survey` with both engines on the same rows."""

    def survey(self, *arguments):
        return subprocess.run([WEIR, "survey", "--data", os.path.join(PLACE, "rows.csv"), "--label", "label", "--benign", "calm", *arguments],
                              env={name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "WEIR_LIBRARY")},
                              capture_output=True, text=True, timeout=200)

    def test_both_engines(self):
        random = numpy.random.default_rng(5)
        rows = random.normal(size=(1500, 5)).astype(numpy.float32)
        with open(os.path.join(PLACE, "rows.csv"), "w") as file:
            file.write("a,b,c,d,e,label\n")
            for row in rows.tolist():
                file.write(",".join(f"{v:.9g}" for v in row) + (",calm\n" if row[0] + row[1] * row[2] > 0 else ",flood\n"))
        local, far = os.path.join(PLACE, "local"), os.path.join(PLACE, "far")
        common = ["--seeds", "1,2", "--json", "--quiet"]
        got = self.survey("--out", local, "--jobs", "2", *common)
        self.assertEqual(got.returncode, 0, got.stderr)
        ours = json.loads(got.stdout)
        got = self.survey("--out", far, "--jobs", "2", "--engine", "ray", "--python", sys.executable, *common)
        self.assertEqual((got.returncode, got.stderr), (0, ""))
        theirs = json.loads(got.stdout)
        self.assertEqual(theirs["jobs"], 2)
        self.assertEqual((theirs["engine"], len(theirs["tasks"])), ("ray", len(ours["tasks"])))
        self.assertGreaterEqual(len(ours["tasks"]), 10)
        for one, other in zip(ours["tasks"], theirs["tasks"]):
            self.assertEqual((other["id"], other["status"], other["error"]), (one["id"], one["status"], one["error"]))
            self.assertEqual(other["result"], one["result"])
            if one["status"] == "done":
                self.assertEqual(pathlib.Path(far, other["model"]).read_bytes(), pathlib.Path(local, one["model"]).read_bytes())
        self.assertEqual(theirs["summary"][0]["accuracy"], ours["summary"][0]["accuracy"])
        got = self.survey("--out", os.path.join(PLACE, "none"), "--engine", "ray", "--python", "/nowhere/python")
        self.assertEqual(got.returncode, 1)
        self.assertIn("--python", got.stderr)


class TwoNodes(Case):
    def setUp(self):
        self.running, self.spaces = [], [f"wr{os.getpid()}{end}" for end in "ab"]
        self.addCleanup(self.tear_down)
        try:
            for space in self.spaces:
                subprocess.run(["ip", "netns", "add", space], check=True, capture_output=True)
            a, b = self.spaces
            subprocess.run(["unshare", "-m", "-u", "mount", "-t", "tmpfs", "none", "/mnt"], check=True, capture_output=True)
            for command in (f"link add wr0 netns {a} type veth peer name wr0 netns {b}", f"-n {a} addr add 10.77.0.1/24 dev wr0",
                            f"-n {b} addr add 10.77.0.2/24 dev wr0", *(f"-n {s} link set {d} up" for s in (a, b) for d in ("lo", "wr0"))):
                subprocess.run(["ip", *command.split()], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            self.skipTest(f"no right to make network namespaces: {error}")

    def tear_down(self):
        for process in self.running:
            process.terminate()
        for process in self.running:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
        for space in self.spaces:
            subprocess.run(["ip", "netns", "del", space], capture_output=True)

    def node(self, space, *arguments, before=()):
        ray = os.path.join(os.path.dirname(sys.executable), "ray")
        with open(os.path.join(PLACE, space + ".log"), "w") as log:
            self.running.append(subprocess.Popen(
                ["ip", "netns", "exec", space, *before, ray, "start", "--num-cpus", "1", "--object-store-memory", "100000000", "--block", *arguments],
                stdout=log, stderr=log, env={**os.environ, "RAY_AUTH_MODE": "disabled"}))

    def wait(self, nodes):
        """Until the cluster has so many nodes."""
        code = ("import ray, time\nray.init(address='10.77.0.1:6379', logging_level='error', configure_logging=False)\n"
                f"while sum(n['Alive'] for n in ray.nodes()) < {nodes}: time.sleep(0.1)\n")
        for _ in range(30):
            got = subprocess.run(["ip", "netns", "exec", self.spaces[0], sys.executable, "-c", code], env={**os.environ, "RAY_AUTH_MODE": "disabled"},
                                 capture_output=True, text=True, timeout=60)
            if got.returncode == 0:
                return
        logs = "".join(pathlib.Path(PLACE, space + ".log").read_text() for space in self.spaces[:nodes])
        self.fail(f"Ray's nodes do not come up: {got.stderr[-1000:]}\n{logs[-2000:]}")

    def test_two_nodes(self):
        path = folder("two", TASKS + BAD)
        self.node(self.spaces[0], "--head", "--node-ip-address", "10.77.0.1", "--port", "6379", "--include-dashboard", "false")
        self.wait(1)
        script = f"hostname second && mount -t tmpfs none {path} && exec \"$@\""
        self.node(self.spaces[1], "--address", "10.77.0.1:6379", "--node-ip-address", "10.77.0.2", before=["unshare", "-m", "-u", "sh", "-c", script, "sh"])
        self.wait(2)
        inside = ["ip", "netns", "exec", self.spaces[0]]

        other = os.path.join(PLACE, "libweir.so")  # the same library, and yet not the same
        shutil.copy(LIBRARY, other)
        with open(other, "ab") as file:
            file.write(b"\0")
        got = engine(path, "--address", "10.77.0.1:6379", before=inside, RAY_AUTH_MODE="disabled", WEIR_LIBRARY=other)
        self.assertEqual(got.returncode, 1, got.stderr)
        with open(LIBRARY, "rb") as file:
            self.assertIn(hashlib.sha256(file.read()).hexdigest()[:16], got.stderr)
        self.assertIn("another libweir", got.stderr)
        self.assertEqual(results(path), {})

        got = engine(path, "--address", "10.77.0.1:6379", before=inside, RAY_AUTH_MODE="disabled")
        self.assertEqual(got.returncode, 0, got.stderr)
        hosts = {result["cost"]["host"] for result in self.check(path, TASKS + BAD).values() if result["status"] == "done"}
        self.assertEqual(len(hosts), 2, hosts)
        self.assertIn("second", hosts)

    def test_no_cluster(self):
        path = folder("nowhere", TASKS)
        got = engine(path, "--address", "127.0.0.1:1", before=["ip", "netns", "exec", self.spaces[0]], RAY_AUTH_MODE="disabled")
        self.assertEqual(got.returncode, 1)
        self.assertIn("no Ray at 127.0.0.1:1", got.stderr)


class PretendedRay:
    """As much of Ray as the engine uses; tasks end as `fates` says."""

    class exceptions:
        RayError = type("RayError", (Exception,), {})
        RayTaskError = type("RayTaskError", (RayError,), {})
        NodeDiedError = type("NodeDiedError", (RayError,), {})
        ObjectLostError = type("ObjectLostError", (RayError,), {})
        WorkerCrashedError = type("WorkerCrashedError", (RayError,), {})

    def __init__(self, fates):
        self.fates, self.puts, self.order, self.most, self.open, self.memory = fates, 0, [], 0, set(), []

    def remote(self, **options):
        assert options == {"num_cpus": 1, "max_retries": 0}
        return lambda function: self

    def options(self, memory):
        self.memory.append(memory)
        return type("Remote", (), {"remote": staticmethod(self.submit)})

    def nodes(self):
        return [{"Alive": True, "Resources": {"memory": 5 << 20}}, {"Alive": False, "Resources": {"memory": 99 << 20}}]

    def submit(self, frame, task, library, fingerprint):
        reference = object()
        self.order.append(task["id"])
        self.open.add(reference)
        self.most = max(self.most, len(self.open))
        self.names = {**getattr(self, "names", {}), reference: task["id"]}
        return reference

    def put(self, data):
        self.puts += 1
        return data

    def wait(self, references, num_returns, timeout):
        return references[:1], references[1:]

    def get(self, reference):
        self.open.remove(reference)
        name = self.names[reference]
        fates = self.fates.get(name, [])
        if fates:
            raise getattr(self.exceptions, fates.pop(0))("gone\nand away")
        return weir.survey.Done(json.dumps({"id": name, "algorithm": "a", "data": "few", "status": "done", "error": None, "cost": {"fit_s": 1}}), b"model"), ""

    def cancel(self, reference, force):
        raise AssertionError("nothing is cancelled")


class Fates(unittest.TestCase):
    def test_workers_and_nodes_that_die(self):
        tasks = [frames.task(str(i), "few", "lda", cost=i, memory_mib=2 * i) for i in range(6)]
        path = folder("fates", tasks)
        ray = PretendedRay({"5": ["WorkerCrashedError"], "4": ["NodeDiedError"] * 2, "3": ["ObjectLostError"] * 9})
        run = ray_engine.Engine(ray, ray_engine.Folder(path), 2)
        run.run()
        got = results(path)
        self.assertEqual({name: result["status"] for name, result in got.items()},
                         {"5": "failed", "4": "done", "3": "failed", "2": "done", "1": "done", "0": "done"})
        self.assertEqual((got["5"]["error"], got["3"]["error"]), ("gone and away", "its node was lost 3 times: gone and away"))
        self.assertEqual((run.finished, run.failures, ray.puts, ray.most), (6, 2, 1, 2))
        self.assertEqual(ray.order, ["5", "4", "3", "4", "3", "4", "3", "2", "1", "0"])
        self.assertEqual(run.frames, {})
        self.assertEqual(ray.memory[:1] + ray.memory[-2:], [5 << 20, 2 << 20, 0])


if __name__ == "__main__":
    try:
        unittest.main(argv=sys.argv[:1], verbosity=2)
    finally:
        shutil.rmtree(PLACE, ignore_errors=True)
