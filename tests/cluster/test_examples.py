"""The configuration files of examples/cluster are right: `--check` of each role says so. Usage: test_examples.py WEIR EXAMPLES"""
import os
import pathlib
import subprocess
import sys
import tempfile

weir, examples = map(os.path.abspath, sys.argv[1:3])
checked = 0
with tempfile.TemporaryDirectory() as folder:
    for role in "sensor", "infer", "collect":
        subprocess.run([weir, "keygen", role], cwd=folder, check=True, capture_output=True)
    for path in sorted(pathlib.Path(examples).glob("*/*.yaml")):
        text = path.read_text().replace("/etc/weir/", folder + "/")  # where the keys are on this machine
        for role, unit in ("sensor", "weir-sensor"), ("infer", "weir-infer@1"), ("collect", "weir-collect"):
            text = text.replace(f"/run/credentials/{unit}.service/key", f"{folder}/{role}.key")
        (pathlib.Path(folder) / "weir.yaml").write_text(text)
        done = subprocess.run([weir, path.stem, "--check", "-c", "weir.yaml"], cwd=folder, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{path}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        wrong = pathlib.Path(folder) / "wrong.yaml"
        wrong.write_text(text + "\nqueu: x\n")
        done = subprocess.run([weir, path.stem, "--check", "-c", "wrong.yaml"], cwd=folder, capture_output=True, text=True)
        if done.returncode != 2 or "'queu' is no key" not in done.stderr:
            sys.exit(f"{path}: a wrong key is not seen: exit code {done.returncode}\n{done.stderr}")
        checked += 1
if checked != 6:
    sys.exit(f"{checked} files were found in {examples}, not 6")
