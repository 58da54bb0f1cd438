"""Attacks: a plan (lab/plans/*.json) names them, an Attacker thread carries them out one after the other and writes the truth.

Each entry of a plan is a command with blanks: {a..b} a random whole number, {x|y} a random choice, {victim} {victim6} {victims}
{net} whom, {spoof} an address of the attacker's network where nobody lives, {user} {users} {words} {paths} word lists, {tools} the
folder lab/tools. `limit_s` bounds every command's time; its counts and rates are in the command itself.
"""
import re
import shlex
import threading
import time

from truth import QUIET_S


def fill(template, rng, names):
    """One argument with its blanks filled."""

    def blank(match):
        text = match.group(1)
        if ".." in text:
            low, high = text.split("..")
            return str(rng.randint(int(low), int(high)))
        if "|" in text:
            return rng.choice(text.split("|"))
        return str(names[text])

    return re.sub(r"\{([^{}]+)\}", blank, template)


class Attacker(threading.Thread):
    """One attacking host and its share of the plan."""

    def __init__(self, host, tasks, services, pairs, rng, until, gap_s, truth, say):
        super().__init__(daemon=True)
        self.host, self.tasks, self.services, self.pairs, self.rng = host, tasks, services, pairs, rng
        self.until, self.gap_s, self.truth, self.say = until, gap_s, truth, say
        self.left_out = []

    def run(self):
        for number, task in enumerate(self.tasks):
            time.sleep(self.rng.uniform(*self.gap_s))
            if self.host.net.closing:
                return
            # A task starts only if its whole time, and the quiet after it, still fits.
            if time.time() + task["limit_s"] + 2 > self.until:
                self.left_out += [t["attack"] for t in self.tasks[number:]]
                return
            if not self.attack(task):
                self.left_out.append(task["attack"])

    def victims(self, task):
        """Hosts on the other side that offer what the attack is after, those at peace first."""
        hosts = [h for h in self.host.net.hosts if h.side != self.host.side]
        if task.get("service"):
            hosts = [h for h in hosts if task["service"] in h.services]
        elif task.get("target") != "net":
            hosts = [h for h in hosts if h.services] or hosts
        self.rng.shuffle(hosts)
        hosts.sort(key=lambda h: not self.pairs.free([(self.host.name, h.name)]))
        return hosts if task.get("target") == "net" else hosts[: task.get("victims", 1)]

    def attack(self, task):
        victims = self.victims(task)
        if not victims:
            return False
        leg = "right" if self.host.side == "left" else "left"
        pairs = [(self.host.name, victim.name) for victim in victims]
        if not self.pairs.reserve(pairs, self.until - task["limit_s"] - 2):
            return False
        names = {
            "victim": victims[0].v4, "victim6": victims[0].v6, "victims": " ".join(h.v4 for h in victims),
            "net": f"{self.host.net.networks[leg][0].network_address}/26", "tools": self.host.net.tools,
            "spoof": str(list(self.host.net.networks["outside" if self.host.side == "left" else "right"][0])[self.rng.randint(100, 120)]),
            "user": self.rng.choice(["alice", "bob", "root"]), "me": self.host.v4,
            **{name: self.services.path("words", name) for name in ("users", "words", "paths")},
        }
        argv = []
        for template in task["argv"]:
            argv += names["victims"].split() if template == "{victims}" else [fill(template, self.rng, names)]
        time.sleep(1.0)  # what ordinary actions left behind dies down
        start = time.time()
        self.say(f"{self.host.name} {task['attack']}: {shlex.join(argv)}")
        try:
            with open(self.services.path("log", f"attack-{self.host.name}"), "ab") as log:
                status = self.host.net.call(self.host.argv(*argv), task["limit_s"], cwd=self.services.path("home"), stdout=log, stderr=log)
        finally:
            end = time.time()
            self.pairs.release(pairs, QUIET_S)
        spoofed = [names["spoof"]] if "{spoof}" in task["argv"] else []
        targets = [names["net"]] if task.get("target") == "net" else [a for h in victims for a in h.addresses()]
        self.truth.append({
            "attack": task["attack"], "tool": task["tool"], "attackers": spoofed or self.host.addresses(), "victims": targets,
            "proto": task.get("proto", ""), "ports": fill(task.get("ports", ""), self.rng, names), "start": start, "end": end,
            "status": status, "command": shlex.join(argv).replace(self.services.base + "/", "").replace(names["tools"], "lab/tools"),
        })
        return True
