"""`weir run` as a service manager runs it: what it tells the manager and the journal, and which rights it has left.

Usage: test_managed.py WEIR TAP_CAPTURE_FOLDER MODEL. The packets come through a pipe, so that the test decides how long a run lasts.
Other users run a copy that they can reach: the checkout may lie in a folder that is root's alone.
"""
import glob
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

WEIR, MODEL = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[3])
sys.path.insert(0, sys.argv[2])
import tap_capture  # noqa: E402

DAC_OVERRIDE = 1 << 1  # capability.h
root = unittest.skipUnless(os.geteuid() == 0, "needs root")


class Manager:
    """A run under a service manager's eyes: its socket, and the run's standard error."""

    def __init__(self, folder, *arguments, before=(), environment=None, weir=WEIR, model=MODEL):
        self.fifo, name = os.path.join(folder, "packets"), os.path.join(folder, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(name)
        os.chmod(name, 0o777)
        self.socket.settimeout(60)
        os.mkfifo(self.fifo)
        os.chmod(self.fifo, 0o666)
        command = [*before, weir, "run", "-r", self.fifo, "--model", model, "--store", "weir.duckdb", "--eve", "eve.json",
                   "--control", "none", *arguments]
        self.run = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                    env={**os.environ, **(environment or {}), "NOTIFY_SOCKET": name})

    def told(self):
        return self.socket.recv(4096).decode().splitlines()

    def ready(self):
        lines = self.told()
        assert lines[0] == "READY=1" and lines[1].startswith("STATUS="), lines
        return self

    def rights(self):
        """One dictionary of /proc/PID/task/*/status for each thread."""
        threads = []
        for path in glob.glob(f"/proc/{self.run.pid}/task/*/status"):
            with open(path) as file:
                threads.append(dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line))
        assert len(threads) > 3, "lanes, workers and writer run by now"
        return threads

    def feed(self, path):
        with open(path, "rb") as source, open(self.fifo, "wb") as target:
            shutil.copyfileobj(source, target)

    def ends(self):
        out, err = self.run.communicate(timeout=60)
        return self.run.returncode, out.decode(), err.decode()


