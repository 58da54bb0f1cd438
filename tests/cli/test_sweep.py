"""Every file under $WEIR_DATA/pcap through `weir flows` and `weir run`: no crash, no hang, no sanitizer finding, accounts that add
up, and never an error without words. Files that are no captures at all must be refused in one line.

Usage: test_sweep.py WEIR FOLDER_OF_ADDS_UP_PY MODEL. Exit 77 = skipped (WEIR_DATA is not set).
"""
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

WEIR, MODEL = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[3])
sys.path.insert(0, sys.argv[2])
from account import adds_up  # noqa: E402

MAGICS = {bytes.fromhex(m) for m in ("0a0d0d0a", "d4c3b2a1", "a1b2c3d4", "4d3cb2a1", "a1b23c4d", "34cdb2a1", "a1b2cd34")}
PACKED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")


def fault(path, *arguments):
    """None when the file was handled well, else what is wrong."""
    try:
        done = subprocess.run([WEIR, arguments[0], "-r", path.replace(",", "\\,"), *arguments[1:], "--json"], stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=120)
    except subprocess.TimeoutExpired:
        return "hangs"
    words = done.stderr.decode(errors="replace")
    lines = [line for line in words.strip().splitlines() if not line.startswith("weir: ") or line.startswith("weir: error: ")
             or line.startswith("weir: warning: ")]
    if "Sanitizer" in words or "runtime error" in words:
        return "sanitizer: " + words[:2000]
    if done.returncode not in (0, 1):
        return f"exit {done.returncode}: {words[:500]}"
    errors = [line for line in lines if not line.startswith("weir: warning: ")]
    if done.returncode == 0 and (errors or len(lines) > 1):
        return "exit 0 with more than a warning: " + words[:500]
    if done.returncode == 1 and (len(errors) != 1 or not errors[0].startswith("weir: error: " + path + ": ")):
        return "exit 1 without one line that names the file: " + words[:500]
    if not done.stdout:
        return None if done.returncode == 1 else "no account"
    try:
        account = json.loads(done.stdout)
        adds_up(account)
    except (ValueError, AssertionError) as wrong:
        return f"account: {wrong!r}"
    if ("link-type" in account["packets"]["ignored"]) != any("link type" in line for line in lines):
        return "ignored(link-type) and a warning about it go together: " + words[:500]
    return None


def faults(path):
    with open(path, "rb") as file:
        magic = file.read(4)
    out = [fault(path, "flows", "--format", "csv", "-o", "/dev/null")]
    if magic not in MAGICS and not magic.startswith(PACKED):
        if not out[0] and subprocess.run([WEIR, "flows", "-r", path.replace(",", "\\,"), "-o", "/dev/null"], capture_output=True).returncode != 1:
            out.append("no capture, but not refused")
    else:
        with tempfile.TemporaryDirectory() as folder:
            out.append(fault(path, "run", "--model", MODEL, "--control", "none", "--store", os.path.join(folder, "weir.duckdb"), "--eve",
                             os.path.join(folder, "eve.json")))
    return [wrong for wrong in out if wrong]


def main():
    data = os.environ.get("WEIR_DATA")
    if not data:
        print("skipped: set WEIR_DATA to a folder with real captures (its pcap/ is swept)")
        return 77
    paths = sorted(os.path.join(folder, name) for folder, _, names in os.walk(os.path.join(data, "pcap")) for name in names)
    if not paths:
        print(f"skipped: no files under {data}/pcap")
        return 77
    with ThreadPoolExecutor(2) as pool:
        found = [(path, wrong) for path, list_ in zip(paths, pool.map(faults, paths)) for wrong in list_]
    for path, wrong in found:
        print(f"{path}: {wrong}")
    print(f"{len(paths)} files, {len(found)} faults")
    return 1 if found else 0


sys.exit(main())
