"""What ordinary hosts do all day: browsing, name look-ups, shells, copies, transfers, pings, monitoring, logs.

Every host, attackers and victims included, runs a Worker: a thread that picks an action and a server, does it with a real client,
thinks, and goes on until the end. A pair (host, server) that an attack has reserved (Pairs) gets no ordinary traffic meanwhile, so
that the truth about its records is one thing.
"""
import threading
import time

from services import ZONE

ACTIONS = ("browse", "browse", "browse", "lookup", "lookup", "shell", "copy", "ftp", "bulk", "ping", "monitor", "cache", "log", "slow")


class Pairs:
    """Who is busy with whom: many ordinary actions may share a pair, an attack has it alone, and some time after it too."""

    def __init__(self):
        self.condition = threading.Condition()
        self.shared, self.reserved = {}, {}

    def enter(self, pair):
        """Takes part in an ordinary action; False if an attack has the pair."""
        with self.condition:
            if pair in self.reserved:
                return False
            self.shared[pair] = self.shared.get(pair, 0) + 1
            return True

    def leave(self, pair):
        with self.condition:
            self.shared[pair] -= 1
            self.condition.notify_all()

    def free(self, pairs):
        """Whether no attack has, or just had, any of the pairs."""
        with self.condition:
            return all(self.reserved.get(pair, 0) < time.time() for pair in pairs)

    def reserve(self, pairs, deadline):
        """Waits until the pairs are nobody's, then takes them; False if the deadline (epoch) passes first."""
        with self.condition:
            while any(self.reserved.get(pair, 0) >= time.time() for pair in pairs):
                if time.time() >= deadline:
                    return False
                self.condition.wait(0.2)
            for pair in pairs:
                self.reserved[pair] = float("inf")
            while any(self.shared.get(pair) for pair in pairs):
                if time.time() >= deadline:
                    for pair in pairs:
                        del self.reserved[pair]
                    return False
                self.condition.wait(0.2)
            return True

    def release(self, pairs, quiet_s):
        """The attack is over; the pairs stay quiet for quiet_s more."""
        until = time.time() + quiet_s
        with self.condition:
            for pair in pairs:
                self.reserved[pair] = until

    def sweep(self):
        """Forgets reservations that have run out."""
        with self.condition:
            now = time.time()
            self.reserved = {pair: until for pair, until in self.reserved.items() if until >= now}
            self.condition.notify_all()


