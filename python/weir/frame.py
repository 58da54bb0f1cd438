"""Frames: what weir's sensors put into a queue and its workers answer, as NumPy arrays.

    import weir.frame
    batch = weir.frame.read(message)          # bytes of one frame
    batch.names                               # ['dur', 'sbytes', ...]
    batch.features                            # float32, rows x columns, NaN = missing
    batch.identity['flow_id_high'], batch.identity['sport']
    verdicts = weir.frame.read_verdicts(message)
    message = weir.frame.write(names, features, identity, feature_set_id)
    weir.frame.kind(message)                  # BATCH, VERDICTS or NOTE
    weir.frame.read_note(message).content     # {'health': {...}}

The layout is that of docs/frame.md. Nothing but NumPy is needed; a checksum library is used when there is one.
"""
from __future__ import annotations

import dataclasses
import json
import struct
import time
from collections.abc import Iterator, Sequence

import numpy

from .column_list import column_list

MAGIC = b"\x89WEIRF\r\n"
VERSION = 1
BATCH, VERDICTS, NOTE = 1, 2, 3
DEGRADE, BRIEF, ALERTS_ONLY = 1, 2, 4  # flags
NOTE_LANE = 0xFFFFFFFF
BLOCK = 64
ROWS_MAX = 512
REASONS = ("status", "close", "reuse", "idle", "shutdown", "evicted", "aggregated", "ingested")

IDENTITY = numpy.dtype(
    {
        "names": ["flow_id_high", "flow_id_low", "record", "reason", "ip_version", "proto", "ports", "sport", "dport", "src", "dst",
                  "stime_ns", "ltime_ns"],
        "formats": ["<u8", "<u8", "<u4", "u1", "u1", "u1", "u1", "<u2", "<u2", "V16", "V16", "<i8", "<i8"],
        "offsets": [0, 8, 16, 20, 21, 22, 23, 24, 26, 28, 44, 64, 72],
        "itemsize": 80,
    }
)

CAUSES = numpy.dtype([("row", "<u2"), ("count", "<u2"),
                      ("cause", [("column", "<u2"), ("zero", "<u2"), ("value", "<f4"), ("contribution", "<f4")], 5)])

_HEAD = struct.Struct("<8sHHIQQQ16sQQIHHIIqfHHq16x")


class FrameError(ValueError):
    """The bytes are no frame that this reader knows, or were changed on the way."""


@dataclasses.dataclass(frozen=True)
class Rows:
    """What both kinds of frames say of their rows."""

    feature_set_id: int
    column_list: int
    sensor: bytes
    sensor_name: str
    boot: int
    lane: int
    seq: int
    sent_ns: int
    handed_ns: int
    flags: int
    identity: numpy.ndarray
    closed_ns: numpy.ndarray

    def flow_ids(self) -> list[str]:
        """The flow ids as UUID texts, as the store and EVE have them."""
        texts = (f"{high:016x}{low:016x}" for high, low in zip(self.identity["flow_id_high"].tolist(),
                                                               self.identity["flow_id_low"].tolist()))
        return [f"{t[:8]}-{t[8:12]}-{t[12:16]}-{t[16:20]}-{t[20:]}" for t in texts]


@dataclasses.dataclass(frozen=True)
class Batch(Rows):
    names: list[str]
    features: numpy.ndarray


@dataclasses.dataclass(frozen=True)
class Verdicts(Rows):
    model: str
    feature_set: str
    threshold: float
    classes: list[str]
    columns: list[str]
    scored_ns: numpy.ndarray
    score: numpy.ndarray
    class_index: numpy.ndarray
    causes: numpy.ndarray

    def reasons(self) -> Iterator[tuple[int, list[tuple[str, float, float]]]]:
        """For each alert its row and (column, value, contribution), the strongest first."""
        for alert in self.causes:
            yield int(alert["row"]), [(self.columns[c["column"]], float(c["value"]), float(c["contribution"]))
                                      for c in alert["cause"][:alert["count"]]]


@dataclasses.dataclass(frozen=True)
class Note:
    """What a sensor tells beside its batches."""

    sensor: bytes
    sensor_name: str
    boot: int
    seq: int
    sent_ns: int
    content: dict[str, object]


def _table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _table()


def crc32c(data: bytes, crc: int = 0) -> int:
    """CRC32C (Castagnoli); slow, but everywhere."""
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


