#!/usr/bin/env python3
"""Writes small captures of many kinds of traffic for comparisons with other meters: make_captures.py FOLDER

The same bytes every time. Every capture is one function; its name is the file's.
"""
import os
import random
import socket
import struct
import sys

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = 1, 2, 4, 8, 16, 32, 64, 128
captures = []


def capture(function):
    captures.append(function)
    return function


class Trace:
    def __init__(self, seed, link=1, start=1600000000):
        self.random = random.Random(seed)
        self.link = link
        self.now = start * 1000000 + 137
        self.packets = []
        self.ip_id = 0

    def wait(self, seconds):
        self.now += round(seconds * 1000000)

    def step(self):
        self.now += self.random.randint(20, 4000)

    def add(self, frame):
        self.packets.append((self.now, frame))

    def write(self, path):
        with open(path, "wb") as out:
            out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, self.link))
            for us, frame in sorted(self.packets, key=lambda packet: packet[0]):
                out.write(struct.pack("<IIII", us // 1000000, us % 1000000, len(frame), len(frame)) + frame)

    def mac(self, address):
        return b"\x02\x00" + socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)[-4:]

    def frame(self, src, dst, packet, tags=b""):
        kind = 0x86DD if ":" in src else 0x0800
        if self.link == 101:
            return packet
        if self.link == 113:
            return struct.pack(">HHH8sH", 0, 1, 6, self.mac(src) + b"\0\0", kind) + packet
        return self.mac(dst) + self.mac(src) + tags + struct.pack(">H", kind) + packet

    def ip(self, src, dst, proto, payload, ttl=64, tos=0, fragment=0, options=b"", ident=None):
        if ":" in src:
            head = struct.pack(">IHBB", 6 << 28 | tos << 20, len(payload), proto, ttl)
            return head + socket.inet_pton(socket.AF_INET6, src) + socket.inet_pton(socket.AF_INET6, dst) + payload
        if ident is None:
            self.ip_id = ident = self.ip_id + 1 & 0xFFFF
        head = struct.pack(">BBHHHBBH4s4s", 0x45 + len(options) // 4, tos, 20 + len(options) + len(payload), ident, fragment, ttl,
                           proto, 0, socket.inet_aton(src), socket.inet_aton(dst))
        return head + options + payload

    def send(self, src, dst, proto, payload, tags=b"", **header):
        self.add(self.frame(src, dst, self.ip(src, dst, proto, payload, **header), tags))
        self.step()

    def udp(self, src, sport, dst, dport, payload, **header):
        self.send(src, dst, 17, udp(sport, dport, payload), **header)

    def icmp(self, src, dst, kind, code, rest, **header):
        self.send(src, dst, 58 if ":" in src else 1, struct.pack(">BBH", kind, code, 0) + rest, **header)


def udp(sport, dport, payload):
    return struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload


def tcp(sport, dport, flags, seq, ack, payload=b"", window=500, options=b""):
    options += b"\1" * (-len(options) % 4)
    return struct.pack(">HHIIBBHHH", sport, dport, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, (5 + len(options) // 4) << 4, flags, window, 0,
                       0) + options + payload


class Connection:
    """Two ends of a TCP connection; a and b send from either."""

    def __init__(self, trace, client, sport, server, dport, isn=None, **header):
        self.trace, self.header = trace, header
        self.end = {"a": (client, sport), "b": (server, dport)}
        isn = isn or (trace.random.randint(1, 1 << 31), trace.random.randint(1, 1 << 31))
        self.seq = {"a": isn[0], "b": isn[1]}
        self.window = {"a": 500, "b": 600}

    def send(self, who, flags, payload=b"", options=b"", seq=None, ack=None, window=None, **header):
        other = "b" if who == "a" else "a"
        (src, sport), (dst, dport) = self.end[who], self.end[other]
        start = self.seq[who] if seq is None else seq
        number = (self.seq[other] if flags & ACK else 0) if ack is None else ack
        window = self.window[who] if window is None else window
        self.trace.send(src, dst, 6, tcp(sport, dport, flags, start, number, payload, window, options), **{**self.header, **header})
        if seq is None:
            self.seq[who] += len(payload) + bool(flags & SYN) + bool(flags & FIN)

    def open(self, syn_flags=0, options=b"\2\4\5\xb4\4\2\3\3\7"):
        self.send("a", SYN | syn_flags, options=options)
        self.send("b", SYN | ACK | (syn_flags & ECE), options=options)
        self.send("a", ACK)

    def talk(self, rounds, request=200, answer=1200):
        for _ in range(rounds):
            self.send("a", PSH | ACK, bytes(self.trace.random.randint(1, request)))
            self.send("b", ACK)
            for _ in range(self.trace.random.randint(1, 4)):
                self.send("b", PSH | ACK, bytes(self.trace.random.randint(1, answer)))
            self.send("a", ACK)

    def close(self, who="a"):
        other = "b" if who == "a" else "a"
        self.send(who, FIN | ACK)
        self.send(other, ACK)
        self.send(other, FIN | ACK)
        self.send(who, ACK)


def tick(trace, seconds, every=0.1):
    """A steady stream, so that Argus looks at its timers."""
    now = trace.now
    for i in range(int(seconds / every)):
        trace.now = now + round(i * every * 1000000)
        trace.add(trace.frame("10.9.9.1", "10.9.9.2", trace.ip("10.9.9.1", "10.9.9.2", 17, udp(9, 9, b"tick"))))
    trace.now = now


@capture
def tcp_plain(t):
    for i in range(30):
        c = Connection(t, f"10.0.0.{i % 7 + 1}", 40000 + i, "10.1.0.1", [80, 443, 22, 8080][i % 4])
        c.open(options=[b"\2\4\5\xb4\4\2\3\3\7", b"\2\4\5\xb4", b"", b"\2\4\2\0\3\3\2\4\2\x08\x0a" + bytes(8)][i % 4])
        c.talk(i % 6)
        c.close("ab"[i % 2])


@capture
def tcp_reset(t):
    for i in range(20):
        c = Connection(t, "10.0.0.1", 41000 + i, "10.1.0.1", 25 + i)
        if i % 4 == 0:
            c.send("a", SYN)
            c.send("b", RST | ACK, window=0)
        elif i % 4 == 1:
            c.open()
            c.talk(2)
            c.send("a", RST, window=0)
        elif i % 4 == 2:
            c.send("b", RST, window=0)
            c.send("b", RST, window=0)
            c.send("a", ACK, b"late")
        else:
            c.open()
            c.talk(1)
            c.send("b", RST | ACK, window=0)
            c.send("a", PSH | ACK, b"still")
            c.send("b", RST, window=0)


@capture
def tcp_loss(t):
    for i in range(24):
        c = Connection(t, "10.0.0.2", 42000 + i, "10.1.0.2", 80)
        c.open()
        c.talk(2)
        start = c.seq["b"]
        c.send("b", PSH | ACK, bytes(1000))
        c.send("b", PSH | ACK, bytes(1000))
        if i % 6 == 0:  # again
            c.send("b", PSH | ACK, bytes(1000), seq=start)
        elif i % 6 == 1:  # a segment out of its place
            c.seq["b"] += 500
            c.send("b", PSH | ACK, bytes(700))
            c.send("b", PSH | ACK, bytes(500), seq=start + 2000)
        elif i % 6 == 2:  # one that is never seen
            c.seq["b"] += 900
            c.send("b", PSH | ACK, bytes(300))
        elif i % 6 == 3:  # a shut window
            c.send("a", ACK, window=0)
            c.send("b", ACK, bytes(1), seq=c.seq["b"] - 1)
            c.send("a", ACK, window=0)
            c.send("a", ACK)
        elif i % 6 == 4:  # repeated acknowledgements, then again
            for _ in range(3):
                c.send("a", ACK, ack=start, options=b"\5\x0a" + bytes(8))
            c.send("b", PSH | ACK, bytes(1000), seq=start)
        else:  # a handshake repeated
            c.send("a", SYN, seq=c.seq["a"] - 1)
        c.send("a", ACK)
        c.talk(1)
        c.close()
    for i in range(4):
        c = Connection(t, "10.0.0.2", 42500 + i, "10.1.0.2", 81)
        for _ in range(3):
            c.send("a", SYN, seq=c.seq["a"])
        c.send("b", SYN | ACK, ack=c.seq["a"] + 1)


@capture
def tcp_long(t):
    tick(t, 40)
    begin = t.now
    for i in range(6):
        t.now = begin + i * 1000
        c = Connection(t, "10.0.0.3", 43000 + i, "10.1.0.3", 80)
        c.open()
        for _ in range(16):
            c.talk(1)
            t.wait(t.random.choice([0.1, 1.3, 2.7]))
        c.close()


@capture
def tcp_reuse(t):
    for i in range(12):
        c = Connection(t, "10.0.0.4", 44000 + i, "10.1.0.4", 80)
        c.open()
        c.talk(1)
        c.send("a", FIN | ACK)
        if i % 3 == 0:
            c.send("b", ACK)
        if i % 3 == 1:
            c.send("b", RST | ACK, window=0)
        t.wait(0.3)
        again = Connection(t, "10.0.0.4", 44000 + i, "10.1.0.4", 80)
        again.open()
        again.talk(1)
        again.close()


@capture
def tcp_middle(t):
    for i, (sport, dport) in enumerate([(45000, 80), (80, 45001), (22, 45002), (45003, 45004), (3306, 45005), (8080, 443), (443, 8081)]):
        c = Connection(t, "10.0.0.5", sport, "10.1.0.5", dport)
        c.talk(2 + i % 2)
        if i % 2:
            c.close()
    for i in range(4):
        c = Connection(t, "10.0.0.5", 45100 + i, "10.1.0.5", 80)
        c.seq["a"] += 1
        c.send("b", SYN | ACK)
        if i:
            c.send("a", ACK)
            c.talk(i)


@capture
def tcp_ecn(t):
    for i in range(8):
        c = Connection(t, "10.0.0.6", 46000 + i, "10.1.0.6", 80, tos=2)
        c.open(ECE | CWR)
        c.talk(1)
        c.send("a" if i % 2 else "b", ACK | ECE)
        c.send("b" if i % 2 else "a", ACK | CWR | PSH, b"slower")
        c.talk(1)
        c.close()


@capture
def tcp_wrap(t):
    for i in range(6):
        c = Connection(t, "10.0.0.7", 46500 + i, "10.1.0.7", 80, isn=((1 << 32) - 300 - 37 * i, (1 << 32) - 900 - 41 * i))
        c.open()
        c.talk(4)
        c.close()


@capture
def udp_plain(t):
    for i in range(60):
        a, b = f"10.0.1.{i % 5 + 1}", f"10.2.0.{i % 3 + 1}"
        t.udp(a, 50000 + i % 20, b, [123, 161, 5000, 69][i % 4], bytes(t.random.randint(0, 400)), ttl=[64, 128, 255, 33][i % 4])
        if i % 3:
            t.udp(b, [123, 161, 5000, 69][i % 4], a, 50000 + i % 20, bytes(t.random.randint(0, 900)), ttl=60)


@capture
def udp_one_way(t):
    tick(t, 25)
    for i in range(120):
        t.udp("10.0.1.9", 5555, f"239.1.1.{i % 3 + 1}", 5555, bytes(100 + i), tos=0xB8)
        t.wait(0.15)


@capture
def dns(t):
    for i in range(40):
        query = struct.pack(">HHHHHH", 0x1000 + i // 2, 0x100, 1, 0, 0, 0) + b"\3abc\2de\0\0\1\0\1"
        t.udp("10.0.2.1", 53000 + i % 4, "10.2.2.2", 53, query)
        if i % 5:
            t.udp("10.2.2.2", 53, "10.0.2.1", 53000 + i % 4, query + bytes(60))


@capture
def icmp(t):
    for i in range(30):
        echo = struct.pack(">HH", 77 + i % 3, i) + bytes(56)
        t.icmp("10.0.3.1", "10.2.3.1", 8, 0, echo)
        if i % 4:
            t.icmp("10.2.3.1", "10.0.3.1", 0, 0, echo)
    t.icmp("10.2.3.9", "10.0.3.1", 0, 0, struct.pack(">HH", 5, 1) + bytes(56))
    for code in (0, 1, 2, 3, 4, 9, 10, 13):
        inner = t.ip("10.0.3.1", "10.2.3.2", 17, udp(6000 + code, 7000, bytes(20)))
        t.add(t.frame("10.0.3.1", "10.2.3.2", inner))
        t.step()
        t.icmp("10.2.3.254", "10.0.3.1", 3, code, bytes(4) + inner[:28])
    for ttl in range(1, 5):
        inner = t.ip("10.0.3.1", "10.2.3.3", 6, tcp(6100, 80, SYN, 99, 0), ttl=ttl)
        t.add(t.frame("10.0.3.1", "10.2.3.3", inner))
        t.step()
        t.icmp(f"10.2.3.{ttl + 100}", "10.0.3.1", 11, 0, bytes(4) + inner[:28])
    t.icmp("10.0.3.1", "10.2.3.4", 13, 0, bytes(16))
    t.icmp("10.2.3.4", "10.0.3.1", 14, 0, bytes(16))
    t.icmp("10.2.3.254", "10.0.3.1", 5, 1, socket.inet_aton("10.2.3.253") + inner[:28])


@capture
def icmpv6(t):
    a, b, all_nodes = "fe80::1", "fe80::2", "ff02::1"
    for i in range(10):
        t.icmp(a, "ff02::1:ff00:2", 135, 0, bytes(4) + socket.inet_pton(socket.AF_INET6, b) + b"\1\1" + t.mac(a), ttl=255)
        t.icmp(b, a, 136, 0, b"\x60\0\0\0" + socket.inet_pton(socket.AF_INET6, b) + b"\2\1" + t.mac(b), ttl=255)
        echo = struct.pack(">HH", 3, i) + bytes(40)
        t.icmp(a, b, 128, 0, echo)
        t.icmp(b, a, 129, 0, echo)
    t.icmp(a, all_nodes, 133, 0, bytes(4), ttl=255)
    t.icmp(b, all_nodes, 134, 0, bytes(12), ttl=255)
    inner = t.ip("2001:db8::1", "2001:db8::2", 17, udp(1234, 4321, bytes(30)))
    t.add(t.frame("2001:db8::1", "2001:db8::2", inner))
    t.step()
    for kind, code in ((1, 4), (1, 0), (2, 0), (3, 0), (4, 1)):
        t.icmp("2001:db8::9", "2001:db8::1", kind, code, bytes(4) + inner)


@capture
def ipv6(t):
    for i in range(12):
        c = Connection(t, f"2001:db8::{i + 1}", 47000 + i, "2001:db8:1::1", [80, 443][i % 2])
        c.open()
        c.talk(2)
        c.close()
        t.udp(f"2001:db8::{i + 1}", 48000, "2001:db8:1::53", 53, struct.pack(">H", i) + bytes(30))
        t.udp("2001:db8:1::53", 53, f"2001:db8::{i + 1}", 48000, struct.pack(">H", i) + bytes(90))


@capture
def fragments(t):
    def pieces(src, dst, datagram, ident, size=1000):
        cut = [(at, datagram[at:at + size]) for at in range(0, len(datagram), size)]
        return [(src, dst, part, ident, at // 8 | (0x2000 if at + size < len(datagram) else 0)) for at, part in cut]

    for i in range(16):
        a, b = f"10.0.4.{i + 1}", "10.2.4.1"
        parts = pieces(a, b, udp(6000 + i, 2049, bytes(2500)), 500 + i)
        if i % 4 == 1:
            parts.reverse()
        elif i % 4 == 2:
            parts = parts[1:]
        elif i % 4 == 3:
            parts = [parts[0], parts[2]]
        for src, dst, part, ident, offset in parts:
            t.send(src, dst, 17, part, ident=ident, fragment=offset)
        t.udp(b, 2049, a, 6000 + i, bytes(80))
    for i in range(4):
        data = udp(7000 + i, 2049, bytes(2200))
        for at in range(0, len(data), 1200):
            more = at + 1200 < len(data)
            head = struct.pack(">BBHI", 17, 0, at | more, 900 + i)
            t.send(f"2001:db8::{i + 1}", "2001:db8:4::1", 44, head + data[at:at + 1200])


@capture
def tagged(t):
    for i in range(8):
        vlan = struct.pack(">HH", 0x8100, 100 + i | (i % 8) << 13)
        c = Connection(t, "10.0.5.1", 49000 + i, "10.1.5.1", 80, tags=vlan)
        c.open()
        c.talk(1)
        c.close()
        t.udp("10.0.5.2", 49100 + i, "10.1.5.1", 123, bytes(48), tags=struct.pack(">HHHH", 0x8100, 7, 0x8100, 8))
        label = struct.pack(">I", (1000 + i) << 12 | 0x100 | 64)
        inner = t.ip("10.0.5.3", "10.1.5.3", 17, udp(49200 + i, 514, bytes(60)))
        t.add(t.mac("10.1.5.3") + t.mac("10.0.5.3") + b"\x88\x47" + label + inner)
        t.step()
        inner = t.ip("10.0.5.4", "10.1.5.4", 17, udp(49300 + i, 514, bytes(60)))
        t.add(t.mac("10.1.5.4") + t.mac("10.0.5.4") + b"\x88\x64" + struct.pack(">BBHHH", 0x11, 0, 9, len(inner) + 2, 0x21) + inner)
        t.step()


@capture
def protocols(t):
    for i in range(10):
        t.send("10.0.6.1", "10.2.6.1", 50, struct.pack(">II", 0x1234, i + (i > 5)) + bytes(64))
        t.send("10.2.6.1", "10.0.6.1", 50, struct.pack(">II", 0x4321, i + 1) + bytes(64))
        t.send("10.0.6.2", "224.0.0.5", 89, bytes(44), ttl=1, tos=0xC0)
        t.send("10.0.6.3", "239.0.0.9", 2, b"\x16\0\0\0" + socket.inet_aton("239.0.0.9"), ttl=1, options=b"\x94\4\0\0", ident=50 + i)
        t.send("10.0.6.4", "10.2.6.4", 103, bytes(30))
        t.send("10.2.6.4", "10.0.6.4", 103, bytes(30))
        t.send("10.0.6.5", "10.2.6.5", 112, bytes(20), options=[b"\x07\x07\x04" + bytes(5), b"\x44\x08" + bytes(6), b"\1\1\1\0"][i % 3])
        inner = t.ip("10.7.0.1", "10.7.0.2", 17, udp(700 + i, 800, bytes(40)))
        t.send("10.0.6.6", "10.2.6.6", 47, b"\0\0\x08\0" + inner)


@capture
def time_outs(t):
    tick(t, 160)
    begin = t.now
    for i, gap in enumerate([4, 6, 20, 28, 38, 50, 63, 70, 90]):
        t.now = begin + i * 777
        t.udp("10.0.7.1", 6000 + i, "10.2.7.1", 5000, bytes(30))
        t.wait(gap)
        t.udp("10.2.7.1", 5000, "10.0.7.1", 6000 + i, bytes(30))
        t.now = begin + i * 777 + 333
        c = Connection(t, "10.0.7.2", 6000 + i, "10.2.7.2", 80)
        c.open()
        t.wait(gap)
        c.talk(1)
        t.now = begin + i * 777 + 555
        t.icmp("10.0.7.3", f"10.2.7.{i + 3}", 13, 0, bytes(16))
        t.wait(gap)
        t.icmp(f"10.2.7.{i + 3}", "10.0.7.3", 14, 0, bytes(16))


@capture
def scan(t):
    for port in range(1, 400):
        t.send("10.0.8.1", "10.2.8.1", 6, tcp(51000, port, SYN, 7, 0, window=1024))
        if port % 10 == 0:
            t.send("10.2.8.1", "10.0.8.1", 6, tcp(port, 51000, SYN | ACK, 9, 8))
            t.send("10.0.8.1", "10.2.8.1", 6, tcp(51000, port, RST, 8, 0, window=0))
        elif port % 3:
            t.send("10.2.8.1", "10.0.8.1", 6, tcp(port, 51000, RST | ACK, 0, 8, window=0))
    for port in range(1, 100):
        probe = t.ip("10.0.8.2", "10.2.8.2", 17, udp(52000, port, b""))
        t.add(t.frame("10.0.8.2", "10.2.8.2", probe))
        t.step()
        t.icmp("10.2.8.2", "10.0.8.2", 3, 3, bytes(4) + probe)
    for flags in (0, FIN, FIN | PSH | URG, ACK, SYN | FIN):
        for port in range(500, 520):
            t.send("10.0.8.3", "10.2.8.3", 6, tcp(53000 + flags, port, flags, 100, 5 if flags & ACK else 0))


@capture
def flood(t):
    for i in range(1500):
        source = f"{t.random.randint(1, 220)}.{t.random.randint(0, 255)}.{t.random.randint(0, 255)}.{t.random.randint(1, 254)}"
        t.send(source, "10.2.9.1", 6, tcp(t.random.randint(1024, 65535), 80, SYN, t.random.randint(1, 1 << 31), 0))
        t.now -= 1500
    for i in range(500):
        t.udp("10.0.9.9", 1900, "10.2.9.1", t.random.randint(1024, 65535), bytes(300))


@capture
def media(t):
    for i in range(6):
        for n in range(20):
            rtp = struct.pack(">BBHII", 0x80 | i % 3, 0, 100 + n + (n > 9) * i, n * 160, 0xABC0 + i) + bytes(160)
            t.udp("10.0.10.1", 16000 + 2 * i, "10.2.10.1", 17000 + 2 * i, rtp)
            if i % 2:
                t.udp("10.2.10.1", 17000 + 2 * i, "10.0.10.1", 16000 + 2 * i, rtp)
        t.udp("10.0.10.1", 16001 + 2 * i, "10.2.10.1", 17001 + 2 * i, struct.pack(">BBHI", 0x80, 200 + i % 2, 6, 0xABC0) + bytes(20))


@capture
def cooked(t):
    t.link = 113
    tcp_plain(t)


@capture
def raw(t):
    t.link = 101
    udp_plain(t)
    ipv6(t)


def write_all(folder):
    os.makedirs(folder, exist_ok=True)
    for seed, function in enumerate(captures):
        trace = Trace(seed)
        function(trace)
        trace.write(os.path.join(folder, function.__name__ + ".pcap"))


if __name__ == "__main__":
    write_all(sys.argv[1])
