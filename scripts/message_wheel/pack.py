# SPDX-License-Identifier: Apache-2.0
"""Packs a compiled message package into a wheel laid out like the ROS 2 wheels themselves."""

from __future__ import annotations

import base64
import hashlib
import platform
import sys
import zipfile
from pathlib import Path

from message_wheel.generate import PYTHON, Generated

Entries = dict[str, bytes]


def write_wheel(generated: Generated, libraries: list[Path], extension: Path, folder: Path) -> Path:
    """Write the wheel.

    What lies under `data` in a wheel lands in the root of the environment, which is the ament
    prefix of the ROS 2 wheels: libraries in `lib`, interface files and index in `share`.

    Returns:
        The path of the wheel in `folder`.
    """
    package = generated.package
    distribution = f"ros_{package.name}-{package.version}"
    python = f"cp{sys.version_info.major}{sys.version_info.minor}"
    tag = f"{python}-{python}-linux_{platform.machine()}"

    data = {f"lib/{path.name}": path.read_bytes() for path in libraries}
    data.update(_share(generated))
    entries = _python(generated, extension)
    entries.update({f"{distribution}.data/data/{name}": body for name, body in data.items()})
    info = f"{distribution}.dist-info"
    entries[f"{info}/METADATA"] = (
        f"Metadata-Version: 2.1\nName: ros-{package.name.replace('_', '-')}\n"
        f"Version: {package.version}\nLicense: Apache-2.0\n"
    ).encode()
    entries[f"{info}/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: message_wheel\nRoot-Is-Purelib: false\nTag: {tag}\n"
    ).encode()
    entries[f"{info}/RECORD"] = _record(entries, f"{info}/RECORD")

    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{distribution}-{tag}.whl"
    partial = wheel.with_suffix(".partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in entries.items():
            archive.writestr(name, body)
    # Renamed when complete, so that an interrupted run never leaves half a wheel.
    return partial.replace(wheel)


def _python(generated: Generated, extension: Path) -> Entries:
    root = generated.root / PYTHON
    name = generated.package.name
    entries = {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*.py"))}
    entries[f"{name}/{extension.name}"] = extension.read_bytes()
    return entries


def _share(generated: Generated) -> Entries:
    package = generated.package
    files = {
        f"msg/{path.name}": path.read_bytes()
        for folder in (generated.interfaces, package.folder)
        for path in sorted((folder / "msg").iterdir())
    }
    index = "share/ament_index/resource_index"
    return {
        **{f"share/{package.name}/{name}": body for name, body in files.items()},
        f"share/{package.name}/package.xml": (package.folder / "package.xml").read_bytes(),
        f"{index}/packages/{package.name}": b"",
        f"{index}/rosidl_interfaces/{package.name}": "\n".join(sorted(files)).encode() + b"\n",
        f"{index}/package_run_dependencies/{package.name}": ";".join(package.dependencies).encode(),
    }


def _record(entries: Entries, own_name: str) -> bytes:
    lines = []
    for name, body in entries.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(body)}")
    return "\n".join([*lines, f"{own_name},,", ""]).encode()
