#!/usr/bin/env python3
"""Compares weir's argus records with those of Argus 3.0.8, record by record and field by field.

    compare_argus.py --weir PROGRAM [--records SHARE] [--fields SHARE] [--known SHARE] [--verbose] CAPTURE|FOLDER...
    compare_argus.py --weir PROGRAM ... --generated     the captures of make_captures.py
    compare_argus.py --weir PROGRAM ... --data          every capture under $WEIR_DATA/pcap

With --report docs/conformance.md the figures of that page are written anew: those of the captures that --generated or --data names.

Exit 0: the shares are reached; 1: they are not; 77: argus or ra is not installed, or WEIR_DATA is not set.
A record is matched when both have one between the same ends that begins at the same microsecond. Differences that are known and
wanted have a name (docs/conformance.md) and are counted apart.
"""
import argparse
import collections
import concurrent.futures
import csv
import ipaddress
import math
import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import make_captures  # noqa: E402

TEXT = {"proto", "saddr", "sport", "dir", "daddr", "dport", "state", "flgs", "tcpopt", "sipid", "dipid", "smac", "dmac", "cause",
        "stime", "ltime", "stcpb", "dtcpb"}


def run_argus(capture, fields, folder):
    """The rows that ra prints for IP flows, as dicts."""
    records = os.path.join(folder, "records")
    made = subprocess.run(["argus", "-X", "-S", "5", "-A", "-J", "-R", "-Z", "-m", "-r", capture, "-w", records],
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=300)
    if not os.path.exists(records):
        raise RuntimeError("argus: " + made.stderr.decode(errors="replace").strip()[:200])
    text = subprocess.run(["ra", "-n", "-u", "-p", "6", "-c", ",", "-L", "-1", "-r", records, "-s"] + list(fields),
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=300).stdout.decode(errors="replace")
    rows = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) != len(fields):
            continue
        row = dict(zip(fields, cells))
        if row["proto"] != "man" and is_ip(row["saddr"]) and is_ip(row["daddr"]) and row["dir"] not in ("who", "tel"):
            rows.append(row)
    return rows


def run_weir(weir, capture):
    command = [weir, "flows", "--quiet", "--features", "argus", "--format", "csv", "-r", capture.replace(",", "\\,"), "-o", "-"]
    made = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
    if made.returncode < 0 or not made.stdout:
        raise RuntimeError("weir: " + made.stderr.decode(errors="replace").strip()[:200])
    return list(csv.DictReader(made.stdout.decode().splitlines()))


def is_ip(text):
    try:
        ipaddress.ip_address(text)
        return True
    except ValueError:
        return False


def address(text):
    return ipaddress.ip_address(text).packed


def ends(row):
    """What both name a flow by: protocol and ends, whatever the direction."""
    proto = {"rtp": "udp", "rtcp": "udp", "udt": "udp"}.get(row["proto"], row["proto"])
    pair = sorted([(address(row["saddr"]), row["sport"]), (address(row["daddr"]), row["dport"])])
    if "f" in row["flgs"]:
        pair = sorted([address(row["saddr"]), address(row["daddr"])])
    elif proto == "esp":  # Argus writes mask lengths over half of the SPI
        pair = sorted([address(row["saddr"]), address(row["daddr"])]) + [int(row["dport"] or "0", 16) & 0xFFFF]
    elif proto in ("icmp", "ipv6-icmp"):
        pair = sorted([address(row["saddr"]), address(row["daddr"])]) + [row["sport"], row["dport"]]
    return proto, str(pair)


def microseconds(text):
    seconds, _, rest = text.partition(".")
    return int(seconds) * 1000000 + int((rest + "000000")[:6])


