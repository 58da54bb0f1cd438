"""The Python reader of batch frames against frames and the same values as CSV, both by weir: test_frame.py FRAME_SAMPLE PYTHON_FOLDER"""
import csv
import math
import os
import subprocess
import sys
import tempfile
import unittest

SAMPLE = os.path.abspath(sys.argv[1])
sys.path.insert(0, sys.argv[2])
from weir import frame  # noqa: E402


def sample(rows):
    with tempfile.TemporaryDirectory() as folder:
        paths = os.path.join(folder, "frame"), os.path.join(folder, "csv")
        subprocess.run([SAMPLE, str(rows), *paths], check=True)
        with open(paths[0], "rb") as data, open(paths[1], newline="") as text:
            return data.read(), list(csv.DictReader(text))


class Frames(unittest.TestCase):
    def test_values(self):
        for rows in 1, 10, 16, 63, 64, 65, 130, 192, 512:
            data, expected = sample(rows)
            batch = frame.read(data)
            self.assertEqual((batch.boot, batch.seq, batch.lane, batch.sent_ns), (5, 6, 7, 99))
            self.assertEqual((batch.feature_set, batch.sensor), (0x2FE57D38EB78A705, b"sensor-of-a-test"))
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

    def test_a_whole_block_is_not_copied(self):
        data, _ = sample(64)
        self.assertFalse(frame.read(data).features.flags.owndata)

    def test_damage(self):
        data, _ = sample(10)
        for at in range(0, len(data), 97):
            with self.assertRaises(frame.FrameError):
                frame.read(data[:at] + bytes([data[at] ^ 4]) + data[at + 1:])
        for size in 0, 100, 128, len(data) - 1:
            with self.assertRaises(frame.FrameError):
                frame.read(data[:size])
        with self.assertRaises(frame.FrameError):
            frame.read(data + b"\0")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
