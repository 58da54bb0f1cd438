"""The Python package's models against `weir predict` on the same rows: test_model.py WEIR LIBWEIR SOURCE_FOLDER BUNDLED.weir"""
import csv
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import threading
import unittest
import zipfile

WEIR, LIBRARY, SOURCE, BUNDLED = (os.path.abspath(path) for path in sys.argv[1:])
os.environ["WEIR_LIBRARY"] = LIBRARY
sys.path.insert(0, os.path.join(SOURCE, "python"))
import numpy  # noqa: E402
import weir  # noqa: E402
from weir import _library  # noqa: E402

COLUMNS = ["a", "b", "c", "d", "e"]
KINDS = [("two", ["--benign", "calm"], ["decision-tree"]), ("three", ["--multiclass"], ["decision-tree", "lda"])]


class Models(unittest.TestCase):
    """Each model's file, and rows with what `weir predict` says of them."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        random = numpy.random.default_rng(7)
        cls.rows = random.normal(size=(600, len(COLUMNS))).astype(numpy.float32)
        label = numpy.array(["calm", "flood", "scan"])[(cls.rows[:, 0] + cls.rows[:, 1] > 0).astype(int) + (cls.rows[:, 2] > 1)]
        path = cls.path("train.csv")
        with open(path, "w", newline="") as file:
            out = csv.writer(file)
            out.writerow([*COLUMNS, "label"])
            out.writerows([*(f"{v:.9g}" for v in row.tolist()), name] for row, name in zip(cls.rows, label))
        cls.models = {}
        for kind, flags, algorithms in KINDS:
            for algorithm in algorithms:
                model = cls.path(f"{kind}-{algorithm}.weir")
                cls.run_weir("train", "--data", path, "--label", "label", *flags, "--algorithm", algorithm, "--seed", "1", "-o", model)
                cls.run_weir("predict", model, "--data", path, "-o", cls.path("out.csv"))
                with open(cls.path("out.csv"), newline="") as file:
                    cls.models[kind, algorithm] = (model, list(csv.DictReader(file)))

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder.name, name)

    @staticmethod
    def run_weir(*arguments):
        subprocess.run([WEIR, *arguments], check=True, capture_output=True, text=True)

    def test_the_same_as_weir_predict(self):
        for (kind, algorithm), (path, expected) in self.models.items():
            with self.subTest(kind=kind, algorithm=algorithm), weir.Model.load(path) as model:
                self.assertEqual((model.columns, model.algorithm, model.groups), (COLUMNS, algorithm, 1 if kind == "two" else 3))
                self.assertEqual((model.feature_set, model.regression), ("none", False))
                self.assertEqual(model.card["columns"], COLUMNS)
                names = ["margin"] if kind == "two" else ["margin_0", "margin_1", "margin_2"]
                margins = numpy.array([[row[name] for name in names] for row in expected]).astype(numpy.float32)
                score, index, alert = model.predict(self.rows)
                numpy.testing.assert_array_equal(model.margins(self.rows), margins)
                numpy.testing.assert_array_equal(score, numpy.array([row["score"] for row in expected]).astype(numpy.float32))
                self.assertEqual([model.classes[i] for i in index], [row["class"] for row in expected])
                if model.benign is not None:
                    numpy.testing.assert_array_equal(alert, (index != model.benign) & (score >= model.threshold))
                probabilities = model.probabilities(self.rows)
                self.assertEqual(probabilities.shape, (600, len(model.classes)))
                numpy.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
                if kind == "two":
                    numpy.testing.assert_array_equal(probabilities[:, 1], score)

    def test_rows_are_read_where_they_are(self):
        path, _ = self.models["three", "decision-tree"]
        wide = numpy.full((600, 9), numpy.nan, numpy.float32)
        wide[:, :5] = self.rows
        with weir.Model.load(path) as model:
            expected = model.margins(self.rows)
            for view in (self.rows, self.rows[::3], wide[:, :5], wide[1:99:2, :5]):
                read, stride = model._rows(view)
                self.assertTrue(numpy.shares_memory(read, view))
                self.assertEqual(stride * 4, view.strides[0])
            numpy.testing.assert_array_equal(model.margins(self.rows[::3]), expected[::3])
            numpy.testing.assert_array_equal(model.margins(wide[:, :5]), expected)
            # What cannot be read in place is copied, with the same answer.
            for other in (self.rows.astype(numpy.float64), self.rows.tolist(), numpy.asfortranarray(self.rows)):
                numpy.testing.assert_array_equal(model.margins(other), expected)
            numpy.testing.assert_array_equal(model.margins(self.rows[::-1]), expected[::-1])
            numpy.testing.assert_array_equal(model.margins(numpy.broadcast_to(self.rows[:1], (3, 5))), expected[[0, 0, 0]])
            self.assertEqual(model.margins(numpy.zeros((0, 5))).shape, (0, 3))

            class Frame:  # what of pandas.DataFrame is used: columns by name, whatever their order
                columns = ["e", "label", "d", "c", "b", "a"]

                def __init__(self, rows):
                    self.rows = rows

                def __getitem__(self, names):
                    return Frame(self.rows[:, [COLUMNS.index(name) for name in names]])

                def to_numpy(self, dtype):
                    return self.rows.astype(dtype)

            numpy.testing.assert_array_equal(model.margins(Frame(self.rows)), expected)

    def test_explanations_add_up(self):
        for path, groups in ((self.models["two", "decision-tree"][0], 1), (self.models["three", "decision-tree"][0], 3)):
            with weir.Model.load(path) as model:
                margins = model.margins(self.rows[:50])
                for group in range(groups):
                    for how in ("exact", "path"):
                        contributions, base = model.explain(self.rows[:50], group, how)
                        self.assertEqual(contributions.shape, (50, 5))
                        numpy.testing.assert_allclose(contributions.sum(axis=1) + base, margins[:, group], rtol=1e-4, atol=1e-4)
                self.assertGreater(numpy.abs(contributions).max(), 0)

    def test_the_bundled_model(self):
        with weir.Model.load(BUNDLED) as model:
            self.assertEqual((model.feature_set, model.classes, model.benign), ("argus", ["benign", "attack"], 0))
            self.assertIn(model.label, repr(model))
            self.assertEqual(model.shape.nodes, 2 * model.shape.leaves - model.shape.trees)
            self.assertGreater(model.shape.trees, 1)
            row = numpy.full((1, len(model.columns)), numpy.nan, numpy.float32)
            score = model.predict(row).score[0]
            model.threshold = float(score)
            self.assertTrue(model.predict(row).alert[0])
            model.threshold = min(float(score) * 1.01, 1.0)
            self.assertFalse(model.predict(row).alert[0])

    def test_many_threads_one_model(self):
        with weir.Model.load(self.models["three", "decision-tree"][0]) as model:
            expected, wrong = model.margins(self.rows), []

            def score():
                for _ in range(20):
                    if not numpy.array_equal(model.margins(self.rows), expected):
                        wrong.append(1)

            threads = [threading.Thread(target=score) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(wrong, [])

    def test_errors(self):
        def refused(name, what, *arguments, **names):
            with self.assertRaises(weir.Error) as caught:
                what(*arguments, **names)
            self.assertEqual(caught.exception.name, name)
            return str(caught.exception)

        self.assertIn("nowhere.weir", refused("WEIR_ERR_NOT_FOUND", weir.Model.load, self.path("nowhere.weir")))
        self.assertIn("offset 0", refused("WEIR_ERR_FORMAT", weir.Model.load, self.path("train.csv")))
        model = weir.Model.load(self.models["two", "decision-tree"][0])
        for shape in ((3, 4), (5,), (1, 5, 1)):
            self.assertIn(str(shape), refused("WEIR_ERR_MISMATCH", model.margins, numpy.zeros(shape)))
        refused("WEIR_ERR_ARGUMENT", model.explain, self.rows, group=1)
        refused("WEIR_ERR_ARGUMENT", model.explain, self.rows, how="guess")
        refused("WEIR_ERR_ARGUMENT", setattr, model, "threshold", 2.0)
        model.close()
        model.close()
        refused("WEIR_ERR_CLOSED", model.margins, self.rows)
        with open(os.path.join(SOURCE, "include/weir/error.h")) as header:
            codes = {int(code): name for name, code in re.findall(r"X\((WEIR_\w+), (-?\d+),", header.read())}
        self.assertEqual(_library.CODES, codes)


class Package(unittest.TestCase):
    def python(self, code, **environment):
        inherited = {name: value for name, value in os.environ.items() if name not in ("WEIR_LIBRARY", "PYTHONPATH")}
        return subprocess.run([sys.executable, "-c", code], env=inherited | environment, capture_output=True, text=True, cwd="/")

    def test_what_pip_builds(self):
        spec = importlib.util.spec_from_file_location("build_wheel", os.path.join(SOURCE, "python/build_wheel.py"))
        build_wheel = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(build_wheel)
        code = f"import weir; from weir import _library; weir.Model.load({BUNDLED!r}); print(_library.path(), _library.fingerprint())"
        with tempfile.TemporaryDirectory() as folder:
            build_wheel.LIBRARY = LIBRARY
            wheel = os.path.join(folder, build_wheel.build_wheel(folder))
            with zipfile.ZipFile(wheel) as archive:
                self.assertIsNone(archive.testzip())
                record = next(name for name in archive.namelist() if name.endswith("RECORD"))
                self.assertEqual(sorted(line.split(",")[0] for line in archive.read(record).decode().split()), sorted(archive.namelist()))
                self.assertIn("weir/py.typed", archive.namelist())
                archive.extractall(os.path.join(folder, "site"))
            carried = os.path.join(os.path.realpath(folder), "site/weir/libweir.so")
            got = self.python(code, PYTHONPATH=os.path.join(folder, "site"))
            self.assertEqual(got.stdout.split(), [carried, _library.fingerprint()], got.stderr)
            build_wheel.LIBRARY = os.path.join(folder, "none")
            self.assertTrue(build_wheel.build_wheel(folder).endswith("py3-none-any.whl"))
            editable = os.path.join(folder, build_wheel.build_editable(folder))
            with zipfile.ZipFile(editable) as archive:
                self.assertEqual(archive.read("weir.pth").decode().strip(), os.path.join(SOURCE, "python"))

    def test_a_library_that_is_not_there(self):
        folder = os.path.join(SOURCE, "python")
        got = self.python("import weir, weir.frame; print('in'); weir.Model.load('x')", PYTHONPATH=folder, WEIR_LIBRARY="/nowhere/libweir.so")
        self.assertEqual(got.stdout, "in\n")
        self.assertIn("WEIR_LIBRARY names it", got.stderr)

    def test_types(self):
        if importlib.util.find_spec("mypy") is None:
            self.skipTest("mypy is not at hand")
        got = subprocess.run([sys.executable, "-m", "mypy", "--no-incremental", "--cache-dir", os.devnull, "--config-file", "pyproject.toml"],
                             cwd=os.path.join(SOURCE, "python"), capture_output=True, text=True)
        self.assertEqual(got.returncode, 0, got.stdout + got.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