def equal(field, ours, theirs, mean=0.0):
    if ours == theirs:
        return True
    if field in ("stime", "ltime"):
        return ours and theirs and abs(microseconds(ours) - microseconds(theirs)) <= 1
    if field in ("saddr", "daddr"):
        return address(ours) == address(theirs)
    if field in TEXT:
        return False
    try:
        a, b = float(ours), float(theirs)
    except ValueError:
        return False
    if "jit" in field: # Argus takes the difference of two squares in single precision
        return abs(a * a - b * b) <= 1e-6 * (mean * mean + a * a) + 1e-12
    return math.isclose(a, b, rel_tol=2e-5, abs_tol=2e-6)


def pair_up(ours, theirs):
    """Pairs of records with the same ends and begin; what is left over on either side."""
    waiting = collections.defaultdict(list)
    for row in ours:
        waiting[ends(row), microseconds(row["stime"])].append(row)
    pairs, alone = [], []
    for row in theirs:
        key = ends(row), microseconds(row["stime"])
        candidates = waiting.get(key)
        if not candidates:
            alone.append(row)
            continue
        best = max(range(len(candidates)), key=lambda i: sum(equal(f, candidates[i][f], row[f]) for f in row))
        pairs.append((candidates.pop(best), row))
    # Argus may tell a later begin: then the end must be the same.
    late = collections.defaultdict(list)
    for row in (row for rows in waiting.values() for row in rows):
        late[ends(row), microseconds(row["ltime"]), row["pkts"]].append(row)
    lonely = []
    for row in alone:
        candidates = late.get((ends(row), microseconds(row["ltime"]), row["pkts"]))
        if candidates:
            pairs.append((candidates.pop(), row))
        else:
            lonely.append(row)
    return pairs, [row for rows in late.values() for row in rows], lonely


TIMES = ("dur", "sdur", "ddur", "mean", "sum", "min", "max", "rate", "srate", "drate", "load", "sload", "dload")


def number(text):
    try:
        return float(text)
    except ValueError:
        return 0.0


def known(field, ours, theirs, sparse):
    """The name of a wanted difference between two records of the same packets (docs/conformance.md), or None."""
    side = field[0]
    ipv6 = ":" in ours["saddr"]
    nanoseconds = len(ours["stime"].partition(".")[2]) == 9
    if ipv6 and ours["saddr"] == ours["daddr"]:
        return "ipv6-same-address"
    if sparse:
        return "sparse-capture"
    if ours["stime"][:16] != theirs["stime"][:16] and field in TIMES + ("stime",):
        return "first-second"
    if field in ("sjit", "djit") and number(ours[side + "intpktact"]) > 0 and number(ours[side + "intpktidl"]) > 0:
        return "jitter-scale"
    if field in ("dintpktmax", "dintpktmin", "sintpktmin"):
        return "idle-extremes"
    if field in ("swin", "dwin") and (ours["pkts"] == "1" or ours["state"] == "RST" or (field == "dwin" and ours["spkts"] == "0")):
        return "window-of-one-side"
    if ipv6 and ours["proto"] == "udp" and number(ours["pkts"]) > number(theirs["pkts"]):
        return "ipv6-fragments"
    if ipv6 and field in ("stos", "dtos"):
        return "ipv6-tos"
    if ipv6 and field == "flgs":
        return "ipv6-flags"
    if ipv6 and field in ("stcpb", "dtcpb") and theirs[field] == "0":
        return "ipv6-sequence-base"
    if field in ("sload", "dload") and equal("sload", ours["sload"], theirs["dload"]) and equal("dload", ours["dload"], theirs["sload"]):
        return "load-of-reversed"
    if field == "state" and theirs["state"] == "CLO":
        return "state-of-reversed"
    if field in ("sport", "dport") and "f" in theirs["flgs"]:
        return "ports-of-fragments"
    if field == "dport" and ours["proto"] == "esp":
        return "esp-spi"
    if field == "flgs" and theirs["proto"] == "rtp" and ours["flgs"] == theirs["flgs"].rstrip("sd"):
        return "media-silence"
    if field in ("svpri", "dvpri"):
        return "vlan-priority"
    if (field in ("smac", "dmac") and not ours[field]) or (field == "flgs" and not ours["smac"] and theirs["flgs"][:1] == "M"):
        return "cooked-mac"
    if nanoseconds and (field in TIMES or "intpkt" in field or "jit" in field) and abs(number(ours["dur"]) - number(theirs["dur"])) < 3e-6:
        return "nanoseconds"
    return None


