"""Runs the tasks of a survey on Ray: python3 -m weir.survey FOLDER [--address A] [--jobs N]

FOLDER is what `weir survey` has made: plan.json and data/NAME.frame. Each task of the plan without tasks/ID.json is run, the longest first, as a Ray task
of one CPU; this process alone writes tasks/ID.json, ID.weir and ID.log, so other nodes need no part of the disk. A frame is put into the object
store once and read there by all tasks of a node, without copying.

--address  a running cluster (`ray start --head` prints its address); without, one is started here and ended with the tasks
--jobs     at most so many tasks at once; without, one for each CPU that Ray has

Nodes need the same Ray and Python, as Ray asks, and the same libweir.so (docs/python.md says where it is looked for): a task that finds another one ends the
run. SIGINT and SIGTERM keep what is finished, and the next start goes on from there. Exit 0: no task is left; 1: it could not go on; 130: stopped.
"""
from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import socket
import sys
import tempfile
import time
import types
import typing

import numpy

from .. import _library
from .._library import Error
from . import Done, run_task

Task = typing.Dict[str, typing.Any]
NODE_DEATHS = 3  # a task is begun anew on another node so often
STARTS = 3  # Ray gives its own start 30 s; a machine that has much else to do may want longer


def _run(frame: numpy.typing.NDArray[numpy.uint8], task: Task, library: str, fingerprint: str) -> tuple[Done, str]:
    """In a worker: the task's result, and what libraries have printed meanwhile."""
    if "WEIR_LIBRARY" not in os.environ and os.path.exists(library):
        os.environ["WEIR_LIBRARY"] = library
    here = _library.fingerprint()
    if here != fingerprint:
        raise Error(-7, f"{socket.gethostname()} has another libweir, {_library.path()}: SHA-256 {here[:16]}..., not {fingerprint[:16]}...; "
                        "install the same build of weir on all nodes, or name it there by WEIR_LIBRARY before `ray start`")
    with tempfile.TemporaryFile() as log:
        sys.stderr.flush()
        kept = os.dup(2)
        os.dup2(log.fileno(), 2)
        try:
            done = run_task(frame, task)
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        log.seek(0)
        return done, log.read().decode(errors="replace")


IDENTITY = ("id", "data", "split", "test_data", "algorithm", "params", "scale", "threshold", "select", "seed", "fold")


def failed(task: Task, why: str) -> Done:
    """The result of a task that left none: libweir's form of it."""
    result = {name: task[name] for name in IDENTITY if name in task}
    return Done(json.dumps({**result, "status": "failed", "error": why, "result": None, "cost": None}, indent=1), None)


class Folder:
    """A survey's folder."""

    def __init__(self, path: str) -> None:
        self.path = path
        with open(os.path.join(path, "plan.json")) as file:
            plan = json.load(file)
        self.tasks: list[Task] = plan["tasks"]
        self.frames: dict[str, str] = {name: data["frame"] for name, data in plan["data"].items()}
        os.makedirs(os.path.join(path, "tasks"), exist_ok=True)

    def pending(self) -> list[Task]:
        """Tasks that have no result, the longest first."""
        left = [task for task in self.tasks if not os.path.exists(self._file(task, "json"))]
        return sorted(left, key=lambda task: -float(task.get("cost", 0)))

    def frame(self, name: str) -> numpy.typing.NDArray[numpy.uint8]:
        return numpy.asarray(numpy.memmap(os.path.join(self.path, self.frames[name]), numpy.uint8, "r"))

    def keep_facts(self, jobs: int, versions: dict[str, str]) -> None:
        """For the report."""
        with open(os.path.join(self.path, "engine.json"), "w") as file:
            json.dump({"jobs": jobs, "libraries": versions}, file)

    def keep(self, task: Task, done: Done, log: str) -> None:
        """The result comes last: whoever finds it finds the others."""
        self._write(task, "log", log.encode())
        if done.model is not None:
            self._write(task, "weir", done.model)
        self._write(task, "json", done.text.encode())

    def _file(self, task: Task, kind: str) -> str:
        return os.path.join(self.path, "tasks", f"{task['id']}.{kind}")

    def _write(self, task: Task, kind: str, data: bytes) -> None:
        path = self._file(task, kind)
        with open(path + ".new", "wb") as file:
            file.write(data)
        os.replace(path + ".new", path)


