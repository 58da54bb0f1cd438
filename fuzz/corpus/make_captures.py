#!/usr/bin/env python3
"""Writes the seeds of fuzz_pcap, fuzz_pcapng and fuzz_capture: make_captures.py, in this folder. Always the same bytes."""
import gzip
import pathlib
import struct

here = pathlib.Path(__file__).resolve().parent
FRAME = bytes.fromhex('020000000001020000000002080045000024000100004011000000000000c6336402c0000201003500350010000068656c6c6f212121')
MICRO, NANO, MODIFIED = 0xA1B2C3D4, 0xA1B23C4D, 0xA1B2CD34


def pcap(order, magic, minor=4, link=1):
    out = struct.pack(order + 'IHHiIII', magic, 2, minor, 0, 0, 262144, link)
    for i in range(3):
        data = FRAME[:len(FRAME) - i]
        out += struct.pack(order + 'IIII', 1700000000 + i, i, len(data), len(FRAME))
        out += bytes(8) if magic == MODIFIED else b''
        out += data
    return out


def block(order, kind, body):
    body += bytes(-len(body) % 4)
    size = struct.pack(order + 'I', 12 + len(body))
    return struct.pack(order + 'I', kind) + size + body + size


def option(order, code, value):
    return struct.pack(order + 'HH', code, len(value)) + value + bytes(-len(value) % 4)


def section(order, *interfaces):
    out = block(order, 0x0A0D0D0A, struct.pack(order + 'IHHq', 0x1A2B3C4D, 1, 0, -1) + option(order, 4, b'weir'))
    for link, options in interfaces:
        body = struct.pack(order + 'HHI', link, 0, 64)
        for code, value in options:
            body += option(order, code, value)
        out += block(order, 1, body + option(order, 0, b''))
    return out


def enhanced(order, interface, ticks):
    head = struct.pack(order + 'IIIII', interface, ticks >> 32, ticks & 0xFFFFFFFF, len(FRAME), len(FRAME))
    return block(order, 6, head + FRAME + bytes(-len(FRAME) % 4) + option(order, 2, struct.pack(order + 'I', 1)))


def obsolete(order, interface, ticks):
    return block(order, 2, struct.pack(order + 'HHIIII', interface, 7, ticks >> 32, ticks & 0xFFFFFFFF, 20, 60) + FRAME[:20])


def simple(order, length):
    return block(order, 3, struct.pack(order + 'I', length) + FRAME[:min(length, 64)])


def pcapng(order):
    out = section(order, (1, []), (101, [(9, b'\x09'), (14, struct.pack(order + 'q', -3))]), (113, [(9, b'\xa0'), (13, b'\x04')]))
    out += enhanced(order, 0, 1700000000000000) + block(order, 0xBAD, b'unknown') + enhanced(order, 1, 5000000000)
    return out + obsolete(order, 2, 7 << 32) + simple(order, 50) + block(order, 5, bytes(20))


SEEDS = {
    'pcap': {
        'micro': pcap('<', MICRO), 'micro-big': pcap('>', MICRO), 'nano': pcap('<', NANO), 'nano-big': pcap('>', NANO),
        'modified': pcap('<', MODIFIED), 'version-2.2': pcap('<', MICRO, minor=2), 'version-2.3': pcap('<', MICRO, minor=3),
        'fcs': pcap('<', MICRO, link=0x24000001), 'cut': pcap('<', MICRO)[:-3], 'header': pcap('<', MICRO)[:24],
        'too-long': pcap('<', MICRO) + struct.pack('<IIII', 1, 2, 0x7FFFFFFF, 3),
    },
    'pcapng': {
        'little': pcapng('<'), 'big': pcapng('>'), 'sections': pcapng('<') + pcapng('>') + pcapng('<'),
        'long-unknown': section('<', (1, [])) + block('<', 10, bytes(5000)) + enhanced('<', 0, 1), 'cut': pcapng('<')[:-9],
        'largest-lengths': section('<') + struct.pack('<II', 1, 2000) + bytes(2100),  # as large as the target lets a block be, and damaged
        'lengths': section('<', (1, [])) + enhanced('<', 0, 1)[:-4] + bytes(4), 'no-interface': section('<') + simple('<', 50),
    },
    'capture': {
        'pcap': pcap('<', MICRO), 'pcapng': pcapng('>'), 'gzip': gzip.compress(pcap('<', MICRO), mtime=0),
        'members': gzip.compress(pcap('<', NANO)[:50], mtime=0) + gzip.compress(pcap('<', NANO)[50:], mtime=0),
        # a zstd frame of one raw block
        'zstd': b'\x28\xb5\x2f\xfd\x00\x58' + struct.pack('<I', len(pcap('<', MICRO)) << 3 | 1)[:3] + pcap('<', MICRO),
        'empty': b'', 'other': b'PK\x03\x04',
    },
}

for folder, seeds in SEEDS.items():
    (here / folder).mkdir(exist_ok=True)
    for name, data in seeds.items():
        (here / folder / name).write_bytes(data)
