#!/usr/bin/env python3
"""The truth test: captures that tcpreplay sends over the two ports of a tap make the records that their packets make in files.

    test_live_captures.py --weir PROGRAM [--jobs N] [--group N] [--seconds S] [--packets N] [--verbose] CAPTURE|TX,RX...
    test_live_captures.py --weir PROGRAM ... --generated     the captures of tests/features/make_captures.py
    test_live_captures.py --weir PROGRAM ... --data          every capture under $WEIR_DATA/pcap

Of each capture the Ethernet frames that an interface can send are split in two by their addresses (one direction a port) and sent
in their own time, made quicker if that is above S seconds. Three weirs, with one, two and four lanes, watch, and a recorder keeps
the kernel's time of each packet. Then
  - the recorder must have got the capture's own bytes, in order, and each weir must have seen as many packets, without a loss;
  - the records of each weir must be those that weir makes of the same bytes with these times in files: all columns, equal to the
    nanosecond.

Exit 0: all are equal; 1: they are not; 77: no root, no namespaces, no tcpreplay, or WEIR_DATA is not set.
"""
import argparse
import collections
import concurrent.futures
import gzip
import os
import queue
import shutil
import struct
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path += [HERE, os.path.join(os.path.dirname(HERE), "features")]
import make_captures  # noqa: E402
import veth  # noqa: E402

LANES = (1, 2, 4)
ETHERNET = 1
HEADER_BYTES = 14
TRIES = 3  # for a capture of which a ring lost packets, or had them late, because the machine was busy


class Excluded(Exception):
    """Why a capture is not tried."""


