"""Every capture under $WEIR_DATA/pcap through `weir flows`: no crash, no hang, no sanitizer finding, and never an error without words.

Usage: test_sweep.py WEIR. Exit 77 = skipped (WEIR_DATA is not set).
"""
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor


def fault(weir, path):
    """None when the file was handled well, else what is wrong."""
    try:
        done = subprocess.run([weir, "flows", "-r", path.replace(",", "\\,"), "--format", "csv", "-o", "/dev/null", "--quiet"],
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    except subprocess.TimeoutExpired:
        return "hangs"
    words = done.stderr.decode(errors="replace")
    lines = words.strip().splitlines()
    if "Sanitizer" in words or "runtime error" in words:
        return "sanitizer: " + words[:2000]
    if done.returncode == 0:
        return None if len(lines) <= 1 else "exit 0 with more than a warning: " + words[:500]
    if done.returncode != 1:
        return f"exit {done.returncode}: {words[:500]}"
    if len(lines) != 1 or not lines[0].startswith("weir: error: ") or os.path.basename(path) not in lines[0]:
        return "exit 1 without one line that names the file: " + words[:500]
    return None


def main():
    data = os.environ.get("WEIR_DATA")
    if not data:
        print("skipped: set WEIR_DATA to a folder with real captures (its pcap/ is swept)")
        return 77
    paths = sorted(os.path.join(folder, name) for folder, _, names in os.walk(os.path.join(data, "pcap"))
                   for name in names if not name.endswith((".out", ".md", ".txt")))
    if not paths:
        print(f"skipped: no files under {data}/pcap")
        return 77
    with ThreadPoolExecutor(2) as pool:
        faults = [(path, wrong) for path, wrong in zip(paths, pool.map(lambda p: fault(sys.argv[1], p), paths)) if wrong]
    for path, wrong in faults:
        print(f"{path}: {wrong}")
    print(f"{len(paths)} files, {len(faults)} faults")
    return 1 if faults else 0


sys.exit(main())