class Result:
    def __init__(self):
        self.pairs = self.ours = self.theirs = self.fields = self.equal = 0
        self.kinds = collections.Counter()
        self.known = collections.Counter()
        self.examples = {}
        self.files = []

    def add_kind(self, kind, example):
        self.kinds[kind] += 1
        self.examples.setdefault(kind, example)


def compare(weir, capture, fields):
    with tempfile.TemporaryDirectory() as folder:
        theirs = run_argus(capture, fields, folder)
    ours = run_weir(weir, capture)
    return ours, theirs


def describe(row):
    return " ".join(row[f] for f in ("stime", "proto", "saddr", "sport", "dir", "daddr", "dport", "state", "flgs", "spkts", "dpkts"))


def write_report(path, data, result, captures, shares):
    """Puts the figures into the page's tables. A cell of the differences that holds a dash is of whole records, not of fields."""
    column = 3 if data else 2
    left = {f"records of {who} alone": collections.Counter({kind.split(": ")[1]: n for kind, n in result.kinds.items()
                                                            if kind.startswith(f"only {who}: ")}) for who in ("weir", "argus")}
    left["fields without a name"] = collections.Counter({kind.split()[1]: n for kind, n in result.kinds.items() if kind.startswith("field ")})
    known = dict(result.known)
    with open(path) as file:
        lines = file.read().splitlines()
    for i, line in enumerate(lines):
        cells = line.split("|")
        name = cells[1].strip() if len(cells) > 3 else ""
        if name.startswith("`features/argus_conformance`" if data else "`features/argus_oracle`"):
            cells[2] = f" {captures}{' research captures, broken ones included' if data else ', made by `tests/features/make_captures.py`'}; " \
                       f"{result.theirs:,} records of argus, {result.ours:,} of weir "
            cells[3:6] = [f" {math.floor(share * 10000) / 100:.2f} % " for share in shares]
        elif name in left:
            kinds = left[name].most_common(6)
            rest = left[name].total() - sum(n for _, n in kinds)
            cells[column] = f" {left[name].total():,}" + (": " if kinds else "") + ", ".join(f"{kind} {n:,}" for kind, n in kinds) + \
                            (f", others {rest:,} " if rest else " ")
        elif len(cells) == 8 and cells[column].strip().replace(",", "").isdigit():
            cells[column] = f" {known.pop(name, 0):,} "
        lines[i] = "|".join(cells)
    if known:
        sys.exit(f"{path} says nothing of these differences: {', '.join(known)}")
    with open(path, "w") as file:
        file.write("\n".join(lines) + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--weir", required=True)
    parser.add_argument("--records", type=float, default=0)
    parser.add_argument("--fields", type=float, default=0)
    parser.add_argument("--known", type=float, default=0, help="share of fields that are equal or whose difference has a name")
    parser.add_argument("--generated", action="store_true")
    parser.add_argument("--data", action="store_true")
    parser.add_argument("--jobs", type=int, default=6)
    parser.add_argument("--verbose", action="store_true", help="print every record without a partner")
    parser.add_argument("--report", help="write the figures into this page")
    parser.add_argument("captures", nargs="*")
    options = parser.parse_args()
    for program in ("argus", "ra"):
        if not shutil.which(program):
            print(f"skipped: {program} is not installed (Debian: argus-server and argus-client)")
            return 77
    if options.data:
        if not os.environ.get("WEIR_DATA"):
            print("skipped: WEIR_DATA is not set to the folder of research captures")
            return 77
        options.captures.append(os.path.join(os.environ["WEIR_DATA"], "pcap"))
    with tempfile.TemporaryDirectory() as folder:
        if options.generated:
            make_captures.write_all(folder)
            options.captures.append(folder)
        return compare_all(options)


def compare_all(options):
    captures = []
    for path in options.captures:
        if os.path.isdir(path):
            for folder, _, names in sorted(os.walk(path)):
                captures += [os.path.join(folder, name) for name in sorted(names)
                             if name.split(".")[-1] in ("pcap", "pcapng", "cap")]
        else:
            captures.append(path)

    listed = subprocess.run([options.weir, "flows", "--columns", "help"], stdout=subprocess.PIPE, check=True).stdout.decode()
    fields = [line.split()[0] for line in listed.splitlines() if line.strip()]
    result = Result()
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        jobs = [(capture, pool.submit(compare, options.weir, capture, fields)) for capture in captures]
        for capture, job in jobs:
            name = os.path.basename(capture)
            try:
                ours, theirs = job.result()
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                result.add_kind("not compared: " + str(error).split(":")[0], f"{name}: {error}")
                continue
            pairs, only_ours, only_theirs = pair_up(ours, theirs)
            result.ours += len(ours)
            result.theirs += len(theirs)
            result.pairs += len(pairs)
            wrong = 0
            sparse = set()  # ends of flows that Argus did not end because no packet made it look
            for mine, other in sorted(pairs, key=lambda pair: pair[0]["stime"]):
                if mine["cause"] == "Start" and other["cause"] == "Status":
                    sparse.add(ends(mine))
                for field in fields:
                    result.fields += 1
                    mean = number(other.get(field.replace("jit", "intpkt"), "")) if "jit" in field else 0.0
                    if equal(field, mine[field], other[field], mean):
                        result.equal += 1
                    elif known(field, mine, other, ends(mine) in sparse):
                        result.known[known(field, mine, other, ends(mine) in sparse)] += 1
                    else:
                        wrong += 1
                        result.add_kind(f"field {field}",
                                        f"{name}: {describe(other)}: weir '{mine[field]}' argus '{other[field]}'")
            if options.verbose:
                for mark, rows in (("weir ", only_ours), ("argus", only_theirs)):
                    for row in rows:
                        print(f"{name}: only {mark} {describe(row)} {row['cause']}")
            for row in only_ours:
                result.add_kind(f"only weir: {row['proto']}", f"{name}: {describe(row)}")
            for row in only_theirs:
                result.add_kind(f"only argus: {row['proto']}", f"{name}: {describe(row)}")
            result.files.append((len(only_ours) + len(only_theirs), wrong, len(pairs), name))
    for kind, count in result.kinds.most_common():
        print(f"{count:8d}  {kind:28s} {result.examples[kind]}")
    for name, count in result.known.most_common():
        print(f"{count:8d}  known difference: {name}")
    if options.verbose:
        for lonely, wrong, pairs, name in sorted(result.files, reverse=True):
            if lonely or wrong:
                print(f"{lonely:8d} alone {wrong:8d} fields of {pairs:7d} records  {name}")
    share = result.pairs / max(result.theirs, result.ours, 1)
    right = result.equal / max(result.fields, 1)
    named = right + sum(result.known.values()) / max(result.fields, 1)
    print(f"{len(captures)} captures, {result.theirs} records of argus, {result.ours} of weir: "
          f"matched {share:.3%} (at least {options.records:.1%}), "
          f"fields equal {right:.3%} of {result.fields} (at least {options.fields:.1%}), "
          f"equal or with a known difference {named:.3%} (at least {options.known:.2%})")
    if options.report:
        write_report(options.report, options.data, result, len(captures), (share, right, named))
    reached = share >= options.records and right >= options.fields and named >= options.known
    return 0 if reached and result.pairs else 1


if __name__ == "__main__":
    sys.exit(main())
