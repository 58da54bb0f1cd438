"""Live capture against the truth: traffic of our own between network namespaces, over the two ports of a tap.

usage: test_live.py WEIR MODEL
Needs root, network namespaces and veth (veth.py); else it says so and is skipped (77).
"""
import csv
import json
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "pipeline"))
import tap_capture  # noqa: E402
import veth  # noqa: E402
from veth import PORTS, run  # noqa: E402


def tagged(frame, *tags):
    """The frame with VLAN tags, outer first: (type, number)."""
    return frame[:12] + b"".join(struct.pack(">HH", *tag) for tag in tags) + frame[12:]


def ipv6(src, dst, proto, l4):
    return bytes(12) + b"\x86\xdd" + struct.pack(">IHBB", 6 << 28, len(l4), proto, 64) + src + dst + l4


def special_packets():
    """[(seconds, port, frame)]: what separates a careless lane or capture from a good one."""
    client, server = bytes([198, 51, 100, 200]), bytes([203, 0, 113, 200])
    six = [bytes.fromhex("20010db8") + bytes(11) + bytes([n]) for n in (1, 2)]
    out = []

    def both(at, make, sport, dport):
        out.append((at, 0, make(client, server, tap_capture.udp(sport, dport, bytes(100)))))
        out.append((at + 0.004, 1, make(server, client, tap_capture.udp(dport, sport, bytes(200)))))

    plain = lambda src, dst, l4: tap_capture.frame(src, dst, 17, l4)
    both(0.1, lambda *a: tagged(plain(*a), (0x8100, 7)), 4001, 9)
    both(0.2, lambda *a: tagged(plain(*a), (0x88A8, 100), (0x8100, 8)), 4002, 9)
    for n in range(8):  # tunnels: the inner addresses choose the lane, the outer ones differ
        inner = [bytes([10, 0, n, 1]), bytes([10, 0, n, 2])]
        for at, port, (a, b), (s, d) in ((0.3, 0, inner, (client, server)), (0.31, 1, inner[::-1], (server, client))):
            packet = tap_capture.frame(a, b, 17, tap_capture.udp(4100, 4100, bytes(50)))
            vxlan = tap_capture.udp(5000 + 10 * port + n, 4789, b"\x08\0\0\0\0\0\x05\0" + packet)
            out.append((at + n / 1000, port, plain(s, d, vxlan)))
    for n in range(8):  # fragments: only the first has ports
        payload = tap_capture.udp(4200 + n, 9, bytes(1000))
        for at, part, field in ((0.4, payload[:512], 0x2000), (0.402, payload[512:], 64)):
            packet = tap_capture.frame(bytes([198, 51, 100, 210 + n]), server, 17, part)
            packet = packet[:18] + struct.pack(">H", 900 + n) + struct.pack(">H", field) + packet[22:]
            out.append((at + n / 10000, 0, packet))
    for n in range(8):  # an ICMP error from a router about a packet of the other direction
        sent = plain(client, bytes([203, 0, 113, 210 + n]), tap_capture.udp(4300 + n, 33434, bytes(20)))
        out.append((0.5 + n / 1000, 0, sent))
        out.append((0.52 + n / 1000, 1, tap_capture.frame(bytes([192, 0, 2, 1]), client, 1, b"\x0b\0\0\0\0\0\0\0" + sent[14:42])))
    for n in range(8):  # large: the kernel keeps all but the link-layer header of those above a page apart
        for at, port, size in ((0.7, 0, 6000), (0.702, 1, 20), (0.704, 0, 20), (0.706, 1, 8000)):
            ends = (bytes([198, 51, 100, 220 + n]), server)
            out.append((at + n / 10000, port, plain(*ends[::-1 if port else 1], tap_capture.udp(4500 + port, 4501 - port, bytes(size)))))
    for port in (0, 1):
        src, dst = six[::-1 if port else 1]
        l4 = tap_capture.udp(4400 + port, 4401 - port, bytes(64))
        out.append((0.6 + port / 100, port, ipv6(src, dst, 0, b"\x11\0\1\4\0\0\0\0" + l4)))  # behind hop-by-hop options
    return out


