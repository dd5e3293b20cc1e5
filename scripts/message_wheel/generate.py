# SPDX-License-Identifier: Apache-2.0
"""Generates C and Python sources from .msg files with the rosidl generators of this environment."""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PREFIX = Path(sys.prefix)
SHARE = PREFIX / "share"

# Every typesupport gets a directory of its own: the names of their files collide.
C_GENERATOR = "rosidl_generator_c"
FASTRTPS = "rosidl_typesupport_fastrtps_c"
# What rmw_fastrtps describes types to others with; without it, it leaves errors about each message.
INTROSPECTION = "rosidl_typesupport_introspection_c"
TYPESUPPORT = "rosidl_typesupport_c"
PYTHON = "rosidl_generator_py"


@dataclass(frozen=True)
class MessagePackage:
    """A message package on disk: its package.xml and its msg folder."""

    folder: Path
    name: str
    version: str
    dependencies: tuple[str, ...]

    @classmethod
    def read(cls, folder: Path) -> MessagePackage:
        """Read name, version and dependencies from the package.xml in `folder`."""
        root = ElementTree.parse(folder / "package.xml").getroot()
        name, version = root.findtext("name"), root.findtext("version")
        if not name or not version:
            raise ValueError(f"{folder / 'package.xml'} has no name or no version")
        return cls(
            folder.resolve(), name, version, tuple(d.text or "" for d in root.iter("depend"))
        )

    @property
    def messages(self) -> tuple[str, ...]:
        """The names of the messages, sorted."""
        return tuple(sorted(path.stem for path in (self.folder / "msg").glob("*.msg")))


@dataclass(frozen=True)
class Generated:
    """Generated sources: one folder below `root` for each generator, and the interface files."""

    package: MessagePackage
    root: Path

    @property
    def interfaces(self) -> Path:
        """The folder with the .idl files and the type descriptions (.json)."""
        return self.root / "interfaces" / self.package.name

    def sources(self, generator: str) -> list[Path]:
        """The C and C++ sources that `generator` wrote, sorted."""
        return sorted(p for p in (self.root / generator).rglob("*") if p.suffix in (".c", ".cpp"))

    def type_hash(self, message: str) -> str:
        """The RIHS01 hash (REP-2011) by which nodes recognise the type of `message`."""
        description = json.loads((self.interfaces / "msg" / f"{message}.json").read_text())
        wanted = f"{self.package.name}/msg/{message}"
        for entry in description["type_hashes"]:
            if entry["type_name"] == wanted:
                return str(entry["hash_string"])
        raise KeyError(f"{wanted} is not in its own type description")


def write_interfaces(package: MessagePackage, root: Path) -> Generated:
    """Write .idl files and type descriptions, from which all sources follow.

    Args:
        package: the message package to read.
        root: an empty folder for everything generated.
    """
    from rosidl_adapter.msg import convert_msg_to_idl
    from rosidl_generator_type_description import generate_type_hash

    generated = Generated(package, root)
    messages = generated.interfaces / "msg"
    messages.mkdir(parents=True)
    for message in package.messages:
        convert_msg_to_idl(package.folder, package.name, Path("msg") / f"{message}.msg", messages)
    includes = [f"{name}:{SHARE / name}" for name in (*package.dependencies, "builtin_interfaces")]
    generate_type_hash(_arguments(generated, generated.interfaces, "", include_paths=includes))
    return generated


def write_sources(generated: Generated) -> None:
    """Write the C structures, the typesupports and the Python bindings."""
    from rosidl_generator_c import generate_c
    from rosidl_generator_py import generate_py
    from rosidl_typesupport_c import generate_c as generate_typesupport
    from rosidl_typesupport_fastrtps_c import generate_typesupport_fastrtps_c
    from rosidl_typesupport_introspection_c import generate_c as generate_introspection

    package = generated.package
    descriptions = [
        f"msg/{message}.idl:{generated.interfaces}/msg/{message}.json"
        for message in package.messages
    ]
    sources = [str(package.folder / "msg" / f"{message}.msg") for message in package.messages]
    origins = {"type_description_tuples": descriptions, "ros_interface_files": sources}
    generate_c(_prepare(generated, C_GENERATOR, **origins))
    generate_typesupport_fastrtps_c(_prepare(generated, FASTRTPS))
    generate_introspection(_prepare(generated, INTROSPECTION))
    generate_typesupport(_prepare(generated, TYPESUPPORT), [FASTRTPS, INTROSPECTION])
    generate_py(_prepare(generated, PYTHON), [TYPESUPPORT])
    (generated.root / PYTHON / package.name / "__init__.py").touch()


def _prepare(generated: Generated, generator: str, **extra: Any) -> str:
    """Make the output folder of `generator` and the arguments file it reads."""
    output = generated.root / generator / generated.package.name
    (output / "msg" / "detail").mkdir(parents=True)
    _write_visibility_header(generator, generated.package.name, output)
    return _arguments(generated, output, generator, **extra)


def _write_visibility_header(generator: str, package: str, output: Path) -> None:
    """Fill the header of export macros in, which is CMake's work in an ament build."""
    name = f"{generator}__visibility_control.h"
    template = SHARE / generator / "resource" / f"{name}.in"
    if template.exists():
        text = template.read_text().replace("@PROJECT_NAME@", package)
        (output / "msg" / name).write_text(text.replace("@PROJECT_NAME_UPPER@", package.upper()))


def _arguments(generated: Generated, output: Path, generator: str, **extra: Any) -> str:
    package = generated.package
    path = generated.root / f"{generator or 'type_description'}.arguments.json"
    path.write_text(
        json.dumps(
            {
                "package_name": package.name,
                "output_dir": str(output),
                "template_dir": str(SHARE / generator / "resource"),
                "target_dependencies": [],
                "idl_tuples": [f"{generated.interfaces}:msg/{m}.idl" for m in package.messages],
                **extra,
            }
        )
    )
    return str(path)
