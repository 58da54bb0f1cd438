"""Tasks of a survey through libweir: test_task.py WEIR LIBWEIR SOURCE_FOLDER"""
import json
import os
import subprocess
import sys
import tempfile
import threading
import unittest

WEIR, LIBRARY, SOURCE = (os.path.abspath(path) for path in sys.argv[1:])
os.environ["WEIR_LIBRARY"] = LIBRARY
sys.path[:0] = [os.path.join(SOURCE, "python"), os.path.dirname(os.path.abspath(__file__))]
import frames  # noqa: E402
import numpy  # noqa: E402
import weir.survey  # noqa: E402
from weir.survey import ray_engine  # noqa: E402


class Tasks(unittest.TestCase):
    def setUp(self):
        self.data = numpy.frombuffer(frames.made("flows", 900, 3), numpy.uint8)

    def test_a_task(self):
        done = weir.survey.run_task(self.data, frames.task("one", "flows", "decision-tree"))
        result = done.result
        self.assertEqual((result["id"], result["status"], result["error"], result["seed"]), ("one", "done", None, 1))
        self.assertEqual(result["result"]["train_rows"] + result["result"]["test_rows"], 900)
        self.assertEqual(result["result"]["model_bytes"], len(done.model))
        self.assertGreater(result["result"]["metrics"]["accuracy"], 0.8)
        # The model says of the test rows what the result says it does.
        with tempfile.NamedTemporaryFile(suffix=".weir") as file:
            file.write(done.model)
            file.flush()
            labels = numpy.frombuffer(self.data, "<u4", 900, frames.ALIGN * (1 + -(-self.head_bytes() // frames.ALIGN)))
            values = self.values()
            test = numpy.random.default_rng(3)
            with weir.Model.load(file.name) as model:
                alert = model.predict(values).alert
            test = numpy.unpackbits(self.data[-frames.ALIGN * 2:], bitorder="little")[:900].astype(bool)
            self.assertEqual(test.sum(), result["result"]["test_rows"])
            self.assertAlmostEqual((alert == (labels == 1))[test].mean(), result["result"]["metrics"]["accuracy"], places=12)

    def head_bytes(self):
        return int.from_bytes(self.data[32:40].tobytes(), "little")

    def values(self):
        at = frames.ALIGN * (1 + -(-self.head_bytes() // frames.ALIGN)) + 900 * 4 + -900 * 4 % frames.ALIGN
        step = 900 * 4 + -900 * 4 % frames.ALIGN
        return numpy.stack([numpy.frombuffer(self.data, "<f4", 900, at + c * step) for c in range(6)], axis=1)

    def test_the_same_every_time_and_in_threads(self):
        for algorithm in ("random-forest", "logistic-regression", "gaussian-nb"):
            task = frames.task("t", "flows", algorithm)
            first, others = weir.survey.run_task(self.data, task), []
            threads = [threading.Thread(target=lambda: others.append(weir.survey.run_task(self.data.tobytes(), json.dumps(task)))) for _ in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            for other in others:
                self.assertEqual((other.model, other.result["result"]), (first.model, first.result["result"]))
            self.assertEqual(len(others), 3)

    def test_what_fails_is_told(self):
        done = weir.survey.run_task(self.data, frames.task("x", "flows", "astrology"))
        self.assertEqual((done.result["status"], done.model), ("failed", None))
        self.assertIn("astrology", done.result["error"])
        mine = json.loads(ray_engine.failed(frames.task("x", "flows", "astrology"), done.result["error"]).text)
        theirs = {**done.result, "cost": None}
        self.assertEqual((list(mine), mine), (list(theirs), theirs))
        for data, task, name in ((self.data[:100], frames.task("x", "flows", "lda"), "WEIR_ERR_FORMAT"),
                                 (self.data, "{}", "WEIR_ERR_FORMAT"), (self.data, "no JSON", "WEIR_ERR_FORMAT"),
                                 (self.data, frames.task("x", "others", "lda"), "WEIR_ERR_FORMAT"), (b"", "{}", "WEIR_ERR_FORMAT")):
            with self.assertRaises(weir.Error) as caught:
                weir.survey.run_task(data, task)
            self.assertEqual(caught.exception.name, name)

    def test_the_engine_says_what_it_wants(self):
        def engine(*arguments):
            return subprocess.run([sys.executable, "-m", "weir.survey", *arguments], capture_output=True, text=True,
                                  env={**os.environ, "PYTHONPATH": os.path.join(SOURCE, "python")})

        with tempfile.TemporaryDirectory() as place:
            got = engine(place)
            self.assertEqual((got.returncode, "plan.json" in got.stderr), (1, True), got.stderr)
            frames.folder(os.path.join(place, "none"), {}, [])
            self.assertEqual(engine(os.path.join(place, "none")).returncode, 0)
        self.assertEqual(engine("--jobs", "0", "x").returncode, 2)
        self.assertIn("--address", engine("--help").stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
