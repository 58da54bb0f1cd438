"""Two network namespaces joined by veth cables, for tests of live capture: what is sent in one is captured in the other.

    namespace weirPID[-N]-s           namespace weirPID[-N]-r
    send()       tapa ───── tapa   weir -i tapa,tapb
                 tapb ───── tapb   Recorder

They need root; a Net raises OSError where namespaces cannot be had. Sockets are made inside a namespace by a thread that enters it
for that moment, so that nothing has to be started there.
"""
import ctypes
import json
import os
import signal
import socket
import struct
import subprocess
import threading
import time

PORTS = ("tapa", "tapb")
QUIET = "for f in all default; do echo 1 >/proc/sys/net/ipv6/conf/$f/disable_ipv6; done 2>/dev/null; true"  # no packets of the host's own
MTU_MAX = 65535
CLONE_NEWNET = 0x40000000
SO_RCVBUFFORCE, SO_TIMESTAMPNS, PACKET_AUXDATA, PACKET_STATISTICS, SOL_PACKET = 33, 35, 8, 6, 263
ETH_P_ALL = 0x0003


def run(*argv, timeout=30):
    done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout)
    if done.returncode:
        raise OSError(f"{' '.join(argv)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


class Net:
    """The two namespaces and their cables. `number` tells several of one process apart."""

    def __init__(self, number=None, mtu=9000):
        self.names = [f"weir{os.getpid()}{'' if number is None else f'-{number}'}-{end}" for end in "sr"]
        self.mtu = mtu
        try:
            for name in self.names:
                run("ip", "netns", "add", name)
                self.run_in(name, "sh", "-c", QUIET)
            for port in PORTS:
                self.plug(port)
        except (OSError, subprocess.SubprocessError):
            self.close()
            raise

    def plug(self, port):
        run("ip", "link", "add", port, "netns", self.names[0], "type", "veth", "peer", "name", port, "netns", self.names[1])
        for name in self.names:
            run("ip", "-n", name, "link", "set", port, "mtu", str(self.mtu), "up")

    def argv(self, name, *argv):
        return ["ip", "netns", "exec", name, *argv]

    def run_in(self, name, *argv):
        return run(*self.argv(name, *argv))

    def sockets(self, name, *kinds):
        """Sockets of these kinds, made inside the namespace `name`: they stay there."""
        made = []

        def make():
            libc = ctypes.CDLL(None, use_errno=True)
            inside = os.open(f"/run/netns/{name}", os.O_RDONLY)
            if libc.setns(inside, CLONE_NEWNET) == 0:  # of this thread alone
                made.extend(socket.socket(*kind) for kind in kinds)
            os.close(inside)

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        if len(made) != len(kinds):
            raise OSError(f"{name}: no sockets can be made there")
        return made

    def packet_sockets(self, name, ports, protocol=0):
        made = self.sockets(name, *[(socket.AF_PACKET, socket.SOCK_RAW)] * len(ports))
        for port, one in zip(ports, made):
            one.bind((port, protocol))
        return made

    def close(self):
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)


def send(net, schedule, ports=PORTS):
    """Sends [(seconds, index of the port, frame)] at these times."""
    sockets = net.packet_sockets(net.names[0], ports)
    began = time.time()
    for due, port, frame in schedule:
        while (left := began + due - time.time()) > 0:
            time.sleep(max(left - 0.0003, 0))
        sockets[port].send(frame)
    for out in sockets:
        out.close()


class Receiver:
    """A weir that captures in the namespace r."""

    def __init__(self, net, weir, *arguments, ports=",".join(PORTS), wait=True, **more):
        self.process = subprocess.Popen(net.argv(net.names[1], weir, arguments[0], "-i", ports, *arguments[1:]), text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
        self.said = []
        self.ended = False
        if wait:
            self.wait_for("capturing on")

    def wait_for(self, words):
        """The line of the standard error with these words; AssertionError when it ends without."""
        for line in self.process.stderr:
            self.said.append(line)
            if words in line:
                return line
        raise AssertionError(f"'{words}' was not said: {''.join(self.said)}")

    def end(self):
        """Asks it to end, once, without waiting."""
        if not self.ended and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.ended = True

    def stop(self, code=0):
        """Ends it; the standard output and the rest of the standard error."""
        self.end()
        out, err = self.process.communicate(timeout=60)
        assert self.process.returncode == code, (self.process.returncode, self.said, err)
        return out, err

    def account(self, code=0):
        account = json.loads(self.stop(code)[0])
        for port in account["ports"]:
            assert port["offered"] == sum(port["lost"].values()) + port["seen"], port
        packets = account["packets"]
        assert packets["seen"] == packets["metered"] + sum(packets["ignored"].values()) + sum(packets["dropped"].values()), packets
        return account


class Recorder:
    """Receives what comes in, on sockets of its own: [(ns, frame)] a port, VLAN tags put back, times the kernel's.

    While a socket asks for time stamps, the kernel takes a packet's time once, when it comes in, and every socket gets that one:
    so these are the times that weir's packet rings have.
    """

    def __init__(self, net, ports=PORTS):
        self.sockets = net.packet_sockets(net.names[1], ports)
        for taken in self.sockets:
            taken.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 27)
            taken.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            taken.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
            taken.bind((taken.getsockname()[0], ETH_P_ALL))
            taken.settimeout(5)

    def take(self, port):
        frame, extras, _, _ = self.sockets[port].recvmsg(MTU_MAX + 64, 256)
        when = 0
        for level, kind, data in extras:
            if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
                seconds, nanoseconds = struct.unpack("qq", data)
                when = seconds * 10**9 + nanoseconds
            elif (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
                status, _, _, _, _, tci, tpid = struct.unpack("IIIHHHH", data)
                if status & 1 << 4:
                    frame = frame[:12] + struct.pack(">HH", tpid if status & 1 << 6 else 0x8100, tci) + frame[12:]
        return when, frame

    def record(self, counts):
        """Takes so many packets of each port; fewer when none comes for 5 s or the socket had no room."""
        out = []
        for port, count in enumerate(counts):
            packets = []
            try:
                while len(packets) < count:
                    packets.append(self.take(port))
            except TimeoutError:
                pass
            out.append(packets)
        return out

    def left(self):
        """Packets that have come in since, and are gone now."""
        count = 0
        for port, taken in enumerate(self.sockets):
            taken.settimeout(0)
            try:
                while True:
                    self.take(port)
                    count += 1
            except BlockingIOError:
                taken.settimeout(5)
        return count

    def close(self):
        for taken in self.sockets:
            taken.close()