class Worker(threading.Thread):
    """One host's ordinary traffic."""

    def __init__(self, host, services, pairs, rng, until, think_s, log):
        super().__init__(daemon=True)
        self.host, self.services, self.pairs, self.rng = host, services, pairs, rng
        self.until, self.think_s, self.log = until, think_s, log

    def run(self):
        while True:
            pause = min(8.0, self.rng.expovariate(1 / self.think_s))
            if time.time() + pause >= self.until:
                return
            time.sleep(pause)
            action = self.rng.choice(ACTIONS)
            needs = {"browse": "http", "lookup": "dns", "shell": "ssh", "copy": "ssh", "ftp": "ftp", "bulk": "iperf",
                     "cache": "redis", "log": "syslog", "slow": "http"}.get(action)
            servers = [h for h in self.host.net.hosts if h.side != self.host.side and (needs is None or needs in h.services)]
            if not servers:
                continue
            server = self.rng.choice(servers)
            pair = (self.host.name, server.name)
            if not self.pairs.enter(pair):
                continue
            try:
                argv = getattr(self, "do_" + action)(server, server.v6 if self.rng.random() < 0.3 else server.v4)
                start = time.time()
                status = self.host.net.call(self.host.argv(*argv), min(20, max(1.0, self.until - start)))
                self.log(start, time.time(), self.host.name, action, server.name, status)
            except Exception as error:  # the lab is closing, or a tool is missing: the log tells
                self.log(time.time(), time.time(), self.host.name, action, server.name, repr(error))
                if self.host.net.closing:
                    return
            finally:
                self.pairs.leave(pair)

    @staticmethod
    def bracket(address):
        return f"[{address}]" if ":" in address else address

    def curl(self, *argv):
        return ["curl", "-s", "-k", "-m", "15", *argv]

    def do_browse(self, server, address):
        """A page with its objects: over one connection or several, HTTP or HTTPS, now and then a post, an error or a password."""
        rng = self.rng
        base = f"{rng.choice(['http', 'https'])}://{self.bracket(address)}"
        kind = rng.random()
        agent = ["-A", rng.choice(["Mozilla/5.0 (X11; Linux x86_64)", "curl/7.88.1", "Mozilla/5.0 (Windows NT 10.0; Win64)"])]
        if kind < 0.60:
            pages = rng.choices(self.services.pages + ["/", "/missing"], k=rng.randint(1, 9))
            parallel = ["-Z", "--parallel-max", str(rng.randint(2, 6))] if rng.random() < 0.4 else []
            urls = [part for page in pages for part in ("-o", "/dev/null", base + page)]
            return self.curl(*agent, *parallel, *urls)
        if kind < 0.72:
            size = rng.choice([50, 500, 5_000, 60_000])
            return self.curl(*agent, "-o", "/dev/null", "-d", "x" * size, f"{base}/up/{rng.randint(1, 99)}")
        if kind < 0.82:
            password = self.services.users["alice"] if rng.random() < 0.8 else "mistyped"
            return self.curl(*agent, "-o", "/dev/null", "-u", f"alice:{password}", f"{base}/private/")
        if kind < 0.9:
            return self.curl(*agent, "-I", base + "/")
        if kind < 0.95:
            return self.curl(*agent, "-0", "-H", "Connection: close", "-o", "/dev/null", base + rng.choice(self.services.pages))
        return self.curl(*agent, "-T", str(self.services.path("www", "big.bin")), "-o", "/dev/null", f"{base}/up/file")

    def do_slow(self, server, address):
        """A slow line: a legitimate cousin of the slow attacks."""
        rate = self.rng.choice(["8k", "20k", "60k"])
        return self.curl("-o", "/dev/null", "--limit-rate", rate, "-m", str(self.rng.randint(5, 18)),
                         f"http://{self.bracket(address)}/big.bin")

    def do_lookup(self, server, address):
        """One to eight names, as a program that starts would ask."""
        rng, query = self.rng, []
        for _ in range(rng.randint(1, 8)):
            name = rng.choice([f"n{rng.randint(0, 80)}.{ZONE}", f"www.{ZONE}", f"{rng.choice(self.host.net.hosts).name}.{ZONE}",
                               f"api-{rng.randint(0, 9)}-eu-central.very.long.service.name.cdn{rng.randint(0, 99)}.example"])
            query += [name, rng.choice(["A", "A", "AAAA", "MX", "TXT"])]
        return ["dig", "+tries=1", "+time=2", *(["+tcp"] if rng.random() < 0.1 else []), f"@{address}", *query]

    def ssh(self, program, *argv):
        return [program, "-F", "/dev/null", "-i", self.services.path("keys", "id"), "-o", "BatchMode=yes", "-o", "LogLevel=ERROR",
                "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", *argv]

    def do_shell(self, server, address):
        """A command, or somebody typing."""
        user = self.rng.choice(["alice", "bob"])
        if self.rng.random() < 0.5:
            return self.ssh("ssh", f"{user}@{address}", self.rng.choice(["uptime", "ls -la", "cat notes.txt", "head -c 90000 /dev/zero"]))
        lines = self.rng.randint(2, 10)
        pause = round(self.rng.uniform(0.2, 1.5), 2)
        typing = f"i=0; while [ $i -lt {lines} ]; do echo 'ls -la; date'; sleep {pause}; i=$((i+1)); done; echo exit"
        return ["sh", "-c", f'({typing}) | "$0" "$@"', *self.ssh("ssh", "-tt", f"{user}@{address}")]

    def do_copy(self, server, address):
        user = self.rng.choice(["alice", "bob"])
        file = self.rng.choice(["file2k", "file40k", "file700k", "notes.txt"])
        remote = f"{user}@{self.bracket(address)}:{file}"
        if self.rng.random() < 0.5:
            return self.ssh("scp", "-q", remote, "/dev/null")
        return self.ssh("scp", "-q", self.services.path("home", user, file), remote + ".up")

    def do_ftp(self, server, address):
        user = self.rng.choice(["alice", "bob"])
        login = f"{user}:{self.services.users[user] if self.rng.random() < 0.9 else 'mistyped'}"
        url = f"ftp://{self.bracket(address)}/"
        kind = self.rng.random()
        if kind < 0.4:
            return self.curl("-u", login, "-o", "/dev/null", url)
        if kind < 0.75:
            return self.curl("-u", login, "-o", "/dev/null", url + self.rng.choice(["file2k", "file40k", "file700k"]))
        return self.curl("-u", login, "-T", self.services.path("home", user, "file40k"), url + f"up{self.rng.randint(0, 9)}")

    def do_bulk(self, server, address):
        """A bounded transfer: at most 2 Mbit/s for 2 s."""
        rng = self.rng
        return ["iperf3", "-c", address, "-t", str(rng.randint(1, 2)), "-b", f"{rng.randint(5, 20)}00K", "--connect-timeout", "2000",
                *rng.choice([[], ["-R"], ["-u"], ["-u", "-R"]])]

    def do_ping(self, server, address):
        return ["ping", "-n", "-c", str(self.rng.randint(1, 8)), "-i", str(self.rng.choice([0.2, 0.5, 1])), "-W", "1",
                "-s", str(self.rng.choice([56, 56, 200, 1200])), address]

    def do_monitor(self, server, address):
        """A health check: are these ports open? Some are not, and some hosts are down."""
        rng = self.rng
        if rng.random() < 0.1:
            network = self.host.net.networks["right" if self.host.side == "left" else "left"][0]
            address = str(network[rng.randint(200, 250)])  # nobody lives there
        ports = rng.sample([22, 80, 443, 21, 53, 6379, 5201, 8080, 3306, 25, 9100], k=rng.randint(1, 3))
        checks = "; ".join(f"timeout 1 bash -c '</dev/tcp/{address}/{port}'" for port in ports)
        return ["sh", "-c", checks]

    def do_cache(self, server, address):
        rng = self.rng
        if rng.random() < 0.2:
            return ["redis-benchmark", "-h", address, "-n", str(rng.randint(50, 300)), "-c", str(rng.randint(1, 5)), "-q", "-t", "get,set"]
        command = rng.choice([["set", "k", "v" * rng.randint(10, 4000)], ["get", "k"], ["info"], ["ping"]])
        return ["redis-cli", "-h", address, "-r", str(rng.randint(1, 10)), "-i", str(rng.choice([0, 0.05, 0.5])), *command]

    def do_log(self, server, address):
        """Log lines over UDP, which nobody answers."""
        lines = self.rng.randint(1, 12)
        pause = round(self.rng.uniform(0, 0.4), 2)
        return ["sh", "-c", f"i=0; while [ $i -lt {lines} ]; do logger -n {address} -P 514 -d 'lab message '$i; sleep {pause}; "
                            "i=$((i+1)); done"]
