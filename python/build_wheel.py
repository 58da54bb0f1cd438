"""Builds the wheel for pip (PEP 517), with the standard library alone: `pip install ./python` needs no network and no setuptools.

The wheel holds the package and, when ../build/libweir.so is there, that library: the wheel is then one for this kind of machine.
"""
from __future__ import annotations

import base64
import hashlib
import os
import re
import sysconfig
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
LIBRARY = os.path.join(HERE, "..", "build", "libweir.so")


def _metadata() -> tuple[str, str]:
    with open(os.path.join(HERE, "weir", "__init__.py")) as file:
        version = re.search(r'^__version__ = "(.+)"$', file.read(), re.M).group(1)  # type: ignore[union-attr]
    lines = ["Metadata-Version: 2.1", "Name: weir", f"Version: {version}", "Summary: Python side of weir, the network intrusion detector",
             "License: Apache-2.0", "Requires-Python: >=3.9", "Requires-Dist: numpy", "Provides-Extra: export",
             'Requires-Dist: scikit-learn; extra == "export"', 'Requires-Dist: joblib; extra == "export"', "Provides-Extra: ray",
             'Requires-Dist: ray; extra == "ray"']
    return version, "\n".join(lines) + "\n"


def _package() -> dict[str, str]:
    """name in the wheel: file"""
    files = {}
    for folder, below, names in os.walk(os.path.join(HERE, "weir")):
        below[:] = sorted(d for d in below if d != "__pycache__")
        for name in sorted(names):
            if name.endswith((".py", ".typed")):
                path = os.path.join(folder, name)
                files[os.path.relpath(path, HERE)] = path
    if os.path.exists(LIBRARY):
        files["weir/libweir.so"] = os.path.realpath(LIBRARY)
    return files


def _write(folder: str, members: dict[str, bytes], tag: str) -> str:
    version, metadata = _metadata()
    info = f"weir-{version}.dist-info"
    pure = "true" if tag.endswith("-any") else "false"
    members[f"{info}/METADATA"] = metadata.encode()
    members[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: weir\nRoot-Is-Purelib: {pure}\nTag: {tag}\n".encode()
    record = [f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}"
              for name, data in members.items()]
    members[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""]).encode()
    wheel = f"weir-{version}-{tag}.whl"
    with zipfile.ZipFile(os.path.join(folder, wheel), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            member = zipfile.ZipInfo(name)  # 1980: the same bytes from the same tree
            member.compress_type, member.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(member, data)
    return wheel


def build_wheel(wheel_directory: str, config_settings: object = None, metadata_directory: object = None) -> str:
    members = {}
    for name, path in _package().items():
        with open(path, "rb") as file:
            members[name] = file.read()
    machine = re.sub(r"[-.]", "_", sysconfig.get_platform())
    return _write(wheel_directory, members, f"py3-none-{machine}" if "weir/libweir.so" in members else "py3-none-any")


def build_editable(wheel_directory: str, config_settings: object = None, metadata_directory: object = None) -> str:
    """`pip install -e ./python`: a path to this folder; the library is then the tree's build/libweir.so."""
    return _write(wheel_directory, {"weir.pth": (HERE + "\n").encode()}, "py3-none-any")
