"""lab/run: a bounded run of ordinary and hostile traffic between namespaces, captured by a passive tap, with its truth."""
import argparse
import csv
import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import threading
import time

import truth
from attacks import Attacker
from benign import Pairs, Worker
from net import RANGES, LabError, Net
from services import Services

HERE = os.path.dirname(os.path.abspath(__file__))
SERVICES = ("web", "ssh", "ftp", "dns", "iperf", "redis", "syslog")
EXAMPLE = """example:
  lab/run --plan lab/plans/a.json --seed 1 --minutes 4 --out /tmp/lab-a
leaves tx.pcap and rx.pcap (the two directions of the tapped link), truth.csv (the attacks), benign.csv (the ordinary actions),
run.json (seed, hosts, packets, losses) and the servers' logs under log/. All traffic stays in namespaces made for the run;
they are gone afterwards.
"""


def arguments():
    parser = argparse.ArgumentParser(prog="lab/run", description=__doc__, epilog=EXAMPLE,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plan", default=os.path.join(HERE, "plans", "a.json"), help="hosts and attacks (default: lab/plans/a.json)")
    parser.add_argument("--seed", type=int, default=1, help="addresses, orders, rates, who does what (default 1)")
    parser.add_argument("--minutes", type=float, help="how long (default: the plan's)")
    parser.add_argument("--snaplen", type=int, default=128, help="bytes kept of each packet (default 128)")
    parser.add_argument("--out", help="folder for the results; made if it is not there")
    parser.add_argument("--check", action="store_true", help="a smoke test of some 20 seconds: one attack, results thrown away")
    args = parser.parse_args()
    if not args.out and not args.check:
        parser.error("say where the results go: --out DIR")
    return args


def build(net, plan, rng):
    """The hosts: who lives where, under which numbers, with which time to live."""
    left, outside, right = rng.sample(RANGES, 3)
    net.build(rng, left, outside, right)
    counts = plan["hosts"]
    for leg in ("left", "outside", "right"):
        for number, last in enumerate(rng.sample(range(2, 60), counts[leg]), 1):
            net.add_host(f"{leg[0]}{number}", leg, last, rng.choice([64, 64, 128, 255]))
    by_leg = {leg: [h for h in net.hosts if h.name.startswith(leg[0])] for leg in counts}
    return by_leg


def start_services(services, net, by_leg, plan, rng):
    """Each service on some of the servers of the right side, and a few on the left."""
    servers = by_leg["right"][: plan["servers"]]
    for service in SERVICES:
        chosen = servers if service == "ssh" else rng.sample(servers, min(len(servers), 2 if service in ("web", "ftp", "dns") else 1))
        for host in chosen:
            services.serve(host, service)
    for service in ("web", "ssh"):
        services.serve(by_leg["left"][0], service)
    services.wait()


def word_lists(services, rng):
    """Names, passwords and paths to guess: made up, two of them right."""
    syllables = ["ad", "min", "ro", "ot", "te", "st", "pa", "ss", "wo", "rd", "da", "ta", "se", "cret", "key", "log"]
    made = lambda parts: "".join(rng.choices(syllables, k=parts))
    services.write("words/users", "".join(f"{u}\n" for u in ["root", "alice", "backup1", *(made(2) for _ in range(5))]))
    words = [made(rng.randint(2, 4)) + str(rng.randint(0, 99)) for _ in range(60)] + ["letmein1"]
    rng.shuffle(words)
    services.write("words/words", "\n".join(words) + "\n")
    paths = [f"/{made(rng.randint(1, 3))}{rng.choice(['', '/', '.php', '.bak', '.html'])}" for _ in range(400)]
    services.write("words/paths", "\n".join(paths + ["/private/", "/api/1"]) + "\n")


class Capture:
    """The tap's two ports, each into a file of its own."""

    def __init__(self, net, out, snaplen):
        self.net, self.ports = net, []
        for port, name in (("tapa", "tx"), ("tapb", "rx")):
            log = open(os.path.join(out, "log", f"tcpdump-{name}"), "w+")
            argv = ["ip", "netns", "exec", net.ns("tap"), "tcpdump", "-n", "-i", port, "-s", snaplen, "-B", 32768, "-Z", "root",
                    "-w", os.path.join(out, f"{name}.pcap")]
            self.ports.append((name, net.popen(argv, stderr=log), log))
        deadline = time.monotonic() + 10
        for name, process, log in self.ports:
            while "listening on" not in self.text(log):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise LabError(f"tcpdump does not start on {name}: {self.text(log).strip()}")
                time.sleep(0.05)

    @staticmethod
    def text(log):
        log.seek(0)
        return log.read()

    def stop(self):
        """Packets and losses by port."""
        account = {}
        for name, process, log in self.ports:
            self.net.end(process, signal.SIGINT)
            numbers = {what: int(n) for n, what in re.findall(r"(\d+) packets? (captured|dropped by kernel)", self.text(log))}
            account[name] = {"packets": numbers.get("captured"), "lost": numbers.get("dropped by kernel")}
            log.close()
        return account


def deal(plan, by_leg, rng):
    """The plan's attacks in a random order, dealt to the attacking hosts of each leg."""
    hands = []
    for leg, count in plan["attackers"].items():
        tasks = [t for t in plan["attacks"] if t.get("by", "outside") == leg for _ in range(t.get("times", 1))]
        rng.shuffle(tasks)
        for number, host in enumerate(rng.sample(by_leg[leg][1:], count)):  # the first of the left offers services
            host.attacker = True
            hands.append((host, tasks[number::count]))
    return hands


def run(args, plan, net, out):
    rng = random.Random(args.seed)
    seconds = 60 * (args.minutes or plan["minutes"])
    say = lambda text: print(f"lab: {text}", file=sys.stderr, flush=True)
    net.tools = os.path.join(HERE, "tools")
    by_leg = build(net, plan, rng)
    services = Services(net, out, rng)
    start_services(services, net, by_leg, plan, rng)
    word_lists(services, rng)
    for host in net.hosts:
        say(f"{host.name} {host.v4} {host.v6} {' '.join(sorted(host.services))}")
    capture = Capture(net, out, args.snaplen)
    begin = time.time()
    until = begin + seconds
    pairs, events, actions, lock = Pairs(), [], [], threading.Lock()

    def log(*row):
        with lock:
            actions.append(row)

    workers = [Worker(h, services, pairs, random.Random(rng.random()), until, plan["think_s"] * rng.uniform(0.6, 1.8), log)
               for h in net.hosts for _ in range(plan["workers"])]
    attackers = [Attacker(host, tasks, services, pairs, random.Random(rng.random()), until - 2, plan["gap_s"], events, say)
                 for host, tasks in deal(plan, by_leg, rng)]
    for thread in workers + attackers:
        thread.start()
    while time.time() < until and any(t.is_alive() for t in workers + attackers):
        time.sleep(0.5)
        pairs.sweep()
    for thread in workers + attackers:
        thread.join(25)
    time.sleep(1)
    ports = capture.stop()
    truth.write(os.path.join(out, "truth.csv"), events)
    with open(os.path.join(out, "benign.csv"), "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["start", "end", "host", "action", "server", "status"])
        table.writerows(sorted(actions))
    account = {"seed": args.seed, "plan": os.path.basename(args.plan), "begin": begin, "seconds": round(time.time() - begin, 1),
               "ports": ports, "attacks": len(events), "left_out": sorted(t for a in attackers for t in a.left_out),
               "actions": len(actions),
               "hosts": [{"name": h.name, "v4": h.v4, "v6": h.v6, "services": sorted(h.services), "attacker": h.attacker}
                         for h in net.hosts]}
    with open(os.path.join(out, "run.json"), "w") as file:
        json.dump(account, file, indent=1)
    say(f"{len(events)} attacks, {len(actions)} ordinary actions, tx {ports['tx']}, rx {ports['rx']}, left out: {account['left_out']}")
    return account


def main():
    args = arguments()
    with open(args.plan) as file:
        plan = json.load(file)
    if args.check:
        plan = dict(plan, attackers={"outside": 1}, gap_s=[0, 0], think_s=0.5, workers=1, attacks=[
            {"attack": "syn-scan", "tool": "nmap", "limit_s": 5, "proto": "tcp",
             "argv": ["nmap", "-n", "-Pn", "-sS", "--max-retries", "0", "--max-rate", "200", "-p", "1-100", "{victim}"]}])
        args.minutes = 0.35
    work = tempfile.mkdtemp(prefix="weir-lab-")
    os.chmod(work, 0o755)
    net = Net()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        account = run(args, plan, net, work)
        if account["attacks"] == 0 or any(not port["packets"] or port["lost"] for port in account["ports"].values()):
            raise LabError(f"no clean run: {account['attacks']} attacks, ports {account['ports']}")
        if args.out:
            os.makedirs(args.out, exist_ok=True)
            for name in ("tx.pcap", "rx.pcap", "truth.csv", "benign.csv", "run.json", "log"):
                target = os.path.join(args.out, name)
                if os.path.isdir(target):
                    shutil.rmtree(target)
                shutil.move(os.path.join(work, name), target)
    except LabError as error:
        print(f"lab/run: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab/run: stopped; nothing was kept", file=sys.stderr)
        return 1
    finally:
        net.close()
        shutil.rmtree(work, ignore_errors=True)
    if args.check:
        print(f"lab/run: the lab works: {account['ports']['tx']['packets']} and {account['ports']['rx']['packets']} packets")
    return 0


sys.exit(main())
