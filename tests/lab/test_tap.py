#!/usr/bin/env python3
"""The bundled capture, judged by the bundled model, against its truth: no figure may fall below what tap.json says was measured.

usage: test_tap.py WEIR        holds the figures
       test_tap.py WEIR --write   measures them anew (review the difference like code)
"""
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TAP = os.path.join(ROOT, "examples", "tap")
FIGURES = os.path.join(HERE, "tap.json")
RECORDS = ("SELECT src_ip AS saddr, dest_ip AS daddr, epoch_ns(stime) / 1e9 AS stime, epoch_ns(ltime) / 1e9 AS ltime, class "
           "FROM verdicts")


def run(*argv, **options):
    done = subprocess.run(argv, capture_output=True, text=True, **options)
    if done.returncode:
        sys.exit(f"{' '.join(argv)}: exit {done.returncode}: {done.stderr}")
    return done.stdout


def measure(weir):
    """Judges the capture; the account and what lab/score says."""
    with tempfile.TemporaryDirectory() as folder:
        store = os.path.join(folder, "weir.duckdb")
        ports = ",".join(os.path.join(TAP, f"{port}.pcap.zst").replace(",", "\\,") for port in ("tx", "rx"))
        account = json.loads(run(weir, "run", "-r", ports, "--model", os.path.join(TAP, "model.weir"), "--store", store,
                                 "--eve", os.path.join(folder, "eve.json"), "--json"))
        verdicts = run(weir, "query", "--store", store, "--format", "csv", "--limit", "0", RECORDS)
        score = json.loads(run(sys.executable, "-B", os.path.join(ROOT, "lab", "score"), os.path.join(TAP, "truth.csv"), "-", "--json",
                               input=verdicts))
    return account, score


def main():
    account, score = measure(sys.argv[1])
    records = score["attack_records"] + score["benign_records"]
    assert account["store"]["committed"] == records == sum(account["records"].values()), (account, records)
    assert account["packets"]["seen"] == sum(port["seen"] for port in account["ports"]), account
    measured = {"precision": score["precision"], "recall": score["recall"],
                "attacks": {name: kind["recall"] for name, kind in score["attacks"].items() if kind["records"]}}
    if "--write" in sys.argv:
        with open(FIGURES, "w") as file:
            json.dump(measured, file, indent=1)
            file.write("\n")
        return 0
    with open(FIGURES) as file:
        figures = json.load(file)
    worse = [f"{what} {measured[what]:.6f} < {figures[what]:.6f}" for what in ("precision", "recall") if measured[what] < figures[what]]
    worse += [f"{name}: recall {measured['attacks'].get(name)} < {recall}" for name, recall in figures["attacks"].items()
              if measured["attacks"].get(name, -1) < recall]
    if worse:
        print("below what was measured: " + "; ".join(worse))
    return 1 if worse else 0


sys.exit(main())
