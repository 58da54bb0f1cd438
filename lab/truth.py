"""The truth about a lab run: who attacked whom, how, from when to when; and the rule that labels records with it.

The rule: a record is an attack's if its initiator is one of the attackers, its responder one of the victims, and its time overlaps
the attack's. An attack's time lasts QUIET_S past its command's end: what it left half open is closed or given up then. The lab
keeps ordinary traffic off the pair during that time, and only then: attackers and victims also do ordinary work with others at the
same time, and with each other at other times, so no address is a label. What a victim sends back in flows of its own (ICMP errors)
is not the attacker's doing by this rule and stays benign.
"""
import csv
import ipaddress

QUIET_S = 10.0
BENIGN = "benign"
COLUMNS = ("attack", "tool", "attackers", "victims", "proto", "ports", "start", "end", "status", "command")


def write(path, events):
    """Events (dictionaries of COLUMNS; attackers and victims are lists) as CSV, by start."""
    with open(path, "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(COLUMNS)
        for event in sorted(events, key=lambda e: e["start"]):
            row = dict(event, attackers=" ".join(event["attackers"]), victims=" ".join(event["victims"]),
                       start=f"{event['start']:.6f}", end=f"{event['end']:.6f}")
            out.writerow([row[column] for column in COLUMNS])


class Truth:
    """The events of one truth file, ready to label records."""

    def __init__(self, path):
        self.events = []
        with open(path, newline="") as file:
            for row in csv.DictReader(file):
                row["start"], row["end"] = float(row["start"]), float(row["end"])
                for side in ("attackers", "victims"):
                    row[side] = [ipaddress.ip_network(text) for text in row[side].split()]
                self.events.append(row)
        self.pairs = {}  # (initiator, responder) -> its events: few pairs, many records

    def event(self, initiator, responder, first, last):
        """The event that a record belongs to (the earliest that fits), or None. Times in epoch seconds."""
        pair = (initiator, responder)
        if pair not in self.pairs:
            try:
                a, b = ipaddress.ip_address(initiator), ipaddress.ip_address(responder)
            except ValueError:  # no IP record (ARP and the like)
                self.pairs[pair] = []
            else:
                self.pairs[pair] = [e for e in self.events
                                    if any(a in n for n in e["attackers"]) and any(b in n for n in e["victims"])]
        for event in self.pairs[pair]:
            if first <= event["end"] + QUIET_S and last >= event["start"]:
                return event
        return None

    def label(self, initiator, responder, first, last):
        event = self.event(initiator, responder, first, last)
        return event["attack"] if event else BENIGN
