"""Batch frames: what a weir sensor puts into a queue, as NumPy arrays.

    import weir.frame
    batch = weir.frame.read(message)          # bytes of one frame
    batch.names                               # ['dur', 'sbytes', ...]
    batch.features                            # float32, rows x columns, NaN = missing
    batch.identity['flow_id_high'], batch.identity['sport']

The layout is that of docs/frame.md. Nothing but NumPy is needed; a checksum library is used when there is one.
"""
from __future__ import annotations

import dataclasses
import struct

import numpy

MAGIC = b"\x89WEIRF\r\n"
VERSION = 1
BATCH = 1
BLOCK = 64
ROWS_MAX = 512
REASONS = ("status", "close", "reuse", "idle", "shutdown", "evicted")

IDENTITY = numpy.dtype(
    {
        "names": ["flow_id_high", "flow_id_low", "record", "reason", "ip_version", "proto", "ports", "sport", "dport", "src", "dst",
                  "stime_ns", "ltime_ns"],
        "formats": ["<u8", "<u8", "<u4", "u1", "u1", "u1", "u1", "<u2", "<u2", "V16", "V16", "<i8", "<i8"],
        "offsets": [0, 8, 16, 20, 21, 22, 23, 24, 26, 28, 44, 64, 72],
        "itemsize": 80,
    }
)

_HEAD = struct.Struct("<8sHHIQQQ16sQQIHHIIq32x")


class FrameError(ValueError):
    """The bytes are no frame that this reader knows, or were changed on the way."""


@dataclasses.dataclass(frozen=True)
class Batch:
    feature_set: int
    column_list: int
    sensor: bytes
    boot: int
    lane: int
    seq: int
    sent_ns: int
    names: list[str]
    identity: numpy.ndarray
    closed_ns: numpy.ndarray
    features: numpy.ndarray

    def flow_ids(self) -> list[str]:
        """The flow ids as UUID texts, as the store and EVE have them."""
        texts = (f"{high:016x}{low:016x}" for high, low in zip(self.identity["flow_id_high"].tolist(),
                                                               self.identity["flow_id_low"].tolist()))
        return [f"{t[:8]}-{t[8:12]}-{t[12:16]}-{t[16:20]}-{t[20:]}" for t in texts]


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


def read(data: bytes, check: bool = True) -> Batch:
    """Reads one frame. `check`: compare the checksum. Identities, times and whole blocks are views of `data`; `features` is a
    view too when the rows are one whole block, else a copy in row order. FrameError says what is wrong and where."""
    if len(data) < _HEAD.size:
        raise FrameError(f"{len(data)} bytes are no frame: its head alone has {_HEAD.size}")
    (magic, version, kind, crc, size, feature_set, column_list, sensor, boot, seq, lane, columns, rows, names_bytes, _,
     sent_ns) = _HEAD.unpack_from(data)
    if magic != MAGIC:
        raise FrameError("offset 0: no weir frame")
    if version != VERSION or kind != BATCH:
        raise FrameError(f"offset 8: version {version}, kind {kind}; this reader knows version {VERSION}, kind {BATCH}")
    if not 1 <= rows <= ROWS_MAX or not columns:
        raise FrameError(f"offset 76: {columns} columns, {rows} rows")
    names_at = _HEAD.size
    identity_at = _up(names_at + names_bytes, 64)
    closed_at = _up(identity_at + rows * IDENTITY.itemsize, 64)
    values_at = _up(closed_at + rows * 8, 64)
    full, rest = divmod(rows, BLOCK)
    stride = _up(rest, 16)
    end = values_at + 4 * columns * (full * BLOCK + stride)
    if size != len(data) or end != len(data):
        raise FrameError(f"offset 16: {len(data)} bytes came, the frame says {size}, its rows and columns take {end}")
    if check and crc != crc32c(data[16:], crc32c(data[:12])):
        raise FrameError("offset 12: the checksum differs; the bytes changed on the way")
    names = bytes(data[names_at:names_at + names_bytes]).decode().split("\0")
    if len(names) != columns + 1 or names.pop():
        raise FrameError(f"offset {names_at}: {columns} columns, {len(names)} names")
    values = numpy.frombuffer(data, "<f4", columns * (full * BLOCK + stride), values_at)
    blocks = values[:full * columns * BLOCK].reshape(full, columns, BLOCK)
    parts = [block.T for block in blocks]
    if rest:
        parts.append(values[full * columns * BLOCK:].reshape(columns, stride)[:, :rest].T)
    return Batch(feature_set, column_list, sensor, boot, lane, seq, sent_ns, names,
                 numpy.frombuffer(data, IDENTITY, rows, identity_at), numpy.frombuffer(data, "<i8", rows, closed_at),
                 parts[0] if len(parts) == 1 else numpy.concatenate(parts))
