#!/usr/bin/env python3
"""Writes the seeds of fuzz_frame, fuzz_verdict_frame, fuzz_note_frame and fuzz_outbox from what the tests' frame_sample writes: make_frames.py FRAME_SAMPLE. Always
the same bytes; the targets mend the checksums."""
import pathlib
import subprocess
import sys
import tempfile

corpus = pathlib.Path(__file__).resolve().parent
here, verdicts, notes = corpus / "frame", corpus / "verdict_frame", corpus / "note_frame"
here.mkdir(exist_ok=True)
verdicts.mkdir(exist_ok=True)
notes.mkdir(exist_ok=True)
with tempfile.TemporaryDirectory() as folder:
    for rows in 1, 16, 64, 70:
        subprocess.run([sys.argv[1], str(rows), str(here / f"rows-{rows}"), str(verdicts / f"rows-{rows}"), folder + "/csv",
                        str(notes / "note")], check=True)


def damage(folder, seed, cases):
    data = bytearray((folder / seed).read_bytes())
    for name, at, value in cases:
        bad = data[:]
        bad[at] = value
        (folder / name).write_bytes(bad)
    (folder / "cut").write_bytes(data[:len(data) * 2 // 3 if len(data) < 200 else 200])


damage(here, "rows-1", (("version", 8, 2), ("kind", 10, 2), ("no-rows", 78, 0), ("rows", 79, 2), ("columns", 77, 0x10), ("names", 81, 1),
                        ("size", 16, 0), ("empty-name", 128, 0), ("reason", 192 + 20, 99), ("list", 32, 0)))
damage(verdicts, "rows-16", (("classes", 100, 9), ("alerts", 84, 17), ("class", 1792, 9), ("cause-row", 1856, 200), ("names", 80, 1)))
damage(notes, "note", (("lane", 72, 0), ("rows", 78, 1), ("kind", 10, 1), ("names", 83, 1), ("empty-name", 128, 0), ("size", 16, 0)))

outbox = corpus / "outbox"
outbox.mkdir(exist_ok=True)
note, batch = (notes / "note").read_bytes(), (here / "rows-1").read_bytes()


def pages(*frames):
    data = b""
    for frame in frames:
        data += b"\0" * (-len(data) % 4096) + frame
    return data


(outbox / "two").write_bytes(pages(note, batch))
(outbox / "twice").write_bytes(pages(batch, note, batch))
(outbox / "cut").write_bytes(pages(note, batch[:-1]))
(outbox / "last-number").write_bytes(pages(note[:64] + b"\xff" * 8 + note[72:]))
(outbox / "another-sensor").write_bytes(pages(note[:40] + b"another sensor's" + note[56:]))
(outbox / "wiped").write_bytes(pages(b"\0" * 8 + note[8:], note))
