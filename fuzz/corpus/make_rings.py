#!/usr/bin/env python3
"""Writes the seeds of fuzz_packet_ring: blocks as Linux makes them (linux/if_packet.h, TPACKET_V3), and damaged ones."""
import pathlib
import struct

folder = pathlib.Path(__file__).resolve().parent / "packet_ring"
BLOCK_HEADER, HEADER, MAC = 48, 48, 86  # bytes; MAC: behind header and address, aligned, with 4 bytes reserved
VLAN_VALID, TPID_VALID, GSO = 1 << 4, 1 << 6, 1 << 8


def packet(frame, status=1, tci=0, tpid=0, mac=MAC, snaplen=None, length=None, following=None):
    size = (mac if mac < 4096 else MAC) + len(frame)
    padded = (size + 7) // 8 * 8
    head = struct.pack("<IIIIIIHHIIHH", padded if following is None else following, 1700000000, 5,
                       len(frame) if snaplen is None else snaplen, len(frame) if length is None else length, status, mac, (mac + 14) & 0xFFFF, 0, tci,
                       tpid, 0)
    return head.ljust(MAC, b"\0") + frame + bytes(padded - size)


def block(*packets, count=None, first=BLOCK_HEADER):
    return struct.pack("<IIIIIIQIIII", 1, 0, 0, len(packets) if count is None else count, first, BLOCK_HEADER + sum(map(len, packets)), 1,
                       1700000000, 4, 1700000000, 5) + b"".join(packets)


def write(name, mask, *blocks):
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(bytes([mask]) + b"".join(struct.pack("<H", len(data)) + data for data in blocks))


eth = bytes(range(12)) + b"\x08\x00" + bytes(range(46))
plain = packet(eth)
write("plain", 3, block(plain, plain, plain), block(plain))
write("tag", 1, block(packet(eth, 1 | VLAN_VALID | TPID_VALID, 7, 0x88A8), packet(eth, 1 | VLAN_VALID, 7), packet(eth[:13], 1 | VLAN_VALID)))
write("put-together", 1, block(packet(eth, 1 | GSO)))
write("empty-blocks", 15, block(), block(plain), block(), block())
write("not-ours", 4, block(plain), block(plain), block(plain))
write("many", 1, block(plain, count=0xFFFFFFFF))
write("none", 0, block(plain))
for name, first in (("first-far", 0xFFFFFFF0), ("first-end", 256 * 1024 - 8), ("first-odd", 49), ("first-header", 0)):
    write(name, 3, block(plain, first=first), block(plain))
for name, more in (("mac-small", {"mac": 48}), ("mac-far", {"mac": 65535, "snaplen": 200000, "length": 200000}), ("long", {"snaplen": 0xFFFFFFFF, "length": 0xFFFFFFFF}),
                   ("longer-than-wire", {"length": 3}), ("tag-overflow", {"status": 1 | VLAN_VALID, "length": 0xFFFFFFFE}),
                   ("next-far", {"following": 0xFFFFFFFF}), ("next-self", {"following": 0}), ("next-odd", {"following": 3})):
    write(name, 3, block(plain, packet(eth, **more), plain), block(plain))
