"""The Python reader of batch frames against frames and the same values as CSV, both by weir: test_frame.py FRAME_SAMPLE PYTHON_FOLDER"""
import csv
import ctypes
import math
import os
import subprocess
import sys
import tempfile
import unittest

SAMPLE = os.path.abspath(sys.argv[1])
sys.path.insert(0, sys.argv[2])
import numpy  # noqa: E402
from weir import frame  # noqa: E402
from weir.column_list import column_list, xxh3  # noqa: E402


def sample(rows):
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, name) for name in ("frame", "verdicts", "csv", "note")]
        subprocess.run([SAMPLE, str(rows), *paths], check=True)
        with open(paths[0], "rb") as data, open(paths[1], "rb") as verdicts, open(paths[2], newline="") as text, open(paths[3], "rb") as note:
            return data.read(), verdicts.read(), list(csv.DictReader(text)), note.read()


class Frames(unittest.TestCase):
    def test_values(self):
        for rows in 1, 10, 16, 63, 64, 65, 130, 192, 512:
            data, _, expected, _ = sample(rows)
            batch = frame.read(data)
            self.assertEqual((batch.boot, batch.seq, batch.lane, batch.sent_ns), (5, 6, 7, 99))
            self.assertEqual((batch.handed_ns, batch.flags), (1055, frame.DEGRADE))
            self.assertEqual((batch.feature_set_id, batch.sensor), (0x2FE57D38EB78A705, b"sensor-of-a-test"))
            self.assertEqual(batch.sensor_name, "tap")
            self.assertEqual(batch.names, ["dur", "sbytes", "missing"])
            self.assertEqual(batch.features.shape, (rows, 3))
            self.assertEqual(len(expected), rows)
            for r, (row, flow_id) in enumerate(zip(expected, batch.flow_ids())):
                self.assertEqual(flow_id, row["flow_id"])
                for name in "record", "reason", "proto", "sport", "dport", "stime_ns":
                    self.assertEqual(int(batch.identity[name][r]), int(row[name]))
                self.assertEqual(int(batch.closed_ns[r]), int(row["closed_ns"]))
                self.assertEqual([f"{v:.9g}" for v in batch.features[r, :2]], [row["dur"], row["sbytes"]])
                self.assertTrue(math.isnan(batch.features[r, 2]))

    def test_what_is_written_is_weirs_own(self):
        for rows in 1, 16, 63, 64, 65, 130, 512:
            data, *_ = sample(rows)
            b = frame.read(data)
            again = frame.write(b.names, b.features, b.identity, b.feature_set_id, closed_ns=b.closed_ns, sensor=b.sensor,
                                sensor_name=b.sensor_name, boot=b.boot, lane=b.lane, seq=b.seq, sent_ns=b.sent_ns,
                                handed_ns=b.handed_ns, flags=b.flags)
            self.assertEqual(again, data)
        one = frame.read(frame.write(["dur"], b.features[:1, :1], numpy.zeros(1, frame.IDENTITY), 7))
        self.assertEqual((one.names, one.features[0, 0], one.column_list), (["dur"], b.features[0, 0], column_list(7, ["dur"])))
        for wrong in ([], b.features[:, :0]), (["a", "b"], b.features), (["a"], numpy.zeros((513, 1), "f4")):
            with self.assertRaises(ValueError):
                frame.write(*wrong, b.identity, 7)

    def test_column_list_ids(self):
        try:
            library = ctypes.CDLL("libxxhash.so.0")
        except OSError:
            self.skipTest("libxxhash.so.0 is not there")
        theirs = library.XXH3_64bits_withSeed
        theirs.restype, theirs.argtypes = ctypes.c_uint64, [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64]
        for n in range(1, 129):
            for seed in 0, n * 0x9E3779B97F4A7C15 % 2**64:
                text = bytes((7 * i + n) % 256 for i in range(n))
                self.assertEqual(xxh3(text, seed), theirs(text, n, seed), n)

    def test_a_whole_block_is_not_copied(self):
        data, _, _, _ = sample(64)
        self.assertFalse(frame.read(data).features.flags.owndata)

    def test_verdicts(self):
        for rows in 1, 3, 64, 512:
            _, data, expected, _ = sample(rows)
            got = frame.read_verdicts(data)
            self.assertEqual((got.model, got.feature_set, got.classes, got.columns),
                             ("sample:1", "argus", ["benign", "attack"], ["dur", "sbytes", "missing"]))
            self.assertEqual(got.flow_ids(), [row["flow_id"] for row in expected])
            self.assertEqual([f"{score:.9g}" for score in got.score], [row["score"] for row in expected])
            self.assertEqual([got.classes[c] for c in got.class_index], [row["class"] for row in expected])
            self.assertEqual((got.scored_ns - got.closed_ns).tolist(), [7] * rows)
            reasons = dict(got.reasons())
            self.assertEqual(sorted(reasons), [r for r, row in enumerate(expected) if row["reason_0"]])
            for r, causes in reasons.items():
                self.assertEqual([(name, f"{value:.9g}", moved) for name, value, moved in causes],
                                 [("sbytes", expected[r]["sbytes"], 0.5), ("dur", expected[r]["dur"], -0.25)])

    def test_note(self):
        data = sample(3)[3]
        note = frame.read_note(data)
        self.assertEqual((note.sensor, note.sensor_name, note.boot, note.seq, note.sent_ns),
                         (b"sensor-of-a-test", "tap", 5, 1, 99))
        self.assertEqual(note.content, {"health": {"rows": 3}})
        for at in range(len(data)):
            with self.assertRaises(frame.FrameError):
                frame.read_note(data[:at] + bytes([data[at] ^ 4]) + data[at + 1:])
            with self.assertRaises(frame.FrameError):
                frame.read_note(data[:at])
        with self.assertRaises(frame.FrameError):
            frame.read_note(sample(3)[0])

    def test_damage(self):
        data, _, _, _ = sample(10)
        for at in range(0, len(data), 97):
            with self.assertRaises(frame.FrameError):
                frame.read(data[:at] + bytes([data[at] ^ 4]) + data[at + 1:])
        for size in 0, 100, 128, len(data) - 1:
            with self.assertRaises(frame.FrameError):
                frame.read(data[:size])
        with self.assertRaises(frame.FrameError):
            frame.read(data + b"\0")
        with self.assertRaises(frame.FrameError):
            frame.read_verdicts(data)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
