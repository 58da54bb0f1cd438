"""Network namespaces as machines: each with a cable to one switch, an address of its own, and nothing else. Queues between them.

    sensor  sensor-2  infer  infer-2  collect  redis  between       10.9.7.1, .2, ...
       └────────┴───────┴──── switch ────┴───────┴───────┘

They need root; Machines raises OSError where namespaces cannot be had. Several can be at work at once: the switch is in a namespace, too.
"""
import os
import socket
import subprocess

from cluster import Redis
from veth import Net, run

NAMES = ("sensor", "sensor-2", "infer", "infer-2", "collect", "redis", "between")
QUIET = "for f in all default; do echo 1 >/proc/sys/net/ipv6/conf/$f/disable_ipv6; done 2>/dev/null; true"
MTU = 1500


class Machines:
    def __init__(self, names=NAMES):
        self.names = {name: f"weir{os.getpid()}-{name}" for name in (*names, "switch")}
        self.address = {name: f"10.9.7.{number}" for number, name in enumerate(names, 1)}
        try:
            for name in self.names.values():
                run("ip", "netns", "add", name)
                run(*self.argv_of(name), "sh", "-c", QUIET)
            run("ip", "-n", self.names["switch"], "link", "add", "bridge", "type", "bridge")
            run("ip", "-n", self.names["switch"], "link", "set", "bridge", "up")
            for name in names:
                self.plug(name)
        except (OSError, subprocess.SubprocessError) as error:
            self.close()
            raise OSError(str(error)) from error

    def plug(self, name):
        space, switch = self.names[name], self.names["switch"]
        run("ip", "link", "add", "cable", "netns", space, "type", "veth", "peer", "name", f"to-{name}", "netns", switch)
        run("ip", "-n", switch, "link", "set", f"to-{name}", "master", "bridge", "up")
        run("ip", "-n", space, "address", "add", f"{self.address[name]}/24", "dev", "cable")
        run("ip", "-n", space, "link", "set", "lo", "up")
        run("ip", "-n", space, "link", "set", "cable", "mtu", str(MTU), "up")

    @staticmethod
    def argv_of(space):
        return ["ip", "netns", "exec", space]

    def argv(self, name):
        return self.argv_of(self.names[name])

    def cable(self, name, state):
        """Pulled out at the switch ("down"), or put back ("up")."""
        run("ip", "-n", self.names["switch"], "link", "set", f"to-{name}", state)

    def socket(self, name):
        """A TCP socket on that machine."""
        return Net.sockets(None, self.names[name], (socket.AF_INET, socket.SOCK_STREAM))[0]

    def listen(self, name, port):
        made = self.socket(name)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((self.address[name], port))
        return made

    def dial(self, name, to, port):
        made = self.socket(name)
        made.connect((self.address[to], port))
        return made

    def close(self):
        for name in self.names.values():
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)


class ZmqMachines:
    """ZeroMQ over TCP with keys, each role on the machine of its name."""

    def __init__(self, folder, weir):
        self.folder, self.machines = folder, Machines()
        for name in "sensor", "infer", "collect":
            subprocess.run([weir, "keygen", name], cwd=folder, check=True, capture_output=True)
        self.results = self.result_url("collect")
        self.queue = self.queue_url("sensor")

    def queue_url(self, sensor):
        return f"zmq+tcp://{self.machines.address[sensor]}:5555"

    def result_url(self, collector):
        return f"zmq+tcp://{self.machines.address[collector]}:5557"

    def keys(self, role):
        others = [name for name in ("sensor", "infer", "collect") if name != role]
        return ["--key", f"{self.folder}/{role}.key", "--peers", ",".join(f"{self.folder}/{other}.pub" for other in others)]

    def urls(self, role, name=None):
        queue = self.queue_url(name if name in self.machines.names else "sensor") if role == "sensor" else self.queue
        return [*([] if role == "collect" else ["--queue", queue]), "--results", self.results, *self.keys(role)]

    def before(self, role, name):
        return self.machines.argv(name if name in self.machines.names else role)

    def start(self):
        pass

    def kill(self):
        pass

    def stop(self):
        self.machines.close()


class RedisMachines(Redis):
    """The same with a redis-server on a machine of its own, which asks for a password."""

    def __init__(self, folder, weir, aof=False):
        self.machines = Machines()
        super().__init__(folder, aof)
        self.address = self.machines.address["redis"]
        self.queue = f"redis://:secret@{self.address}:6379"
        self.own = ["--bind", self.address, "--port", "6379", "--requirepass", "secret"]
        self.credentials = ["-a", "secret", "--no-auth-warning"]
        self.inside = self.machines.argv("redis")

    before = ZmqMachines.before

    def stop(self):
        super().stop()
        self.machines.close()
