"""The lab's network: hosts in namespaces on two sides of one link, and a passive tap on that link.

    left hosts ── bridge, router "left" ══ mid ══ router "right", bridge ── right hosts
                                  │ │
                        tapa (left to right) tapb (right to left), in the namespace "tap"

The tap copies what the link carries (tc mirred) to two interfaces, one a direction, as an optical tap does. Everything lives in
namespaces named weir<pid>-...; Net.close() ends every process in them and deletes them. Nothing outside them is touched.
"""
import ipaddress
import os
import signal
import subprocess
import threading
import time

# The documentation ranges (RFC 5737, RFC 3849): the lab uses no other address.
RANGES = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")


class LabError(Exception):
    """What went wrong and what to do about it, in one line."""


def sh(*argv, **options):
    """Runs a short set-up command; LabError with its message if it fails."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, **options)
    if done.returncode:
        raise LabError(f"{' '.join(argv)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


class Host:
    """One machine: its namespace, addresses and the services it offers."""

    def __init__(self, net, name, side, v4, v6, ttl):
        self.net, self.name, self.side, self.v4, self.v6, self.ttl = net, name, side, v4, v6, ttl
        self.ns = net.ns(name)
        self.services = set()
        self.attacker = False

    def addresses(self):
        return [self.v4, self.v6]

    def argv(self, *argv):
        return ["ip", "netns", "exec", self.ns, *map(str, argv)]


class Net:
    """Makes the namespaces; also the only place where processes are started, so that all of them can be ended."""

    def __init__(self):
        self.prefix = f"weir{os.getpid()}-"
        self.names, self.hosts, self.processes = [], [], set()
        self.lock = threading.Lock()
        self.closing = False

    def ns(self, name):
        return self.prefix + name

    def add_ns(self, name):
        sh("ip", "netns", "add", self.ns(name))
        self.names.append(name)
        self.inside(name, "ip", "link", "set", "lo", "up")

    def inside(self, name, *argv):
        return sh("ip", "netns", "exec", self.ns(name), *map(str, argv))

    def sysctl(self, name, **values):
        self.inside(name, "sysctl", "-qw", *[f"{key.replace('__', '.')}={value}" for key, value in values.items()])

    def wire(self, a, a_if, b, b_if, a_mac, b_mac):
        """A cable between two namespaces, frames as on a wire: no offload, so nothing is merged, cut late or left unsummed."""
        sh("ip", "link", "add", a_if, "netns", self.ns(a), "address", a_mac,
           "type", "veth", "peer", "name", b_if, "netns", self.ns(b), "address", b_mac)
        for name, interface in ((a, a_if), (b, b_if)):
            self.inside(name, "ethtool", "-K", interface, *"tx off rx off sg off tso off gso off gro off".split())

    def build(self, rng, left_range, outside_range, right_range):
        """The two routers, the link between them and its tap."""
        self.macs = rng.sample(range(1 << 32), 256)
        # A router's legs: (side, IPv4 network, IPv6 network). The link itself takes the end of the outside range.
        self.networks = {
            "left": (ipaddress.ip_network(left_range), ipaddress.ip_network("2001:db8:1::/64")),
            "outside": (ipaddress.ip_network(outside_range), ipaddress.ip_network("2001:db8:2::/64")),
            "right": (ipaddress.ip_network(right_range), ipaddress.ip_network("2001:db8:3::/64")),
        }
        link4 = list(ipaddress.ip_network(outside_range))[-4:]
        for name in ("left", "right", "tap"):
            self.add_ns(name)
        self.sysctl("tap", **{"net__ipv6__conf__default__disable_ipv6": 1})
        for name in ("left", "right"):
            self.sysctl(name, **{"net__ipv4__ip_forward": 1, "net__ipv6__conf__all__forwarding": 1,
                                 "net__ipv4__conf__all__send_redirects": 0, "net__ipv4__conf__default__send_redirects": 0,
                                 "net__ipv6__conf__default__accept_dad": 0, "net__ipv6__conf__default__accept_ra": 0,
                                 "net__ipv4__icmp_ratelimit": 50, "net__ipv6__icmp__ratelimit": 50})
            self.inside(name, "ip", "link", "add", "br0", "address", self.mac(), "type", "bridge", "mcast_snooping", "0")
            self.inside(name, "ip", "link", "set", "br0", "up")
        self.wire("left", "mid", "right", "mid", self.mac(), self.mac())
        for name, address4, address6 in (("left", link4[1], "2001:db8:ffff::1"), ("right", link4[2], "2001:db8:ffff::2")):
            self.inside(name, "ip", "address", "add", f"{address4}/30", "dev", "mid")
            self.inside(name, "ip", "address", "add", f"{address6}/64", "dev", "mid", "nodad")
            self.inside(name, "ip", "link", "set", "mid", "up")
        for leg, name in (("left", "left"), ("outside", "left"), ("right", "right")):
            v4, v6 = self.networks[leg]
            self.inside(name, "ip", "address", "add", f"{v4[1]}/{25 if leg == 'outside' else 24}", "dev", "br0")
            self.inside(name, "ip", "address", "add", f"{v6[1]}/64", "dev", "br0", "nodad")
        self.inside("left", "ip", "route", "add", str(self.networks["right"][0]), "via", str(link4[2]))
        self.inside("left", "ip", "-6", "route", "add", str(self.networks["right"][1]), "via", "2001:db8:ffff::2")
        self.inside("right", "ip", "route", "add", "default", "via", str(link4[1]))
        self.inside("right", "ip", "-6", "route", "add", "default", "via", "2001:db8:ffff::1")
        self.tap()

    def tap(self):
        self.inside("left", "tc", "qdisc", "add", "dev", "mid", "clsact")
        for port, hook in (("tapa", "egress"), ("tapb", "ingress")):
            self.wire("left", port, "tap", port, self.mac(), self.mac())
            self.sysctl("left", **{f"net__ipv6__conf__{port}__disable_ipv6": 1})
            for name in ("left", "tap"):
                self.inside(name, "ip", "link", "set", port, "arp", "off", "up")
            self.inside("left", "tc", "filter", "add", "dev", "mid", hook, "protocol", "all", "u32",
                        "match", "u32", "0", "0", "action", "mirred", "egress", "mirror", "dev", port)

    def mac(self):
        """A unicast, locally administered address that no other interface of this lab has."""
        return "02:00:" + ":".join(f"{byte:02x}" for byte in self.macs.pop().to_bytes(4, "big"))

    def add_host(self, name, leg, number, ttl):
        """A machine on a leg (left, outside, right) with the given last number of its addresses."""
        router = "right" if leg == "right" else "left"
        v4, v6 = self.networks[leg]
        host = Host(self, name, router, str(v4[number]), str(v6[number]), ttl)
        self.add_ns(name)
        self.sysctl(name, **{"net__ipv6__conf__default__accept_dad": 0, "net__ipv6__conf__default__accept_ra": 0,
                             "net__ipv4__ip_default_ttl": ttl, "net__ipv6__conf__default__hop_limit": ttl,
                             "net__ipv4__tcp_synack_retries": 2, "net__ipv4__icmp_ratelimit": 50,
                             "net__ipv6__icmp__ratelimit": 50})
        self.wire(name, "eth0", router, f"p-{name}", self.mac(), self.mac())
        self.inside(router, "ip", "link", "set", f"p-{name}", "master", "br0", "up")
        self.inside(name, "ip", "address", "add", f"{host.v4}/{25 if leg == 'outside' else 24}", "dev", "eth0")
        self.inside(name, "ip", "address", "add", f"{host.v6}/64", "dev", "eth0", "nodad")
        self.inside(name, "ip", "link", "set", "eth0", "up")
        self.inside(name, "ip", "route", "add", "default", "via", str(v4[1]))
        self.inside(name, "ip", "-6", "route", "add", "default", "via", str(v6[1]))
        self.hosts.append(host)
        return host

    def popen(self, argv, **options):
        """Starts a process of its own group; it is ended at the latest by close()."""
        with self.lock:
            if self.closing:
                raise LabError("the lab is closing")
            options.setdefault("stdout", subprocess.DEVNULL)
            options.setdefault("stderr", subprocess.DEVNULL)
            options.setdefault("stdin", subprocess.DEVNULL)
            process = subprocess.Popen(list(map(str, argv)), start_new_session=True, **options)
            self.processes.add(process)
            return process

    def end(self, process, first=signal.SIGTERM):
        """Ends a process's group: politely, then not. Reaps it. Its exit status."""
        for number in (first, signal.SIGKILL):
            try:
                os.killpg(process.pid, number)
            except ProcessLookupError:
                pass
            try:
                process.wait(5)
                break
            except subprocess.TimeoutExpired:
                continue
        with self.lock:
            self.processes.discard(process)
        return process.returncode

    def call(self, argv, limit_s, **options):
        """Runs a command for at most limit_s; its exit status, 124 when it was cut short."""
        process = self.popen(argv, **options)
        try:
            process.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.end(process)
            return 124
        with self.lock:
            self.processes.discard(process)
        return process.returncode

    def close(self):
        with self.lock:
            self.closing = True
            left = list(self.processes)
        for process in left:
            self.end(process)
        for name in reversed(self.names):
            for _ in range(20):
                pids = subprocess.run(["ip", "netns", "pids", self.ns(name)], capture_output=True, text=True).stdout.split()
                if not pids:
                    break
                for pid in pids:
                    try:
                        os.kill(int(pid), signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                time.sleep(0.05)
            subprocess.run(["ip", "netns", "delete", self.ns(name)], capture_output=True)
        self.names = []