try:
    from crc32c import crc32c  # type: ignore[import-not-found,no-redef]  # noqa: F811
except ImportError:
    pass


def _up(size: int, to: int) -> int:
    return -(-size // to) * to


@dataclasses.dataclass
class _Reader:
    """Hands out one part of a frame after the other."""

    data: bytes
    at: int
    rows: int
    columns: int
    alerts: int
    threshold: float
    classes: int
    names_bytes: int
    common: dict[str, object]

    def take(self, kind: object, count: int) -> numpy.ndarray:
        dtype = numpy.dtype(kind)  # type: ignore[call-overload]
        start = _up(self.at, 64)
        self.at = start + count * dtype.itemsize
        if self.at > len(self.data):
            raise FrameError(f"offset {start}: {count} x {dtype.itemsize} bytes are needed, {len(self.data) - start} are left")
        return numpy.frombuffer(self.data, dtype, count, start)

    def names(self, count: int) -> list[str]:
        names = self.take("u1", self.names_bytes).tobytes().split(b"\0")
        if names.pop() or len(names) != count or not all(names):
            raise FrameError(f"offset {_HEAD.size}: {count} names are needed")
        return [name.decode("utf-8", "replace") for name in names]

    def identities(self) -> None:
        self.common["identity"] = self.take(IDENTITY, self.rows)
        self.common["closed_ns"] = self.take("<i8", self.rows)

    def end(self) -> None:
        if self.at != len(self.data):
            raise FrameError(f"offset {self.at}: the frame goes on behind its last part")


def _open(data: bytes, kind: int, check: bool) -> _Reader:
    if len(data) < _HEAD.size:
        raise FrameError(f"{len(data)} bytes are no frame: its head alone has {_HEAD.size}")
    (magic, version, found, crc, size, feature_set, column_list, sensor, boot, seq, lane, columns, rows, names_bytes, alerts,
     sent_ns, threshold, classes, flags, handed_ns) = _HEAD.unpack_from(data)
    if magic != MAGIC:
        raise FrameError("offset 0: no weir frame")
    if version != VERSION or found != kind:
        raise FrameError(f"offset 8: version {version}, kind {found}; version {VERSION}, kind {kind} is what is read here")
    if kind == NOTE:
        if rows or columns or lane != NOTE_LANE:
            raise FrameError(f"offset 72: a note of lane {lane} with {rows} rows and {columns} columns")
    elif not 1 <= rows <= ROWS_MAX or not columns:
        raise FrameError(f"offset 76: {columns} columns, {rows} rows")
    if size != len(data):
        raise FrameError(f"offset 16: {len(data)} bytes came, the frame says {size}")
    if check and crc != crc32c(data[16:], crc32c(data[:12])):
        raise FrameError("offset 12: the checksum differs; the bytes changed on the way")
    common: dict[str, object] = {"feature_set_id": feature_set, "column_list": column_list, "sensor": sensor, "boot": boot,
                                 "lane": lane, "seq": seq, "sent_ns": sent_ns, "handed_ns": handed_ns, "flags": flags}
    return _Reader(data, _HEAD.size, rows, columns, alerts, threshold, classes, names_bytes, common)


def read(data: bytes, check: bool = True) -> Batch:
    """Reads a batch frame. `check`: compare the checksum. Identities, times and whole blocks are views of `data`; `features` is
    one too when the rows are one block, else a copy in row order. FrameError says what is wrong and where."""
    frame = _open(data, BATCH, check)
    frame.common["sensor_name"], *names = frame.names(1 + frame.columns)
    frame.identities()
    full, rest = divmod(frame.rows, BLOCK)
    stride = _up(rest, 16)
    values = frame.take("<f4", frame.columns * (full * BLOCK + stride))
    frame.end()
    parts = [block.T for block in values[:full * frame.columns * BLOCK].reshape(full, frame.columns, BLOCK)]
    if rest:
        parts.append(values[full * frame.columns * BLOCK:].reshape(frame.columns, stride)[:, :rest].T)
    return Batch(**frame.common, names=names, features=parts[0] if len(parts) == 1 else numpy.concatenate(parts))  # type: ignore[arg-type]


def write(names: Sequence[str], features: numpy.ndarray, identity: numpy.ndarray, feature_set_id: int, *,
          closed_ns: numpy.ndarray | None = None, sensor: bytes = bytes(16), sensor_name: str = "python", boot: int = 0, lane: int = 0,
          seq: int = 0, sent_ns: int | None = None, handed_ns: int = 0, flags: int = 0) -> bytes:
    """Makes a batch frame of up to 512 rows. `features`: rows x columns, NaN = missing, categories as codes; `identity`: rows of IDENTITY
    (numpy.zeros(rows, IDENTITY), then fill in who and when); `feature_set_id`: that of the model card. `closed_ns` defaults to now."""
    rows, columns = features.shape
    if not 1 <= rows <= ROWS_MAX or columns != len(names) or not columns or identity.shape != (rows,) or identity.dtype != IDENTITY:
        raise ValueError(f"{rows} rows of {columns} columns, {len(names)} names, identities {identity.shape} of {identity.dtype}")
    now = time.time_ns()
    text = b"".join(name.encode() + b"\0" for name in (sensor_name, *names))
    full, rest = divmod(rows, BLOCK)
    values = numpy.asarray(features, "<f4")
    tail = numpy.zeros((columns, _up(rest, 16)), "<f4")
    tail[:, :rest] = values[full * BLOCK:].T
    parts = [_HEAD.pack(MAGIC, VERSION, BATCH, 0, 0, feature_set_id, column_list(feature_set_id, names), sensor, boot, seq, lane, columns,
                        rows, len(text), 0, now if sent_ns is None else sent_ns, 0.0, 0, flags, handed_ns) + text,
             _wiped(identity).tobytes(),
             numpy.full(rows, now, "<i8").tobytes() if closed_ns is None else numpy.asarray(closed_ns, "<i8").tobytes(),
             values[:full * BLOCK].reshape(full, BLOCK, columns).transpose(0, 2, 1).tobytes() + tail.tobytes()]
    data = bytearray()
    for part in parts:
        data += bytes(_up(len(data), BLOCK) - len(data)) + part
    struct.pack_into("<Q", data, 16, len(data))
    struct.pack_into("<I", data, 12, crc32c(bytes(data[16:]), crc32c(bytes(data[:12]))))
    return bytes(data)


def _wiped(identity: numpy.ndarray) -> numpy.ndarray:
    """The same rows with 0 between the fields."""
    clean = numpy.zeros(len(identity), IDENTITY)
    for name in IDENTITY.names or ():
        clean[name] = identity[name]
    return clean


def read_verdicts(data: bytes, check: bool = True) -> Verdicts:
    """Reads a verdict frame; all arrays are views of `data`."""
    frame = _open(data, VERDICTS, check)
    frame.common["sensor_name"], *names = frame.names(3 + frame.classes + frame.columns)
    frame.identities()
    scored_ns, score = frame.take("<i8", frame.rows), frame.take("<f4", frame.rows)
    class_index, causes = frame.take("<u2", frame.rows), frame.take(CAUSES, frame.alerts)
    frame.end()
    if (class_index >= frame.classes).any() or (causes["row"] >= frame.rows).any() or (causes["count"] > 5).any():
        raise FrameError("a row's class, or an alert, is out of range")
    return Verdicts(**frame.common, model=names[0], feature_set=names[1], threshold=frame.threshold,  # type: ignore[arg-type]
                    classes=names[2:2 + frame.classes], columns=names[2 + frame.classes:], scored_ns=scored_ns, score=score,
                    class_index=class_index, causes=causes)


def kind(data: bytes) -> int:
    """What kind of frame the bytes say they are; 0: no frame. Nothing else is looked at."""
    return int(_HEAD.unpack_from(data)[2]) if len(data) >= _HEAD.size and data[:8] == MAGIC else 0


def read_note(data: bytes, check: bool = True) -> Note:
    """Reads a note."""
    frame = _open(data, NOTE, check)
    if frame.at + frame.names_bytes != len(data):
        raise FrameError(f"offset {frame.at}: {frame.names_bytes} bytes of texts in a frame of {len(data)}")
    name, text = frame.names(2)
    try:
        content = json.loads(text)
    except ValueError as wrong:
        raise FrameError(f"the note is no JSON: {wrong}") from wrong
    if not isinstance(content, dict):
        raise FrameError("the note is no JSON object")
    common = {key: frame.common[key] for key in ("sensor", "boot", "seq", "sent_ns")}
    return Note(**common, sensor_name=name, content=content)  # type: ignore[arg-type]
