#!/usr/bin/env python3
"""Writes the seeds of fuzz_frame: make_frames.py, in this folder. Always the same bytes; the target mends the checksums, and column
lists (an XXH3 of the names) come from frames that weir wrote: make_frames.py FRAME_SAMPLE, the program of the tests."""
import pathlib
import subprocess
import sys
import tempfile

here = pathlib.Path(__file__).resolve().parent / "frame"
here.mkdir(exist_ok=True)
with tempfile.TemporaryDirectory() as folder:
    for rows in 1, 16, 64, 70:
        subprocess.run([sys.argv[1], str(rows), str(here / f"rows-{rows}"), folder + "/csv"], check=True)
data = bytearray((here / "rows-1").read_bytes())
for name, at, value in (("version", 8, 2), ("kind", 10, 2), ("no-rows", 78, 0), ("rows", 79, 2), ("columns", 77, 0x10), ("names", 81, 1),
                        ("size", 16, 0), ("empty-name", 128, 0), ("reason", 192 + 20, 99), ("list", 32, 0)):
    bad = data[:]
    bad[at] = value
    (here / name).write_bytes(bad)
(here / "cut").write_bytes(data[:200])
