"""Frames and plans of a survey made by NumPy alone, as docs/survey.md describes them."""
import json
import os
import struct

import numpy

ALIGN = 64


def _padded(data):
    return data + bytes(-len(data) % ALIGN)


def frame(name, columns, values, labels, classes, train, test):
    """values: [rows][columns]; labels: index in classes for each row; train, test: bool for each row."""
    rows = len(values)
    head = json.dumps({"name": name, "data_set": None, "fingerprint": "0" * 32, "rows": rows, "columns": [{"name": c} for c in columns],
                       "label_values": classes, "classes": classes, "benign": 0, "class_of": list(range(len(classes))),
                       "feature_set": "none", "feature_set_id": "0" * 16, "defaults": {},
                       "splits": [{"name": "main", "test_data": None, "test_fingerprint": None}]}).encode()
    parts = [_padded(head), _padded(numpy.asarray(labels, "<u4").tobytes())]
    parts += [_padded(numpy.ascontiguousarray(values[:, c], "<f4").tobytes()) for c in range(len(columns))]
    parts += [_padded(numpy.packbits(rows_of, bitorder="little").tobytes()) for rows_of in (train, test)]
    size = ALIGN + sum(map(len, parts))
    return struct.pack("<8sIIQQQQ16x", b"\x89WFR\r\n\x1a\n", 1, len(columns), rows, 1, len(head), size) + b"".join(parts)


def made(name, rows, seed):
    """A frame of two classes that can be told apart, with some missing values."""
    random = numpy.random.default_rng(seed)
    values = random.normal(size=(rows, 6)).astype(numpy.float32)
    labels = (values[:, 0] + values[:, 1] ** 2 - values[:, 4] + 0.3 * random.normal(size=rows) > 0.5).astype(int)
    values[random.random(values.shape) < 0.01] = numpy.nan
    test = random.random(rows) < 0.2
    return frame(name, list("abcdef"), values, labels, ["benign", "attack"], ~test, test)


def task(identity, data, algorithm, seed=1, cost=1.0, **more):
    return {"id": identity, "data": data, "split": "main", "algorithm": algorithm, "params": {}, "scale": "none", "seed": seed, "fold": None,
            "threshold": 0.5, "cost": cost, **more}


def folder(path, frames, tasks):
    """What `weir survey` leaves for its engines."""
    os.makedirs(os.path.join(path, "data"))
    os.makedirs(os.path.join(path, "tasks"))
    for name, data in frames.items():
        with open(os.path.join(path, "data", name + ".frame"), "wb") as file:
            file.write(data)
    with open(os.path.join(path, "plan.json"), "w") as file:
        json.dump({"data": {name: {"frame": f"data/{name}.frame"} for name in frames}, "tasks": tasks}, file)