class Engine:
    """One run. `limit`: tasks at once."""

    def __init__(self, ray: typing.Any, folder: Folder, limit: int, quiet: bool = False) -> None:
        self.ray, self.folder, self.limit, self.quiet = ray, folder, limit, quiet
        self.queue = folder.pending()
        self.left = {name: sum(task["data"] == name for task in self.queue) for name in {task["data"] for task in self.queue}}
        self.frames: dict[str, typing.Any] = {}
        self.running: dict[typing.Any, Task] = {}
        self.deaths: dict[str, int] = {}
        self.stopping = False
        self.largest = max((int(node["Resources"].get("memory", 0)) for node in ray.nodes() if node["Alive"]), default=0)
        self.remote = ray.remote(num_cpus=1, max_retries=0)(_run)
        self.total, self.finished, self.failures = len(self.queue), 0, 0
        self.cost = sum(float(task.get("cost", 0)) for task in self.queue)
        self.cost_done = 0.0
        self.begin = time.monotonic()

    def run(self) -> None:
        try:
            while (self.queue and not self.stopping) or self.running:
                while self.queue and len(self.running) < self.limit and not self.stopping:
                    self._submit(self.queue.pop(0))
                ready, _ = self.ray.wait(list(self.running), num_returns=1, timeout=0.5)
                for reference in ready:
                    self._take(reference)
                if self.stopping:
                    ready, rest = self.ray.wait(list(self.running), num_returns=max(len(self.running), 1), timeout=0) if self.running else ([], [])
                    for reference in ready:
                        self._take(reference)
                    break
        finally:
            for reference in self.running:
                self.ray.cancel(reference, force=True)

    def _submit(self, task: Task) -> None:
        name = task["data"]
        if name not in self.frames:
            self.frames[name] = self.ray.put(self.folder.frame(name))
        need = min(int(float(task.get("memory_mib", 0)) * 2**20), self.largest)  # no node has more, so it may as well try
        reference = self.remote.options(memory=need).remote(self.frames[name], task, _library.path(), _library.fingerprint())
        self.running[reference] = task

    def _take(self, reference: typing.Any) -> None:
        task, errors, log = self.running.pop(reference), self.ray.exceptions, ""
        try:
            done, log = self.ray.get(reference)
        except (errors.NodeDiedError, errors.ObjectLostError) as error:
            self.deaths[task["id"]] = self.deaths.get(task["id"], 0) + 1
            if self.deaths[task["id"]] < NODE_DEATHS:
                self.queue.insert(0, task)
                self._say(f"{task['id']}: its node is gone, once more")
                return
            done = failed(task, f"its node was lost {NODE_DEATHS} times: {_line(error)}")
        except errors.RayTaskError as error:
            if isinstance(error.cause, Error) and error.cause.code == -7 and "libweir" in str(error.cause):
                raise error.cause
            done = failed(task, _line(error.cause))
        except errors.RayError as error:  # the worker died
            done = failed(task, _line(error))
        result = done.result
        host = (result.get("cost") or {}).get("host", "?")
        self.folder.keep(task, done, f"task {json.dumps(task)}\non {host}: {result['status']}{': ' if result['error'] else ''}{result['error'] or ''}\n{log}")
        self.left[task["data"]] -= 1
        if not self.left[task["data"]]:
            del self.frames[task["data"]]  # the object store may forget it
        self.finished += 1
        self.cost_done += float(task.get("cost", 0))
        self.failures += result["status"] != "done"
        self._report(result)

    def _report(self, result: dict[str, typing.Any]) -> None:
        spent = time.monotonic() - self.begin
        share = self.cost_done / self.cost if self.cost > 0 else self.finished / self.total
        left = f", about {spent / share - spent:.0f} s left" if share > 0 and self.finished < self.total else ""
        what = f"{result['algorithm']} on {result['data']}"
        how = f"{sum(result['cost'].get(k, 0) for k in ('fit_s', 'score_s')):.2f} s" if result["status"] == "done" else f"failed: {result['error']}"
        self._say(f"[{self.finished}/{self.total}] {what}: {how}{left}")

    def _say(self, text: str) -> None:
        if not self.quiet:
            print(f"weir survey: {text}", file=sys.stderr, flush=True)


