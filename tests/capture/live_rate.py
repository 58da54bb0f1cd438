#!/usr/bin/env python3
"""How fast packets may come before one is lost: live_rate.py --weir PROGRAM [--seconds S] [--rates N,N,...] [CAPTURE]

tcpreplay sends 20,000 packets from all over a capture (the bundled one), cut to 64 bytes and filled up to 1,400, over and over, over a
veth cable at rising rates, at last as fast as it can. One program at a time watches: weir with one, two and four lanes (flow records), weir
run (verdicts into its store), and as yardsticks tcpdump (which only writes the packets away; its buffer is as large as weir's
ring) and argus. What is lost: weir by its own account, which must add up to what was sent; tcpdump by what it says; argus by the
packets in its records. Needs root; takes about two minutes. The sender and the watched program share the machine's processors.
"""
import argparse
import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
import test_live_captures  # noqa: E402
import veth  # noqa: E402

PACKETS = 20000
RING_MB = 64
SIZES = (64, 1400)
MODEL = os.path.join(ROOT, "examples/tap/model.weir")


class Weir:
    def __init__(self, net, weir, *arguments):
        self.receiver = veth.Receiver(net, weir, *arguments, "--json", ports="tapa")

    def lost(self, sent):
        port, = self.receiver.account()["ports"]
        if port["offered"] != sent:
            sys.exit(f"the account does not add up: {sent} sent, {port}")
        return port["offered"] - port["seen"]


class Other:
    """Another program; it is ready when there is a packet socket."""

    def __init__(self, net, *argv):
        self.process = subprocess.Popen(net.argv(net.names[1], *argv), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        while len(net.run_in(net.names[1], "cat", "/proc/net/packet").splitlines()) < 2:
            if self.process.poll() is not None:
                sys.exit(f"{argv[0]} ends at once: {self.process.stderr.read()}")
            time.sleep(0.05)
        time.sleep(0.2)

    def end(self):
        self.process.send_signal(signal.SIGINT)
        return self.process.communicate(timeout=60)[1]


class Tcpdump(Other):
    def __init__(self, net):
        super().__init__(net, "tcpdump", "-i", "tapa", "-n", "-w", "/dev/null", "-B", str(RING_MB * 1024))

    def lost(self, sent):
        return int(re.search(r"(\d+) packets? dropped by kernel", self.end()).group(1))


class Argus(Other):
    def __init__(self, net, path):
        self.path = path
        if os.path.exists(path):
            os.remove(path)
        super().__init__(net, "argus", "-X", "-i", "tapa", "-S", "5", "-w", path)

    def lost(self, sent):
        self.end()
        rows = subprocess.run(["ra", "-X", "-n", "-c", ",", "-r", self.path, "-s", "pkts", "proto", "-", "not", "man"], capture_output=True,
                              text=True, check=True).stdout.splitlines()
        return sent - sum(int(row[0]) for row in csv.reader(rows) if row and row[0].strip().isdigit())


def send(net, path, rate, seconds, topspeed):
    """tcpreplay for about so long; packets sent and how many a second it reached."""
    loops = max(1, round(rate * seconds / PACKETS))
    speed = ["--topspeed"] if topspeed else [f"--pps={rate}"]
    out = net.run_in(net.names[0], "tcpreplay", "-K", *speed, f"--loop={loops}", "-i", "tapa", path)
    sent, took = re.search(r"Actual: (\d+) packets .* sent in ([\d.]+) seconds", out).groups()
    return int(sent), int(sent) / float(took)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weir", required=True)
    parser.add_argument("--seconds", type=float, default=1.5, help="how long to send at each rate (1.5)")
    parser.add_argument("--rates", default="50000,100000,200000,400000", help="packets a second")
    parser.add_argument("capture", nargs="?", default=os.path.join(ROOT, "examples/tap/tx.pcap.zst"))
    arguments = parser.parse_args()
    weir = os.path.abspath(arguments.weir)
    rates = [int(rate) for rate in arguments.rates.split(",")]
    if os.geteuid() or not shutil.which("tcpreplay"):
        sys.exit("live_rate: needs root, for its network namespaces, and tcpreplay (tools/setup)")
    with tempfile.TemporaryDirectory() as folder:
        packets = test_live_captures.read_capture(arguments.capture, folder)
        if len(packets) < PACKETS:
            sys.exit(f"live_rate: {arguments.capture} has fewer than {PACKETS} packets")
        packets = packets[::len(packets) // PACKETS][:PACKETS]
        net = veth.Net()
        try:
            watchers = {f"weir flows, {lanes} lane{'s' * (lanes > 1)}": lambda lanes=lanes: Weir(
                net, weir, "flows", "-o", "/dev/null", "--lanes", str(lanes)) for lanes in (1, 2, 4)}
            watchers["weir run, 2 lanes"] = lambda: Weir(net, weir, "run", "--model", MODEL, "--store", os.path.join(
                folder, f"{time.time()}.duckdb"), "--eve", "/dev/null", "--control", "none")
            watchers["tcpdump -w /dev/null"] = lambda: Tcpdump(net)
            if shutil.which("argus") and shutil.which("ra"):
                watchers["argus"] = lambda: Argus(net, os.path.join(folder, "argus"))
            print(f"{os.cpu_count()} processors; load before: {os.getloadavg()[0]:.1f}")
            for size in SIZES:
                path = os.path.join(folder, "packets.pcap")
                test_live_captures.write_pcap(path, [(us, frame[:size].ljust(size, b"\0")) for us, frame in packets])
                print(f"\npackets of {size} bytes: % lost (packets/s sent)")
                print(f"{'':24}" + "".join(f"{rate:>20,}" for rate in rates) + f"{'as fast as it can':>20}")
                for watcher, start in watchers.items():
                    cells = []
                    for rate in [*rates, None]:
                        watched = start()
                        sent, reached = send(net, path, rate or rates[-1], arguments.seconds, rate is None)
                        lost = watched.lost(sent)
                        cells.append(f"{100 * lost / sent:.2f} ({reached / 1000:.0f}k)" if lost else f"0 ({reached / 1000:.0f}k)")
                    print(f"{watcher:24}" + "".join(f"{cell:>20}" for cell in cells), flush=True)
        finally:
            net.close()


if __name__ == "__main__":
    main()
