"""What `make install` leaves works from where it lies.
Usage: test_install.py BUILD PREFIX LIBDIR TAP_CAPTURE_FOLDER SOURCES SANITIZERS COMPILER..."""
import csv
import json
import math
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

BUILD, PREFIX, LIBDIR = sys.argv[1], sys.argv[2].lstrip("/"), sys.argv[3]
SOURCES, SANITIZERS, COMPILER = pathlib.Path(sys.argv[5]), sys.argv[6], sys.argv[7:]
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
        for path in ("bin/weir", "lib/weir/libduckdb.so", "include/weir/model.h", "include/weir/error.h",
                     f"{LIBDIR}/libweir.so", f"{LIBDIR}/libweir.a", f"{LIBDIR}/pkgconfig/weir.pc", "share/weir/model.weir", "share/weir/weir.yaml", "share/weir/config/tap.yaml", "share/man/man5/weir.yaml.5",
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

    # -- libweir, as another program's author meets it (docs/api.md) --

    def call(self, *command, **options):
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)
        self.assertEqual(done.returncode, 0, f"{command}: {done.stdout}{done.stderr}")
        return done.stdout

    def pkg_config(self, *flags):
        lib = self.root / LIBDIR
        env = {**os.environ, "PKG_CONFIG_PATH": str(lib / "pkgconfig"), "PKG_CONFIG_SYSROOT_DIR": self.folder.name}
        return self.call("pkg-config", *flags, "weir", env=env).split()

    def test_the_library_shows_its_headers_and_needs_little(self):
        declared = set()
        for header in (self.root / "include/weir").glob("*.h"):
            declared |= set(re.findall(r"\b(weir_\w+)\(", re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.S)))
        library = str(self.root / LIBDIR / "libweir.so")
        shown = {line.split()[0] for line in self.call("nm", "-D", "--defined-only", "-P", library).splitlines()}
        if SANITIZERS == "none":
            self.assertEqual(shown, declared)
        needed = set(re.findall(r"NEEDED\s+(\S+)", self.call("objdump", "-p", library)))
        self.assertLessEqual({n.split(".so")[0] for n in needed}, {"libc", "libm", "libjansson", "libasan", "libubsan", "libtsan"})

    def compile(self, work, source, *flags):
        sanitize = [] if SANITIZERS == "none" else [f"-fsanitize={SANITIZERS}"]
        program = pathlib.Path(work) / "score"
        self.call(*COMPILER, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-o", program, source, *sanitize, *flags, "-lm")
        return program

    def test_the_example_scores_and_explains_as_weir_does(self):
        library = self.root / LIBDIR
        rng = random.Random(5)
        with tempfile.TemporaryDirectory() as work:
            for file, flags in (("binary-3.2.0.json", []), ("multi-3.2.0.ubj", ["--classes", "normal,scan,flood", "--benign", "normal"])):
                model, rows = os.path.join(work, "m.weir"), os.path.join(work, "rows.csv")
                self.call(self.root / "bin/weir", "model", "import", SOURCES / "tests/model/data" / file, "-o", model, "--threshold", "0.2",
                          *flags)
                columns = json.loads(self.call(self.root / "bin/weir", "model", "show", model, "--json"))["card"]["columns"]
                with open(rows, "w", newline="", encoding="utf-8") as out:
                    table = csv.writer(out)
                    table.writerow(["other", *reversed(columns)])
                    for _ in range(150):
                        table.writerow(["x", *(rng.choice(["", repr(rng.uniform(-2, 2))]) for _ in columns)])
                expected = list(csv.DictReader(self.call(self.root / "bin/weir", "predict", model, "--data", rows, "-o", "-", "--format",
                                                         "csv", "--quiet").splitlines()))
                for link in (["shared", *self.pkg_config("--cflags", "--libs")],
                             ["static", *self.pkg_config("--cflags"), library / "libweir.a", "-ljansson"]):
                    program = self.compile(work, SOURCES / "examples/api/score.c", *link[1:])
                    answer = self.call(program, model, rows, env={**os.environ, "LD_LIBRARY_PATH": str(library)}).splitlines()
                    self.assertEqual(len(answer), len(expected), link[0])
                    explained = 0
                    for n, (line, row) in enumerate(zip(answer, expected), 1):
                        number, name, score = line.split(":")[0].split()
                        self.assertEqual((int(number), name), (n, row["class"]))
                        self.assertAlmostEqual(float(score), float(row["score"]), delta=1e-6)
                        if ":" in line and n % 40 == 0:
                            explained += 1
                            why = json.loads(self.call(self.root / "bin/weir", "model", "explain", model, "--data", rows, "--row", str(n),
                                                       "--json"))
                            first = max(why["contributions"], key=lambda c: abs(c["contribution"]))
                            column, moved = re.match(r": (.+?)=\S+ \(([-+.0-9]+)\)", line[line.index(":"):]).groups()
                            self.assertEqual(column, first["column"])
                            self.assertAlmostEqual(float(moved), first["contribution"], delta=6e-4)
                            total = why["base"] + math.fsum(c["contribution"] for c in why["contributions"])
                            self.assertAlmostEqual(total, why["margin"], delta=1e-5)
                    self.assertGreater(explained, 0)
                done = subprocess.run([program, os.path.join(work, "rows.csv"), rows], capture_output=True, text=True, check=False)
                self.assertEqual(done.returncode, 1)
                self.assertIn("no weir model file", done.stderr)

    @unittest.skipIf(shutil.which("g++") is None, "no C++ compiler here")
    def test_the_headers_are_cplusplus_too(self):
        with tempfile.TemporaryDirectory() as work:
            source = pathlib.Path(work) / "use.cc"
            source.write_text("#include <weir/model.h>\nint main() { weir_model *m = nullptr; weir_model_free(&m);\n"
                              "return weir_err_text(WEIR_OK)[0] != 'o'; }\n")
            sanitize = [] if SANITIZERS == "none" else [f"-fsanitize={SANITIZERS}"]
            self.call("g++", "-std=c++11", "-Wall", "-Wextra", "-Werror", "-o", f"{work}/use", source, *sanitize,
                      *self.pkg_config("--cflags", "--libs"))
            self.call(f"{work}/use", env={**os.environ, "LD_LIBRARY_PATH": str(self.root / LIBDIR)})


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