def read_capture(path, folder):
    """[(us, frame)] of a capture in any form that libpcap reads; up to the damage, if it is damaged."""
    with open(path, "rb") as file:
        data = file.read()
    try:
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        elif data[:4] == b"\x28\xb5\x2f\xfd":
            data = subprocess.run(["zstd", "-dcq"], input=data, capture_output=True, check=True).stdout
    except (OSError, EOFError, subprocess.SubprocessError) as problem:
        raise Excluded("cannot be unpacked") from problem
    plain, copy = os.path.join(folder, "plain"), os.path.join(folder, "copy.pcap")
    with open(plain, "wb") as file:
        file.write(data)
    subprocess.run(["tcpdump", "-Z", "root", "-r", plain, "-w", copy], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
    if not os.path.exists(copy):
        raise Excluded("no capture that libpcap reads")
    with open(copy, "rb") as file:
        data = file.read()
    os.remove(copy)
    link = struct.unpack_from("<I", data, 20)[0] & 0xFFFF
    packets, at = [], 24
    while at + 16 <= len(data):
        seconds, us, caplen, _ = struct.unpack_from("<IIII", data, at)
        packets.append((seconds * 10**6 + us, data[at + 16:at + 16 + caplen]))
        at += 16 + caplen
    if not packets:
        raise Excluded("no packets")
    if link != ETHERNET:
        raise Excluded("link type is not Ethernet")
    return packets


def sendable(frame):
    return HEADER_BYTES <= len(frame) <= veth.MTU_MAX + HEADER_BYTES


def split(packets):
    """The packets of each port: by the order of the two Ethernet addresses or, when they are the same, of the bytes behind."""
    ports = ([], [])
    for us, frame in packets:
        ends = (frame[6:12], frame[:6]) if frame[6:12] != frame[:6] else (frame[26:30], frame[30:34])
        ports[ends[0] > ends[1]].append((us, frame))
    return ports


def write_pcap(path, packets, unit=10**6):
    magic = {10**6: 0xA1B2C3D4, 10**9: 0xA1B23C4D}[unit]
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", magic, 2, 4, 0, 0, 262144, ETHERNET))
        for at, frame in packets:
            file.write(struct.pack("<IIII", at // unit, at % unit, len(frame), len(frame)) + frame)


class Lost(Exception):
    """A ring had no room, and the account says exactly how often."""


class Bench:
    """One pair of namespaces; tries one capture after the other."""

    def __init__(self, number, arguments):
        self.weir, self.seconds, self.packets, self.losses = arguments.weir, arguments.seconds, arguments.packets, 0
        self.net = veth.Net(number, mtu=veth.MTU_MAX)
        self.recorder = veth.Recorder(self.net)
        self.scratch = tempfile.TemporaryDirectory()

    def close(self):
        self.recorder.close()
        self.net.close()
        self.scratch.cleanup()

    def path(self, name):
        return os.path.join(self.scratch.name, name)

    def replay(self, ports):
        """tcpreplay of one or two files; the real times of slow captures are pressed into self.seconds."""
        names = [port for port, packets in zip(veth.PORTS, ports) if packets]
        for name, packets in zip(veth.PORTS, ports):
            write_pcap(self.path(name + ".pcap"), packets)
        times = [us for packets in ports for us, _ in packets]
        speed = max(1, (max(times) - min(times)) / 1e6 / self.seconds)
        # One processor: two would bring packets of one port into an order that differs from socket to socket.
        argv = ["taskset", "-c", str(min(os.sched_getaffinity(0))), "tcpreplay", "-q", "--timer=nano", f"--multiplier={speed:.3f}", "-i", names[0]]
        if len(names) > 1:
            argv += ["--dualfile", "-I", names[1]]
        argv += [self.path(name + ".pcap") for name in names]
        done = subprocess.run(self.net.argv(self.net.names[0], *argv), capture_output=True, text=True, timeout=self.seconds * 3 + 60)
        if done.returncode:
            raise AssertionError(f"tcpreplay: {done.stderr.strip()}")

    def records(self, name):
        with open(self.path(name)) as file:
            return sorted(file)

    def read(self, paths):
        """The packets of each port that can be sent, and how many cannot."""
        if len(paths) == 2:
            given = [read_capture(path, self.scratch.name)[:self.packets] for path in paths]
        else:
            given = split(read_capture(paths[0], self.scratch.name)[:self.packets])
        ports = [[packet for packet in packets if sendable(packet[1])] for packets in given]
        if not any(ports):
            raise Excluded("no frame that an interface can send")
        return ports, sum(map(len, given)) - sum(map(len, ports))

    def compare(self, captures):
        """Sends captures, read, one after the other: words when something differs, else None; and the number of records."""
        receivers = [veth.Receiver(self.net, self.weir, "flows", "--lanes", str(lanes), "-o", self.path(f"live{lanes}.csv"),
                                   "--json", wait=False) for lanes in LANES]
        for receiver in receivers:
            receiver.wait_for("capturing on")
        sent, taken = ([], []), ([], [])
        try:
            for ports in captures:
                self.replay(ports)
                for port, packets in enumerate(self.recorder.record([len(packets) for packets in ports])):
                    sent[port].extend(frame for _, frame in ports[port])
                    taken[port].extend(packets)
        finally:
            for receiver in receivers:
                receiver.end()
            accounts = [receiver.account() for receiver in receivers]
        if more := self.recorder.left():
            return f"{more} packets came that were not sent", 0
        for name, packets, got in zip(veth.PORTS, sent, taken):
            if packets != [frame for _, frame in got]:
                return f"{name}: sent {len(packets)} packets, {len(got)} came, and not the same bytes", 0
            write_pcap(self.path(name + ".pcap"), got, 10**9)
        subprocess.run([self.weir, "flows", "-q", "-r", ",".join(self.path(name + ".pcap") for name in veth.PORTS), "-o",
                        self.path("files.csv")], check=True, timeout=60)
        files = self.records("files.csv")
        for lanes, account in zip(LANES, accounts):
            for packets, port in zip(sent, account["ports"]):
                if port["offered"] != len(packets):
                    return f"{lanes} lanes: {len(packets)} packets sent, account {port}", 0
                if port["seen"] != len(packets):
                    raise Lost(f"{lanes} lanes: {len(packets)} packets sent, account {port}")
            live = self.records(f"live{lanes}.csv")
            if live != files:
                only = [sorted((collections.Counter(a) - collections.Counter(b)).elements())[:3] for a, b in ((live, files), (files, live))]
                late = sum(port["late"] for port in account["ports"])
                words = (f"{lanes} lanes: {len(live) - 1} records live, {len(files) - 1} of files, {late} late packets; only live: {only[0]}; "
                         f"only of files: {only[1]}")
                if late: # one port's packets were read more than the merge's window after the other's: counted, as a loss is
                    raise Lost(words)
                return words, 0
        return None, len(files) - 1

    def try_captures(self, group):
        """[(name, what is wrong or None, why it was not tried or None, frames left out)] and the number of records. The captures of
        a group come one behind the other while the same weirs watch; if something differs, each is tried alone."""
        out, read, records = [], [], 0
        for name, paths in group:
            try:
                read.append((name, *self.read(paths)))
            except Excluded as why:
                out.append((name, None, str(why), 0))

        def attempt(captures, tries):
            try:
                return self.compare(captures)
            except Lost as lost:
                self.losses += 1
                return attempt(captures, tries - 1) if tries > 1 else (str(lost), None)
            except (AssertionError, OSError, subprocess.SubprocessError) as problem:
                return repr(problem), 0

        wrong = None
        if read:
            wrong, records = attempt([ports for _, ports, _ in read], TRIES)
        if not wrong or len(read) == 1:
            return out + [(name, wrong, None, left_out) for name, _, left_out in read], records
        alone = [(name, *attempt([ports], TRIES), left_out) for name, ports, left_out in read]
        if records is not None and not any(found for _, found, _, _ in alone):
            alone[0] = (alone[0][0], f"among {len(read)} captures, though not alone: {wrong}", 0, 0)
        return out + [(name, found, None, left_out) for name, found, _, left_out in alone], sum(more or 0 for _, _, more, _ in alone)


def find_captures(arguments):
    """[(name, paths)]"""
    paths = list(arguments.captures)
    if arguments.data:
        root = os.path.join(os.environ["WEIR_DATA"], "pcap")
        paths += sorted(os.path.join(folder, name) for folder, _, names in os.walk(root) for name in names if not name.endswith(".out"))
    return [(path, [path] if os.path.exists(path) else path.split(",")) for path in paths]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weir", required=True)
    parser.add_argument("--jobs", type=int, default=4, help="captures at a time, each in namespaces of its own (4)")
    parser.add_argument("--group", type=int, default=8, help="captures that the same weirs watch, one behind the other (8)")
    parser.add_argument("--packets", type=int, help="send the first N packets of a capture alone (all)")
    parser.add_argument("--seconds", type=float, default=5, help="longest time to send a capture in (5)")
    parser.add_argument("--verbose", action="store_true", help="name each capture and what became of it")
    parser.add_argument("--generated", action="store_true")
    parser.add_argument("--data", action="store_true")
    parser.add_argument("captures", nargs="*")
    arguments = parser.parse_args()
    arguments.weir = os.path.abspath(arguments.weir)
    if os.geteuid():
        sys.exit(print("skipped: live capture needs root for its namespaces") or 77)
    for program in ("tcpreplay", "tcpdump"):
        if not shutil.which(program):
            sys.exit(print(f"skipped: there is no {program}; tools/setup installs it") or 77)
    if arguments.data and not os.environ.get("WEIR_DATA"):
        sys.exit(print("skipped: set WEIR_DATA to a folder with real captures (its pcap/ is swept)") or 77)
    began = time.monotonic()
    free, benches = queue.Queue(), []
    made = tempfile.TemporaryDirectory()
    excluded, counts, wrong = collections.Counter(), collections.Counter(), []

    def attempt(group):
        bench = free.get()
        try:
            return bench.try_captures(group)
        finally:
            free.put(bench)

    try:
        for number in range(arguments.jobs):
            benches.append(Bench(number, arguments))
            free.put(benches[-1])
        if arguments.generated:
            make_captures.write_all(made.name)
            arguments.captures += sorted(entry.path for entry in os.scandir(made.name))
        captures = find_captures(arguments)
        groups = [captures[i::-(-len(captures) // arguments.group)] for i in range(-(-len(captures) // arguments.group))]
        with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
            for results, records in pool.map(attempt, groups):
                counts["records"] += records or 0
                for name, found, why, left_out in results:
                    excluded[why] += bool(why)
                    counts["tried"] += not why
                    counts["frames left out"] += left_out
                    if found:
                        wrong.append(f"{name}: {found}")
                    if arguments.verbose:
                        print(f"{name}: {why or found or 'equal'}", flush=True)
    except OSError as problem:
        if benches:
            raise
        sys.exit(print(f"skipped: no network namespaces here: {problem}") or 77)
    finally:
        for bench in benches:
            bench.close()
        made.cleanup()
    for line in wrong:
        print(line)
    print(f"{len(captures)} captures, {counts['tried']} tried with {', '.join(map(str, LANES))} lanes: {counts['tried'] - len(wrong)} equal, "
          f"{len(wrong)} different; {counts['records']} records; {counts['frames left out']} frames that no interface can send; "
          f"{sum(bench.losses for bench in benches)} times sent again after packets that were counted as lost or late; {time.monotonic() - began:.0f} s")
    for why, count in (+excluded).most_common():
        print(f"  not tried: {count} ({why})")
    sys.exit(bool(wrong) or not counts["tried"])


if __name__ == "__main__":
    main()
