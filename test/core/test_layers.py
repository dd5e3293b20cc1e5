# SPDX-License-Identifier: Apache-2.0
"""Who may import whom: no ROS in the core, and imports that run downwards only."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "bifuse_core"

GROUND = {"streams", "nets", "imaging", "metrics"}
BELOW = {
    **{floor: set() for floor in GROUND},
    "data": GROUND,
    "engine": GROUND,
    "bilevel": GROUND | {"data"},
    "perception": GROUND | {"data", "engine", "bilevel"},
    "evaluation": GROUND | {"data", "engine"},
    "calibration": GROUND | {"data"},
    "labelling": GROUND | {"data", "engine", "bilevel", "perception", "evaluation"},
    "ablation": GROUND | {"data", "engine", "bilevel", "evaluation", "perception"},
    "bench": GROUND | {"data", "engine"},
    "commands": GROUND
    | {"data", "engine", "bilevel", "perception", "evaluation", "ablation", "bench"}
    | {"calibration", "labelling"},
    "weights": set(),
}
"""What the packages of each floor may import besides themselves (DESIGN: the house)."""

ROS = {
    "bifuse_ros",
    "rclpy",
    "sensor_msgs",
    "std_msgs",
    "vision_msgs",
    "diagnostic_msgs",
    "cv_bridge",
    "launch",
    "message_filters",
    "ament_index_python",
}

MODULES = sorted(file for file in CORE.rglob("*.py"))


def name_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(file: Path) -> set[str]:
    """Return the dotted names that a file imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            # `from bifuse_core import nets` imports bifuse_core.nets.
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_every_package_has_its_floor() -> None:
    packages = {f.parent.name for f in CORE.glob("*/__init__.py")}
    assert packages <= BELOW.keys()


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_a_module_imports_only_its_own_package_and_those_below(file: Path) -> None:
    parts = file.relative_to(CORE).parts
    ours = {name.split(".")[1] for name in imports_of(file) if name.startswith("bifuse_core.")}
    if len(parts) > 1:
        floors = {name for name in ours if (CORE / name).is_dir()}
        assert floors <= BELOW[parts[0]] | {parts[0]}


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_a_module_names_no_ros_module_in_an_import(file: Path) -> None:
    assert not {name.split(".")[0] for name in imports_of(file)} & ROS


def test_importing_every_module_loads_no_ros() -> None:
    names = [name_of(f) for f in MODULES if f.name != "__main__.py"]
    script = (
        "import importlib, sys\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        f"print(sorted({{m.split('.')[0] for m in sys.modules}} & {ROS!r}))\n"
        "print(len([m for m in sys.modules if m.startswith('bifuse_core')]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded, count = done.stdout.split("\n")[:2]
    assert loaded == "[]"
    assert int(count) >= len(names) > 30