def make_traffic(folder, seconds=1.2):
    """Writes tx.pcap and rx.pcap: tap_capture's conversations made quicker, and special packets. The schedule for veth.send."""
    rng = random.Random(7)
    packets = special_packets()
    for index in range(60):
        start = rng.random() * 0.4 * seconds
        flow = tap_capture.conversation(rng, index)
        quicker = min(1, 0.6 * seconds / max(flow[-1][0], 1e-9))
        packets += [(start + at * quicker, 0 if up else 1, frame) for at, up, frame in flow]
    packets.sort(key=lambda packet: packet[0])
    last, files, schedule = 0, [], []
    for name in ("tx", "rx"):
        files.append(open(os.path.join(folder, name + ".pcap"), "wb"))
        files[-1].write(tap_capture.PCAP_HEADER)
    for at, port, frame in packets:
        last = max(last + 100, round(at * 1e6))
        schedule.append((last / 1e6, port, frame))
        files[port].write(struct.pack("<IIII", 1700000000 + last // 10**6, last % 10**6, len(frame), len(frame)) + frame)
    for file in files:
        file.close()
    return schedule


def flood(count, port, size=1000):
    return [(0, port, tap_capture.frame(bytes([198, 51, 100, 1]), bytes([203, 0, 113, 1]), 17, tap_capture.udp(7, 9, bytes(size))))] * count


def Receiver(*arguments, **more):
    return veth.Receiver(NET, WEIR, *arguments, **more)


def start(commands, **more):
    """Several receivers, started at the same time."""
    receivers = [Receiver(*arguments, wait=False, **more) for arguments in commands]
    for receiver in receivers:
        receiver.wait_for("capturing on")
    return receivers


class Live(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.net = NET
        cls.folder = tempfile.TemporaryDirectory()
        cls.schedule = make_traffic(cls.folder.name)
        cls.counts = [sum(port == number for _, port, _ in cls.schedule) for number in (0, 1)]
        # One packet and then silence, on a link of its own; the other tests go on meanwhile.
        cls.net.plug("tapd")
        cls.net.plug("tape")
        cls.silent = Receiver("flows", "-o", "-", "--columns", "stime,spkts", "--lanes", "2", ports="tapd,tape")
        cls.exported = []
        cls.reader = threading.Thread(target=lambda: [cls.exported.append((time.time(), cls.silent.process.stdout.readline()))
                                                      for _ in range(2)], daemon=True)
        cls.reader.start()
        veth.send(cls.net, flood(1, 0), ("tapd", "tape"))
        # All who watch the traffic that is sent once.
        path = lambda name: os.path.join(cls.folder.name, name)
        cls.lanes = {n: Receiver("flows", "-o", path(f"live{n}.csv"), "--lanes", str(n), "--json", wait=False) for n in (1, 2, 4)}
        cls.filters = [Receiver("flows", "-f", words, "-o", "-", ports="tapa", wait=False) for words in ("vlan 7", "not vlan and port 4001")]
        cls.vlan = Receiver("flows", "-f", "vlan", "-o", path("vlan.csv"), "--json", ports="tapa", wait=False)
        cls.judge = Receiver("run", "--model", MODEL, "--store", path("live.duckdb"), "--eve", path("live.json"), "--json", "--control",
                             "none", wait=False)
        watching = [*cls.lanes.values(), *cls.filters, cls.vlan, cls.judge]
        for receiver in watching:
            receiver.wait_for("capturing on")
        veth.send(cls.net, cls.schedule)
        for receiver in watching:
            receiver.end()

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def send(self, schedule):
        veth.send(self.net, schedule)

    def records(self, path):
        """Rows in an order that does not hang on times, their times apart and in seconds after the first."""
        with open(path) as file:
            rows = list(csv.DictReader(file))
        first = min(float(row["stime"]) for row in rows)
        out = []
        for row in rows:
            times = [float(row[name]) - first for name in ("stime", "ltime")]
            out.append(([row[name] for name in SAME], times))
        return sorted(out)

    def compare(self, live, files, tolerance=0.25):
        self.assertEqual([row for row, _ in live], [row for row, _ in files])
        for (row, times), (_, want) in zip(live, files):
            for got, wanted in zip(times, want):
                self.assertAlmostEqual(got, wanted, delta=tolerance, msg=str(row))

    def test_records_are_those_of_the_files(self):
        """One, two and four lanes watch the same traffic."""
        for n, receiver in self.lanes.items():
            account = receiver.account()
            self.assertEqual([port["seen"] for port in account["ports"]], self.counts, n)
            self.assertEqual([sum(port["lost"].values()) for port in account["ports"]], [0, 0])
            self.assertEqual([(port["interface"], port["state"], port["aggregated"]) for port in account["ports"]],
                             [(name, "up", False) for name in PORTS])
        run(WEIR, "flows", "-r", self.path("tx.pcap") + "," + self.path("rx.pcap"), "-o", self.path("files.csv"), "--quiet")
        files = self.records(self.path("files.csv"))
        self.assertGreater(len(files), 100)
        for n in self.lanes:
            self.compare(self.records(self.path(f"live{n}.csv")), files)

    def test_one_interface_and_a_filter_that_knows_tags(self):
        out, _ = self.filters[0].stop()
        rows = list(csv.DictReader(out.splitlines()))
        self.assertEqual([(row["sport"], row["spkts"]) for row in rows], [("4001", "1")])
        self.assertEqual(len(self.filters[1].stop()[0].splitlines()), 1)  # the header alone
        account = self.vlan.account()
        self.assertEqual(account["ports"][0]["seen"], self.counts[0])
        self.assertEqual((account["packets"]["metered"], account["packets"]["ignored"]["filter"]), (2, self.counts[0] - 2))

    def test_losses_are_counted(self):
        """More than the ring holds is sent while the receiver is stopped: what was sent = metered + lost."""
        count = 6000
        stopped = start([("flows", "--ring-mb", "1", "--lanes", lanes, "-o", self.path(f"flood{lanes}.csv"), "--json") for lanes in "12"])
        for receiver in stopped:
            receiver.process.send_signal(signal.SIGSTOP)
        try:
            self.send(flood(count, 0) + flood(count, 1))
        finally:
            for receiver in stopped:
                receiver.process.send_signal(signal.SIGCONT)
        for lanes, receiver in zip("12", stopped):
            account = receiver.account()
            for port in account["ports"]:
                self.assertEqual(port["offered"], count, port)
                self.assertGreater(port["lost"]["ring"], count // 2)
                self.assertGreater(port["seen"], 200)
            with open(self.path(f"flood{lanes}.csv")) as file:
                self.assertEqual(sum(int(row["spkts"]) + int(row["dpkts"]) for row in csv.DictReader(file)), account["packets"]["metered"])

    def test_silent_link_exports_on_time(self):
        """A record that is due after 5 s comes although no packet does: window, lag and block time-out later at most."""
        self.reader.join(timeout=20)
        self.assertEqual(len(self.exported), 2)
        when, line = self.exported[1]
        stime, packets = line.strip().split(",")
        self.assertEqual(packets, "1")
        self.assertGreater(when - float(stime), 5)
        self.assertLess(when - float(stime), 6)
        self.silent.stop()

    def test_interfaces_come_and_go(self):
        receiver = Receiver("flows", "-o", self.path("events.csv"), "--lanes", "2", "--json")
        try:
            self.send(flood(5, 0))
            run("ip", "-n", self.net.names[1], "link", "set", "tapa", "down")
            self.assertIn("tapa", receiver.wait_for("is down"))
            run("ip", "-n", self.net.names[1], "link", "set", "tapa", "up")
            self.assertIn("tapa", receiver.wait_for("up again"))
            self.send(flood(5, 0))
            run("ip", "-n", self.net.names[0], "link", "del", "tapa")
            self.assertIn("with --lanes 1 it would come back by itself", receiver.wait_for("tapa: the interface was removed"))
        finally:
            subprocess.run(["ip", "-n", self.net.names[0], "link", "del", "tapa"], stderr=subprocess.DEVNULL)
            self.net.plug("tapa")
        self.send(flood(7, 1))
        account = receiver.account()
        self.assertEqual([(port["seen"], port["state"]) for port in account["ports"]], [(10, "gone"), (7, "up")])

    def rights(self, pid):
        """What each thread may: [(effective, permitted, bounding set, no_new_privs, user)]"""
        out = []
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/status") as file:
                fields = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
            out.append((*(int(fields[name], 16) for name in ("CapEff", "CapPrm", "CapBnd")), fields["NoNewPrivs"], fields["Uid"].split()[0]))
        return out

    def test_rights_are_dropped(self):
        """No thread keeps a right while packets are read, whatever command, and the keeper of the offloads has its one alone."""
        commands = [(("flows", "-o", "/dev/null", "--lanes", "2"), "0"), (("flows", "-o", "/dev/null", "--user", "nobody"), "65534"),
                    (("run", "--model", MODEL, "--store", self.path("rights.duckdb"), "--eve", "/dev/null", "--control", "none"), "0")]
        kept = 0
        for port in PORTS:
            self.net.run_in(self.net.names[1], "ethtool", "-K", port, "gro", "on")
        for receiver, (_, user) in zip(start([arguments for arguments, _ in commands]), commands):
            pid = receiver.process.pid
            found = self.rights(pid)
            with open(f"/proc/{pid}/task/{pid}/children") as file:
                keepers = [self.rights(child) for child in file.read().split()]
            receiver.stop()
            self.assertEqual(set(found), {(0, 0, 0, "1", user)})
            for keeper in keepers:
                self.assertEqual(keeper, [(1 << 12, 1 << 12, 0, "1", "0")])  # CAP_NET_ADMIN
            kept += len(keepers)
        self.assertGreaterEqual(kept, len(PORTS))  # of who found an offload on
        done = subprocess.run(self.net.argv(self.net.names[1], WEIR, "flows", "-i", "tapa", "--user", "nobody", "-o", self.path("no.csv")),
                              capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 1)
        self.assertIn("nobody may not write it once weir has dropped its rights", done.stderr)

    def test_with_one_lane_a_removed_interface_comes_back(self):
        """And with no rights left, since they were dropped."""
        receiver = Receiver("flows", "-o", self.path("back.csv"), "--json")
        self.send(flood(3, 0))
        run("ip", "-n", self.net.names[0], "link", "del", "tapa")
        self.assertIn("waiting for it to come back", receiver.wait_for("was removed"))
        self.net.plug("tapa")
        receiver.wait_for("up again")
        self.send(flood(4, 0) + flood(5, 1))
        account = receiver.account()
        self.assertEqual([(port["seen"], port["state"]) for port in account["ports"]], [(7, "up"), (5, "up")])

    def test_ends_when_no_interface_is_left(self):
        self.net.plug("tapc")
        receiver = Receiver("flows", "-o", self.path("alone.csv"), ports="tapc")
        run("ip", "-n", self.net.names[0], "link", "del", "tapc")
        receiver.process.wait(timeout=10)
        _, err = receiver.stop(code=1)
        self.assertIn("tapc: no interface is left", err)

    def test_ends_by_itself(self):
        began = time.time()
        receiver = Receiver("flows", "--duration", "300ms", "-o", "-")
        receiver.process.wait(timeout=10)
        self.assertGreater(time.time() - began, 0.3)
        receiver.stop()

    def test_offloads_are_restored(self):
        def gro():
            found = re.search(r"generic-receive-offload: (\w+)", self.net.run_in(self.net.names[1], "ethtool", "-k", "tapa"))
            return found.group(1)

        try:
            self.net.run_in(self.net.names[1], "ethtool", "-K", "tapa", "gro", "on")
        except (OSError, subprocess.SubprocessError) as problem:
            self.skipTest(str(problem))
        receiver = Receiver("flows", "-o", "-", ports="tapa")
        self.assertEqual(gro(), "off")
        receiver.stop()
        self.assertEqual(gro(), "on")
        receiver = Receiver("flows", "-o", "-", ports="tapa")
        self.assertEqual(gro(), "off")
        receiver.process.kill()
        receiver.process.communicate(timeout=30)  # its end of the pipes is the keeper's too
        self.assertEqual(gro(), "on")

    def test_no_loss_is_uncounted_at_full_speed(self):
        """tcpreplay as fast as it can: what was sent is seen or in a counter, packet by packet, whatever the machine can do."""
        if not shutil.which("tcpreplay"):
            self.skipTest("there is no tcpreplay; tools/setup installs it")
        loops = 40
        names = [self.path(name + ".pcap") for name in ("tx", "rx")]
        receivers = start([("flows", "-o", "/dev/null", "--json", "--lanes", lanes) for lanes in "12"])
        for port, name in zip(PORTS, names):
            self.net.run_in(self.net.names[0], "tcpreplay", "-q", "-K", "--topspeed", f"--loop={loops}", "-i", port, name)
        for lanes, receiver in zip((1, 2), receivers):
            account = receiver.account()
            print(f"{lanes} lanes: {[(port['offered'], port['lost']) for port in account['ports']]}", file=sys.stderr)
            self.assertEqual([port["offered"] for port in account["ports"]], [count * loops for count in self.counts])
            self.assertEqual([(port["lost"]["nic"], port["lost"]["softnet"]) for port in account["ports"]], [(0, 0)] * 2)

    def test_the_loopback_shows_a_packet_once(self):
        run("ip", "-n", self.net.names[1], "link", "set", "lo", "up")
        receivers = start([("flows", "-o", "-", "--lanes", lanes, "--columns", "sport,dport,spkts,dpkts") for lanes in "12"], ports="lo")
        client, server = self.net.sockets(self.net.names[1], *[(socket.AF_INET, socket.SOCK_DGRAM)] * 2)
        for end in (client, server):
            end.bind(("127.0.0.1", 0))
        for _ in range(3):
            client.sendto(b"question", server.getsockname())
        for _ in range(2):
            server.sendto(b"answer", client.getsockname())
        for receiver in receivers:
            out, _ = receiver.stop()
            self.assertEqual(out.splitlines()[1:], [f"{client.getsockname()[1]},{server.getsockname()[1]},3,2"])
        client.close()
        server.close()

    def test_segments_that_the_host_put_together_are_marked(self):
        """A connection of the hosts' own, with segmentation left to an interface that does not do it; then without."""
        for number, name in enumerate(self.net.names):
            run("ip", "-n", name, "address", "add", f"198.18.0.{number + 1}/24", "dev", "tapa")
        try:
            for offload in ("on", "off"):
                self.net.run_in(self.net.names[0], "ethtool", "-K", "tapa", "tso", offload, "gso", offload)
                receiver = Receiver("flows", "-o", "/dev/null", "--json")
                client, = self.net.sockets(self.net.names[0], (socket.AF_INET, socket.SOCK_STREAM))
                server, = self.net.sockets(self.net.names[1], (socket.AF_INET, socket.SOCK_STREAM))
                server.bind(("198.18.0.2", 0))
                server.listen()
                client.connect(server.getsockname())
                accepted, _ = server.accept()
                drain = threading.Thread(target=lambda: [None for _ in iter(lambda: accepted.recv(1 << 16), b"")])
                drain.start()
                client.sendall(bytes(1 << 20))
                client.close()
                drain.join()
                accepted.close()
                server.close()
                if offload == "on":
                    self.assertIn("tapa: the host puts TCP segments together", receiver.wait_for("segments"))
                account = receiver.account()
                self.assertEqual([port["aggregated"] for port in account["ports"]], [offload == "on", False])
                self.assertGreater(account["ports"][0]["bytes"], 1 << 20)
        finally:
            for name in self.net.names:
                run("ip", "-n", name, "address", "flush", "dev", "tapa")

    def test_verdicts_of_live_packets(self):
        account = self.judge.account()
        self.assertEqual([port["seen"] for port in account["ports"]], self.counts)
        self.assertEqual(account["store"]["committed"], sum(account["records"].values()))
        self.assertGreater(account["store"]["committed"], 100)

    def test_clear_errors(self):
        def fails(*arguments, code=1, **more):
            done = subprocess.run(self.net.argv(self.net.names[1], WEIR, "flows", *arguments), capture_output=True, text=True, timeout=30)
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
            return done.stderr

        self.assertIn("nosuch0: there is no such interface", fails("-i", "nosuch0"))
        self.assertIn("nosuch0", fails("-i", "tapa,nosuch0"))
        self.assertIn("ip link set lo up", fails("-i", "lo"))
        self.assertIn("nonsense", fails("-i", "tapa", "-f", "nonsense and"))
        self.assertIn("exclude each other", fails("-i", "tapa", "-r", self.path("tx.pcap"), code=2))
        self.assertIn("for interfaces", fails("-r", self.path("tx.pcap"), "--snaplen", "100", code=2))
        fails("-i", "tapa,tapa", code=2)
        fails("-i", "a,b,c", code=2)
        for rights, words in (((), "CAP_NET_RAW"), (("net_raw", "net_admin"), "CAP_BPF")):
            if not os.path.exists("/usr/bin/setpriv"):
                break
            keep = ",".join(["-all", *("+" + right for right in rights)])
            done = subprocess.run(self.net.argv(self.net.names[1], "setpriv", "--bounding-set", keep, "--inh-caps", keep, WEIR, "flows",
                                                "-i", "tapa", "--lanes", "2"), capture_output=True, text=True, timeout=30)
            self.assertEqual((done.returncode, len(done.stderr.splitlines())), (1, 1), done.stderr)
            self.assertIn(words, done.stderr)


if __name__ == "__main__":
    WEIR, MODEL = map(os.path.abspath, sys.argv[1:3])
    del sys.argv[1:3]
    if os.geteuid():
        print("skipped: live capture needs root for its namespaces")
        sys.exit(77)
    try:
        NET = veth.Net()
    except (OSError, subprocess.SubprocessError) as problem:
        print(f"skipped: no network namespaces here: {problem}")
        sys.exit(77)
    # Every column but times and what is made of them.
    TIMED = re.compile(r"time|dur|mean|min|max|sum|stddev|rate|load|jit|intpkt|run|rtt|synack|ackdat|idle|trans|seq|loss|gap|rank|flgs")
    SAME = [line.split()[0] for line in run(WEIR, "flows", "--columns", "help").splitlines() if not TIMED.search(line.split()[0])]
    try:
        unittest.main(verbosity=1)
    finally:
        NET.close()