def _line(error: object) -> str:
    return " ".join(str(error).split())[:500]


def main(arguments: list[str] | None = None) -> int:
    assert __doc__
    parser = argparse.ArgumentParser(prog="python3 -m weir.survey", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--address")
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--quiet", action="store_true", help="tell of errors only")
    options = parser.parse_args(arguments)
    if options.jobs is not None and options.jobs < 1:
        parser.error("--jobs: at least 1")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
    try:
        folder = Folder(options.folder)
        if not folder.pending():
            return 0
        _library.load()
    except (Error, OSError, ValueError) as error:
        return _stop(_line(error))
    except KeyError as error:
        return _stop(f"{options.folder}/plan.json lacks {error}")
    if not options.address and "RAY_AUTH_MODE" not in os.environ:  # a cluster of our own: a token of its own, which no file keeps
        os.environ["RAY_AUTH_MODE"], os.environ["RAY_AUTH_TOKEN"] = "token", secrets.token_hex(32)
    try:
        import ray

        if not hasattr(ray, "init"):
            raise ImportError("a folder of that name")
    except ImportError:
        return _stop(f"{sys.executable} has no Ray; name a Python that has (weir survey --python, WEIR_PYTHON): pip install 'ray==2.60.0', or "
                     "`tools/setup peers`, which makes build/peers/bin/python")
    try:
        return _on_ray(ray, folder, options)
    except (Error, OSError) as error:
        return _stop(_line(error))


def _on_ray(ray: typing.Any, folder: Folder, options: argparse.Namespace) -> int:
    import weir

    address, jobs = options.address, options.jobs
    common = dict(runtime_env={"py_modules": [weir]}, log_to_driver=False, logging_level="error", configure_logging=False)
    for attempt in range(STARTS):
        try:
            if address:
                _knock(address)
                ray.init(address=address, **common)
            else:
                ray.init(address="local", num_cpus=jobs or os.cpu_count(), include_dashboard=False, **common)
            break
        except Exception as error:  # Ray has no class for "timed out"
            ray.shutdown()
            if address or attempt == STARTS - 1:
                return _stop(f"no Ray at {address}: {_line(error)}" if address else f"Ray does not start: {_line(error)}")
    try:
        limit = jobs or max(int(ray.cluster_resources().get("CPU", 1)), 1)
        folder.keep_facts(limit, {"Ray": ray.__version__, "Python": sys.version.split()[0], "NumPy": numpy.__version__})
        engine = Engine(ray, folder, limit, options.quiet)

        def stop(number: int, frame: types.FrameType | None) -> None:
            if engine.stopping:
                os._exit(130)
            engine.stopping = True

        for number in signal.SIGINT, signal.SIGTERM:
            if signal.getsignal(number) != signal.SIG_IGN:  # `weir survey` has it, and sends SIGTERM when it is to end
                signal.signal(number, stop)
        engine.run()
        if engine.stopping and engine.queue or engine.running:
            engine._say(f"stopped with {engine.finished} of {engine.total} tasks finished; the same command goes on from there")
            return 130
        return 0
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """OSError when nobody answers at HOST:PORT: Ray would go on trying for minutes."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdigit() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


def _stop(why: str) -> int:
    print(f"weir survey: {why}", file=sys.stderr)
    return 1
