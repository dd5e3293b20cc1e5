# SPDX-License-Identifier: Apache-2.0
"""The launch files, loaded and looked into.

The `launch` and `launch_ros` of ROS are not among the wheels. Where they are not installed, the
files run against recorders of the same names, which keep what a launch file describes; what ROS
then does with the description is not tested there.
"""

from __future__ import annotations

import importlib.util
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import yaml
from image_messages import header, image, scene
from rclpy.qos import qos_profile_sensor_data
from rosbags.rosbag2 import Reader
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from spinning import Client

from bifuse_core.data.bag_notes import bag_notes
from bifuse_core.data.bags import BagPairs
from bifuse_ros.camera_node import PARAMETERS as CAMERA_PARAMETERS
from bifuse_ros.fusion_parameters import PARAMETERS as FUSION_PARAMETERS
from bifuse_ros.recorder_node import PARAMETERS as RECORDER_PARAMETERS
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


def recording(load: Any, **arguments: str) -> dict[str, Any]:
    """Return the parameters that the recorder gets of record.launch.py."""
    (node,) = described(load, "record.launch.py", "Node")
    assert node.named["executable"] == "recorder_node"
    declared = described(load, "record.launch.py", "DeclareLaunchArgument")
    given = {each.arguments[0]: each.named["default_value"] for each in declared} | arguments
    parameters = {}
    for name, value in (item for each in node.named["parameters"] for item in each.items()):
        if type(value).__name__ == "ParameterValue":
            value, kind = value.arguments[0], value.named["value_type"]
            parameters[name] = kind(yaml.safe_load(given[value.arguments[0]]))
        else:
            parameters[name] = yaml.safe_load(given[value.arguments[0]])
    return parameters


def test_recording_beside_a_vehicle_and_with_one(load: Any) -> None:
    (included,) = described(load, "record.launch.py", "IncludeLaunchDescription")
    assert included.named["condition"].arguments[0].arguments == ("fusion",)
    variables = described(load, "record.launch.py", "SetEnvironmentVariable")
    vehicle = described(load, "bifuse.launch.py", "SetEnvironmentVariable")
    assert [v.arguments[0] for v in variables] == [v.arguments[0] for v in vehicle]
    # Both share their arguments: no name may mean two things.
    arguments = {
        name: {a.arguments[0] for a in described(load, name, "DeclareLaunchArgument")}
        for name in ("record.launch.py", "bifuse.launch.py")
    }
    shared = {"thermal", "rgb", "namespace", "use_sim_time"}
    assert arguments["record.launch.py"] & arguments["bifuse.launch.py"] == shared


def test_record_launch_gives_the_recorder_the_defaults_that_it_has(load: Any) -> None:
    parameters = recording(load)
    assert parameters.pop("use_sim_time") is False
    bag = parameters.pop("bag")
    assert re.fullmatch(r"bifuse_\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d", bag)
    defaults = {declared.name: declared.default for declared in RECORDER_PARAMETERS}
    # All pairs rather than all images.
    assert parameters == {name: defaults[name] for name in parameters} | {"choose.every": 1}
    for name, value in parameters.items():
        assert type(value) is type(defaults[name]), name


def remapped(load: Any, **cameras: str) -> list[str]:
    """Return the remappings that the recorder gets of record.launch.py."""
    (node,) = described(load, "record.launch.py", "Node")
    pairs = node.named["remappings"]
    return [
        part
        for topic, (camera, rest) in pairs
        for part in ("-r", f"{topic}:={cameras[camera.arguments[0]]}{rest}")
    ]


def test_record_launch_takes_compressed_images_of_any_camera(
    load: Any, client: Client, process: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    import cv2

    transports = {"thermal_transport": "raw", "rgb_transport": "compressed"}
    parameters = recording(load, bag="drive", every="1", **transports)
    options = [part for n, v in parameters.items() for part in ("-p", f"{n}:={v}")]
    options += remapped(load, thermal="/boson", rgb="/front_camera")
    recorder = process("bifuse_ros.recorder_node", "--ros-args", *options)
    kinds = {
        "/boson/image_raw": Image,
        "/boson/camera_info": CameraInfo,
        "/front_camera/image_raw/compressed": CompressedImage,
        "/front_camera/camera_info": CameraInfo,
    }
    cameras = {
        topic: client.create_publisher(kind, topic, qos_profile_sensor_data)
        for topic, kind in kinds.items()
    }
    # Published too, as image_transport does, and not wanted.
    raw = client.create_publisher(Image, "/front_camera/image_raw", qos_profile_sensor_data)
    client.until(lambda: all(c.get_subscription_count() for c in cameras.values()), "it records")
    client.pause(0.5)
    assert not raw.get_subscription_count()
    for number in range(6):
        thermal, rgb = scene(number, 64, 48)
        stamp = (number + 1) * 40_000_000
        packed = cv2.imencode(".png", rgb[..., ::-1])[1].tobytes()
        messages = (
            image(thermal, "mono8", stamp),
            CameraInfo(header=header(stamp)),
            CompressedImage(header=header(stamp), format="rgb8; png compressed bgr8", data=packed),
            CameraInfo(header=header(stamp)),
        )
        for camera, message in zip(cameras.values(), messages, strict=True):
            camera.publish(message)
        client.pause(0.05)
    client.pause(1.0)
    recorder.send_signal(signal.SIGINT)
    output, _ = recorder.communicate(timeout=20)
    assert recorder.returncode == 0, output
    pairs = list(BagPairs(tmp_path / "drive", ("/boson/image_raw", "/front_camera/image_raw")))
    assert len(pairs) == 6
    for number, pair in enumerate(pairs):
        np.testing.assert_array_equal(pair.rgb, scene(number, 64, 48)[1])
    with Reader(tmp_path / "drive") as reader:
        counts = {connection.topic: connection.msgcount for connection in reader.connections}
    assert counts == dict.fromkeys(kinds, 6)


def test_what_record_launch_starts_leaves_a_bag(
    load: Any, client: Client, process: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    parameters = recording(load, bag="drive", every="2")
    options = [part for n, v in parameters.items() for part in ("-p", f"{n}:={v}")]
    recorder = process("bifuse_ros.recorder_node", "--ros-args", *options)
    cameras = [
        client.create_publisher(Image, f"/{camera}/image_raw", qos_profile_sensor_data)
        for camera in ("thermal", "rgb")
    ]
    client.until(lambda: all(c.get_subscription_count() for c in cameras), "it records")
    client.pause(0.5)
    for number in range(8):
        pictures = zip(cameras, scene(number, 64, 48), ("mono8", "rgb8"), strict=True)
        for camera, picture, encoding in pictures:
            camera.publish(image(picture, encoding, (number + 1) * 40_000_000))
        client.pause(0.05)
    client.pause(1.0)
    recorder.send_signal(signal.SIGINT)
    output, _ = recorder.communicate(timeout=20)
    assert recorder.returncode == 0, output
    assert bag_notes(tmp_path / "drive")["pairs"]["skipped"] == 4
    pairs = list(BagPairs(tmp_path / "drive"))
    assert len(pairs) == 4
    for number, pair in enumerate(pairs):
        np.testing.assert_array_equal(pair.rgb, scene(2 * number, 64, 48)[1])
