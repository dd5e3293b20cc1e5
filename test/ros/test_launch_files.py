# SPDX-License-Identifier: Apache-2.0
"""The launch files, loaded and looked into.

The `launch` and `launch_ros` of ROS are not among the wheels. Where they are not installed, the
files run against recorders of the same names, which keep what a launch file describes; what ROS
then does with the description is not tested there.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from bifuse_ros.camera_node import PARAMETERS as CAMERA_PARAMETERS
from bifuse_ros.fusion_parameters import PARAMETERS as FUSION_PARAMETERS
from bifuse_ros.view_node import PARAMETERS as VIEW_PARAMETERS

ROOT = Path(__file__).resolve().parents[2]
LAUNCH_FILES = sorted((ROOT / "launch").glob("*.launch.py"))
RECORDED = {
    "launch": ["LaunchDescription"],
    "launch.actions": [
        "DeclareLaunchArgument",
        "IncludeLaunchDescription",
        "SetEnvironmentVariable",
    ],
    "launch.conditions": ["IfCondition"],
    "launch.launch_description_sources": ["PythonLaunchDescriptionSource"],
    "launch.substitutions": ["EnvironmentVariable", "LaunchConfiguration"],
    "launch_ros": [],
    "launch_ros.actions": ["LifecycleNode", "Node"],
    "launch_ros.parameter_descriptions": ["ParameterValue"],
}
real_launch = importlib.util.find_spec("launch_ros") is not None


class Recorded:
    """Keeps the arguments it was made with."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.arguments, self.named = arguments, named


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that runs a launch file and returns its description."""
    import ament_index_python.packages

    monkeypatch.setattr(
        ament_index_python.packages, "get_package_share_directory", lambda name: str(ROOT)
    )
    if not real_launch:
        for name, classes in RECORDED.items():
            module = ModuleType(name)
            for each in classes:
                setattr(module, each, type(each, (Recorded,), {}))
            monkeypatch.setitem(sys.modules, name, module)

    def run(file: Path) -> Any:
        specification = importlib.util.spec_from_file_location("a_launch_file", file)
        assert specification and specification.loader
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        return module.generate_launch_description()

    return run


@pytest.mark.parametrize("file", LAUNCH_FILES, ids=lambda file: file.name)
def test_every_launch_file_loads(load: Any, file: Path) -> None:
    assert load(file) is not None


def described(load: Any, name: str, kind: str) -> list[Recorded]:
    if real_launch:
        pytest.skip("the real launch is installed; this looks into the recorders")
    (entities,) = load(ROOT / "launch" / name).arguments
    return [entity for entity in entities if type(entity).__name__ == kind]


def test_the_vehicle_gets_node_parameters_remappings_and_the_profile(load: Any) -> None:
    (node,) = described(load, "bifuse.launch.py", "LifecycleNode")
    assert node.named["package"] == "bifuse_ros"
    assert node.named["executable"] == "fusion_node"
    sources = {source for source, _ in node.named["remappings"]}
    topics = ("image_raw", "image_raw/compressed", "camera_info")
    assert sources == {f"{camera}/{topic}" for camera in ("thermal", "rgb") for topic in topics}
    variables = described(load, "bifuse.launch.py", "SetEnvironmentVariable")
    names = {variable.arguments[0] for variable in variables}
    # Of Fast DDS 2 and 3.
    assert names == {"FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"}
    for variable in variables:
        assert Path(variable.arguments[1].named["default_value"]).is_file()


def test_files_that_launch_arguments_name_exist(load: Any) -> None:
    arguments = described(load, "bifuse.launch.py", "DeclareLaunchArgument")
    defaults = {a.arguments[0]: a.named["default_value"] for a in arguments}
    assert Path(defaults["params_file"]).is_file()


@pytest.mark.parametrize(
    ("file", "parameters"),
    [("bifuse.yaml", FUSION_PARAMETERS), ("demo_cameras.yaml", CAMERA_PARAMETERS)],
)
def test_parameter_files_name_real_parameters_of_the_right_type(file: str, parameters: Any) -> None:
    given = yaml.safe_load((ROOT / "config" / file).read_text())["/**"]["ros__parameters"]
    defaults = {declared.name: declared.default for declared in parameters}
    assert given.keys() <= defaults.keys()
    for name, value in given.items():
        assert type(value) is type(defaults[name]), name


def test_the_parameter_file_of_the_node_is_complete_and_holds_the_defaults() -> None:
    given = yaml.safe_load((ROOT / "config" / "bifuse.yaml").read_text())
    values = given["/**"]["ros__parameters"]
    assert values == {declared.name: declared.default for declared in FUSION_PARAMETERS}


def test_the_view_finds_the_topics_where_the_vehicle_has_them(load: Any) -> None:
    (vehicle,) = described(load, "bifuse.launch.py", "LifecycleNode")
    nodes = described(load, "bifuse.launch.py", "Node")
    (view,) = [node for node in nodes if node.named["executable"] == "view_node"]
    remapped = [[source for source, _ in node.named["remappings"]] for node in (view, vehicle)]
    assert remapped[0] == remapped[1]
    (parameters,) = view.named["parameters"]
    assert parameters.keys() <= {declared.name for declared in VIEW_PARAMETERS}
