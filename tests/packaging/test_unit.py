"""A service unit as systemd reads it: no exposure of 2.0 or more. Usage: test_unit.py weir.service"""
import re
import shutil
import subprocess
import sys

if not shutil.which("systemd-analyze"):
    print("skipped: there is no systemd-analyze")
    sys.exit(77)
run = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", sys.argv[1]], capture_output=True, text=True)
if re.search("unrecognized option|Unknown", run.stderr):
    print("skipped: systemd-analyze is older than 250:", run.stderr)
    sys.exit(77)
level = re.search(r"Overall exposure level for weir[-@\w]*\.service: ([0-9.]+)", run.stdout)
if not level or float(level[1]) >= 2.0 or run.stderr:  # stderr: keys and values that systemd does not know
    sys.exit(f"{run.stdout}{run.stderr}\nthe exposure is not below 2.0, or the unit is not understood")
print(level[0])