class Service(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.runs = []
        self.addCleanup(lambda: [(run.kill(), run.communicate()) for run in self.runs if run.poll() is None])
        tap_capture.write(self.folder)
        self.packets = os.path.join(self.folder, "tx.pcap")

    def start(self, *arguments, **more):
        manager = Manager(self.folder, *arguments, **more)
        self.runs.append(manager.run)
        self.addCleanup(manager.socket.close)
        return manager

    def give_to(self, name):
        user = pwd.getpwnam(name)
        os.chmod(self.folder, 0o755)
        os.chown(self.folder, user.pw_uid, user.pw_gid)
        return user

    def copies(self):
        """The program, the libraries that it has from the checkout and the model, where everybody may read them."""
        os.chmod(self.folder, 0o755)
        checkout = os.path.dirname(os.path.dirname(WEIR)) + "/"
        paths = [os.path.normpath(word) for word in subprocess.check_output(["ldd", WEIR], text=True).split() if word[0] == "/"]
        libraries = [path for path in paths if path.startswith(checkout)]
        weir, model, *_ = [shutil.copy(path, self.folder) for path in (WEIR, MODEL, *libraries)]
        os.chmod(model, 0o644)
        return {"weir": weir, "model": model, "environment": {"LD_LIBRARY_PATH": self.folder}}

    def good_end(self, manager):
        manager.feed(self.packets)
        code, out, err = manager.ends()
        self.assertEqual(code, 0, err)
        return out, err

    def fails(self, manager, *words):
        code, _, err = manager.ends()
        self.assertEqual(code, 1, err)
        self.assertEqual(len(err.splitlines()), 1, err)
        for word in words:
            self.assertIn(word, err)

    def check_rights(self, threads, left=0, bounding=0):
        for thread in threads:
            self.assertEqual(thread["NoNewPrivs"], "1")
            self.assertEqual(int(thread["CapEff"], 16), left)
            self.assertEqual(int(thread["CapPrm"], 16), left)
            self.assertEqual(int(thread["CapInh"], 16), 0)
            self.assertEqual(int(thread["CapAmb"], 16), 0)
            if bounding is not None:
                self.assertEqual(int(thread["CapBnd"], 16), bounding)

    # --- words to the manager and the journal

    def test_ready_status_watchdog_stopping(self):
        manager = self.start(environment={"WATCHDOG_USEC": "150000"}).ready()
        before = manager.told()
        self.assertEqual((before[0], before[1].split(" lost")[0]), ("WATCHDOG=1", "STATUS=0 packets, 0"))
        manager.feed(self.packets)
        lines = manager.told()
        while lines[0] == "WATCHDOG=1":
            lines = manager.told()
        self.assertEqual(lines[0], "STOPPING=1")
        self.assertEqual(manager.ends()[0], 0)

    def test_another_process_has_the_watchdog(self):
        manager = self.start(environment={"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}).ready()
        manager.feed(self.packets)
        self.assertEqual(manager.told()[0], "STOPPING=1")

    def test_a_run_that_fails_was_never_ready(self):
        manager = self.start("-f", "no such filter")
        manager.socket.setblocking(False)
        manager.run.wait(60)
        self.assertRaises(BlockingIOError, manager.told)
        self.fails(manager, "filter")

    def test_the_journal_gets_priorities(self):
        script = 'export JOURNAL_STREAM=$(stat -L -c %d:%i /dev/stderr); exec "$0" "$@"'
        manager = self.start(before=["sh", "-c", script]).ready()
        _, err = self.good_end(manager)
        lines = err.splitlines()
        self.assertTrue(lines)
        self.assertEqual([line for line in lines if line[:3] not in ("<3>", "<4>", "<6>")], [])

    # --- rights

    @root
    def test_root_over_files_keeps_only_the_files(self):
        manager = self.start().ready()
        self.check_rights(manager.rights(), left=DAC_OVERRIDE)
        self.good_end(manager)

    @root
    def test_another_user_has_nothing(self):
        user = self.give_to("nobody")
        manager = self.start("--user", "nobody").ready()
        threads = manager.rights()
        self.check_rights(threads)
        for thread in threads:
            self.assertEqual(set(map(int, thread["Uid"].split())), {user.pw_uid})
            self.assertEqual(set(map(int, thread["Gid"].split())), {user.pw_gid})
            self.assertEqual(set(map(int, thread["Groups"].split())), set(os.getgrouplist("nobody", user.pw_gid)))
        self.good_end(manager)
        for name in "weir.duckdb", "eve.json":
            self.assertEqual(os.stat(os.path.join(self.folder, name)).st_uid, user.pw_uid)

    @root
    def test_ambient_rights_of_a_service_are_gone(self):
        self.give_to("nobody")
        manager = self.start(before=["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups",
                                     "--inh-caps=+net_raw,+net_admin", "--ambient-caps=+net_raw,+net_admin"], **self.copies()).ready()
        self.check_rights(manager.rights(), bounding=None)  # the bounding set is the manager's: changing it takes CAP_SETPCAP
        self.good_end(manager)

    @root
    def test_a_folder_that_the_user_may_not_write(self):
        os.chmod(self.folder, 0o755)
        self.fails(self.start("--user", "nobody"), "user nobody may not write", "belongs to root", "--user root")

    def test_no_such_user(self):
        self.fails(self.start("--user", "no-such-user"), "--user no-such-user", "no such user")

    @root
    def test_only_root_changes_the_user(self):
        self.give_to("nobody")
        self.fails(self.start("--user", "daemon", before=["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"],
                              **self.copies()), "only root", "as daemon")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
