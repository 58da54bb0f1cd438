"""A small deterministic tap capture: TCP conversations, port scans, UDP and pings, with both directions apart or together.

write(folder) leaves tx.pcap (client to server), rx.pcap (server to client) and merged.pcap (both, by time) there.
"""
import os
import random
import struct

PCAP_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)


def frame(src, dst, proto, l4):
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(l4), 7, 0, 64, proto, 0, src, dst)
    return (bytes(6) + bytes(6) + b"\x08\x00" + ip + l4).ljust(60, b"\0")


def tcp(sport, dport, seq, ack, flags, payload=b""):
    return struct.pack(">HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 29200, 0, 0) + payload


def udp(sport, dport, payload):
    return struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload


def conversation(rng, index):
    """[(seconds after its start, from client, frame)]"""
    client = bytes([198, 51, 100, 1 + index % 50])
    server = bytes([203, 0, 113, 1 + index % 7])
    sport = 20000 + index
    kind = index % 5
    if kind == 4:
        return [(0.01 * i, i % 2 == 0, frame(client if i % 2 == 0 else server, server if i % 2 == 0 else client, 1,
                                             struct.pack(">BBHHH", 0 if i % 2 else 8, 0, 0, index, i // 2) + bytes(48)))
                for i in range(6)]
    if kind == 3:
        return [(0, True, frame(client, server, 17, udp(sport, 53, bytes(30)))),
                (0.002, False, frame(server, client, 17, udp(53, sport, bytes(120))))]
    if kind == 2:  # a scan: SYN, RST
        out = []
        for port in range(20, 60):
            out.append((port / 1000, True, frame(client, server, 6, tcp(sport, port, 1, 0, 0x02))))
            out.append((port / 1000 + 0.0003, False, frame(server, client, 6, tcp(port, sport, 0, 2, 0x14))))
        return out
    steps = [(True, 0x02, 0), (False, 0x12, 0), (True, 0x10, 0)]
    for _ in range(rng.randint(1, 20)):
        steps += [(True, 0x18, rng.randint(20, 400)), (False, 0x18, rng.randint(20, 1400)), (True, 0x10, 0)]
    steps += [(True, 0x11, 0), (False, 0x11, 0), (True, 0x10, 0)]
    seq, out, at = {True: 1000, False: 5000}, [], 0.0
    for up, flags, size in steps:
        ports = (sport, 80) if up else (80, sport)
        hosts = (client, server) if up else (server, client)
        ack = seq[not up] if flags & 0x10 else 0
        out.append((at, up, frame(*hosts, 6, tcp(*ports, seq[up], ack, flags, bytes(size)))))
        seq[up] += size + (1 if flags & 3 else 0)
        at += rng.choice([0.0004, 0.003, 0.02, 0.6])  # some conversations last over several status intervals
    return out


def write(folder, conversations=300, seed=1):
    rng = random.Random(seed)
    packets = []
    for index in range(conversations):
        start = 1700000000 + rng.random() * 20
        packets += [(start + at, up, data) for at, up, data in conversation(rng, index)]
    packets.sort(key=lambda p: p[0])
    files = {name: open(os.path.join(folder, name + ".pcap"), "wb") for name in ("tx", "rx", "merged")}
    for out in files.values():
        out.write(PCAP_HEADER)
    last = 0
    for at, up, data in packets:
        last = max(last + 1, round(at * 1e6))  # no two at the same microsecond: the merged order is the only one
        record = struct.pack("<IIII", last // 10**6, last % 10**6, len(data), len(data)) + data
        files["merged"].write(record)
        files["tx" if up else "rx"].write(record)
    for out in files.values():
        out.close()
    return len(packets)
