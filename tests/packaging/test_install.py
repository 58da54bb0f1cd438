"""What `make install` leaves works from where it lies. Usage: test_install.py BUILD PREFIX LIBDIR TAP_CAPTURE_FOLDER"""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

BUILD, PREFIX = sys.argv[1], sys.argv[2].lstrip("/")
sys.path.insert(0, sys.argv[4])
import tap_capture  # noqa: E402


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        done = subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", cls.folder.name],
                              capture_output=True, text=True, timeout=250)
        assert done.returncode == 0, done.stdout + done.stderr
        cls.root = pathlib.Path(cls.folder.name) / PREFIX

    def test_everything_is_there(self):
        for path in ("bin/weir", "lib/weir/libduckdb.so", "include/weir/model.h", "include/weir/error.h", "share/weir/model.weir", "share/weir/weir.yaml", "share/weir/config/tap.yaml", "share/man/man5/weir.yaml.5",
                     "lib/systemd/system/weir.service", "share/man/man1/weir.1", "share/man/man1/weir-run.1",
                     "share/bash-completion/completions/weir", "share/zsh/site-functions/_weir"):
            self.assertTrue((self.root / path).is_file(), path)
            self.assertEqual((self.root / path).stat().st_mode & 0o444, 0o444, path)

    def test_the_unit_starts_the_installed_program(self):
        unit = (self.root / "lib/systemd/system/weir.service").read_text()
        self.assertIn(f"\nExecStart=/{PREFIX}/bin/weir run ", unit)
        self.assertNotIn("@", unit.replace("@system-service", "").replace("@privileged", "").replace("@resources", ""))

    def test_the_program_finds_its_library_and_its_model(self):
        weir = self.root / "bin/weir"
        clean = {"PATH": os.environ["PATH"]}
        done = subprocess.run([weir, "--version"], env=clean, capture_output=True, text=True, timeout=60)
        self.assertRegex(done.stdout, r"^weir \d")
        libraries = subprocess.run(["ldd", weir], env=clean, capture_output=True, text=True, timeout=60).stdout
        self.assertIn(str(self.root / "lib/weir/libduckdb.so"), os.path.normpath(libraries.split("libduckdb.so => ")[1].split()[0]))
        with tempfile.TemporaryDirectory() as work:
            tap_capture.write(work)
            done = subprocess.run([weir, "run", "-r", "tx.pcap,rx.pcap", "--quiet"], cwd=work, env=clean, capture_output=True,
                                  text=True, timeout=100)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertTrue((pathlib.Path(work) / "weir.duckdb").is_file())


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
