"""Column-list ids: what names the columns of a batch frame, a hash of the feature set's id and the ordered names.

    column_list(0x2FE57D38EB78A705, ["dur", "sbytes"])

The hash is XXH3, 64 bits, with a seed, for texts of 1 to 128 bytes. Source: the specification and the constants in xxhash.h.
"""
from __future__ import annotations

from collections.abc import Iterable

_MASK = (1 << 64) - 1
_SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c"
    "3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364")


def _word(data: bytes, at: int, size: int = 8) -> int:
    return int.from_bytes(data[at:at + size], "little")


def _swapped(value: int, size: int) -> int:
    return int.from_bytes(value.to_bytes(size, "little"), "big")


def _fold(a: int, b: int) -> int:
    product = a * b
    return (product ^ product >> 64) & _MASK


def _avalanche(h: int) -> int:
    h = (h ^ h >> 37) * 0x165667919E3779F9 & _MASK
    return h ^ h >> 32


def _to_3(data: bytes, seed: int) -> int:
    n = len(data)
    combined = data[0] << 16 | data[n >> 1] << 24 | data[n - 1] | n << 8
    h = combined ^ ((_word(_SECRET, 0, 4) ^ _word(_SECRET, 4, 4)) + seed & _MASK)
    h = (h ^ h >> 33) * 0xC2B2AE3D27D4EB4F & _MASK
    h = (h ^ h >> 29) * 0x165667B19E3779F9 & _MASK
    return h ^ h >> 32


def _to_8(data: bytes, seed: int) -> int:
    n = len(data)
    seed ^= _swapped(seed & 0xFFFFFFFF, 4) << 32
    flip = (_word(_SECRET, 8) ^ _word(_SECRET, 16)) - seed & _MASK
    h = (_word(data, n - 4, 4) + (_word(data, 0, 4) << 32)) ^ flip
    h ^= (h << 49 | h >> 15) & _MASK ^ (h << 24 | h >> 40) & _MASK
    h = h * 0x9FB21C651E98DF25 & _MASK
    h = (h ^ (h >> 35) + n) * 0x9FB21C651E98DF25 & _MASK
    return h ^ h >> 28


def _to_16(data: bytes, seed: int) -> int:
    n = len(data)
    low = _word(data, 0) ^ ((_word(_SECRET, 24) ^ _word(_SECRET, 32)) + seed & _MASK)
    high = _word(data, n - 8) ^ ((_word(_SECRET, 40) ^ _word(_SECRET, 48)) - seed & _MASK)
    return _avalanche(n + _swapped(low, 8) + high + _fold(low, high) & _MASK)


def _to_128(data: bytes, seed: int) -> int:
    n = len(data)
    h = n * 0x9E3779B185EBCA87
    for i in reversed(range((n + 31) // 32)):  # pairs of 16 bytes from both ends
        for at, secret in ((16 * i, 32 * i), (n - 16 * (i + 1), 32 * i + 16)):
            h += _fold(_word(data, at) ^ (_word(_SECRET, secret) + seed & _MASK),
                       _word(data, at + 8) ^ (_word(_SECRET, secret + 8) - seed & _MASK))
    return _avalanche(h & _MASK)


def xxh3(data: bytes, seed: int = 0) -> int:
    """XXH3 of 1 to 128 bytes."""
    if not 1 <= len(data) <= 128:
        raise ValueError(f"{len(data)} bytes; 1 to 128 are hashed here")
    return (_to_3 if len(data) < 4 else _to_8 if len(data) < 9 else _to_16 if len(data) < 17 else _to_128)(data, seed)


def column_list(feature_set_id: int, names: Iterable[str]) -> int:
    """The id of these columns in this order."""
    h = xxh3(feature_set_id.to_bytes(8, "little"))
    for name in names:
        h = xxh3(name.encode() + b"\0", h)
    return h
