# SPDX-License-Identifier: Apache-2.0
"""The vision_msgs of this environment: the public type, over the real middleware."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("rclpy")
import rclpy
from ament_index_python.packages import get_package_share_directory
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from vision_msgs.msg import (
    Detection2D,
    Detection2DArray,
    LabelInfo,
    ObjectHypothesisWithPose,
    VisionClass,
)

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
PUBLIC_HASH = "RIHS01_214274120007f4a683866481336b70310268cfa107aebe9d594a6acf75bda968"


def detections() -> Detection2DArray:
    hypothesis = ObjectHypothesisWithPose()
    hypothesis.hypothesis.class_id = "car"
    hypothesis.hypothesis.score = 0.75
    hypothesis.pose.covariance[35] = 2.0
    car = Detection2D(id="7", results=[hypothesis])
    car.bbox.center.position.x, car.bbox.center.position.y = 320.5, 200.25
    car.bbox.size_x, car.bbox.size_y = 64.0, 48.0
    message = Detection2DArray(detections=[car, Detection2D()])
    message.header.frame_id = "rgb_optical_frame"
    message.header.stamp.sec, message.header.stamp.nanosec = 1234, 567_000_000
    return message


def test_the_message_files_are_those_of_the_public_interface(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The root of an environment with ROS 2 wheels is their ament prefix.
    monkeypatch.setenv("AMENT_PREFIX_PATH", sys.prefix, prepend=os.pathsep)
    share = Path(get_package_share_directory("vision_msgs"))
    description = json.loads((share / "msg" / "Detection2DArray.json").read_text())
    hashes = {entry["type_name"]: entry["hash_string"] for entry in description["type_hashes"]}
    assert hashes["vision_msgs/msg/Detection2DArray"] == PUBLIC_HASH


def test_label_info_holds_class_names() -> None:
    info = LabelInfo(class_map=[VisionClass(class_id=3, class_name="car")], threshold=0.5)
    assert info.class_map[0].class_name == "car"


def test_detections_cross_the_middleware(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    context = Context()
    rclpy.init(context=context, domain_id=1 + os.getpid() % 100)
    try:
        sender, receiver = Node("sender", context=context), Node("receiver", context=context)
        executor = SingleThreadedExecutor(context=context)
        executor.add_node(sender)
        executor.add_node(receiver)
        received: list[Detection2DArray] = []
        receiver.create_subscription(Detection2DArray, "detections", received.append, 5)
        publisher = sender.create_publisher(Detection2DArray, "detections", 5)
        end = time.monotonic() + 10
        while not received and time.monotonic() < end:
            publisher.publish(detections())
            executor.spin_once(timeout_sec=0.1)
        assert received and received[0] == detections()
        # What the middleware tells other nodes of the type, compiled into the libraries.
        (endpoint,) = receiver.get_publishers_info_by_topic("detections")
        assert str(endpoint.topic_type_hash) == PUBLIC_HASH
    finally:
        rclpy.shutdown(context=context)


def test_the_middleware_has_nothing_to_complain_of() -> None:
    # Without introspection it leaves errors, which whatever is created next prints.
    program = """
import rclpy
from rclpy.node import Node
from std_msgs.msg import String
from vision_msgs.msg import Detection2DArray, LabelInfo
rclpy.init()
node = Node("silent")
for number, kind in enumerate((Detection2DArray, LabelInfo, String)):
    node.create_publisher(kind, f"topic{number}", 1)
    node.create_subscription(kind, f"topic{number}", print, 1)
"""
    environment = {**os.environ, "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, env=environment
    )
    assert result.returncode == 0, result.stderr
    assert "error" not in result.stdout + result.stderr


def test_a_changed_field_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("rosidl_generator_type_description")
    messages = tmp_path / "vision_msgs"
    shutil.copytree(SCRIPTS / "vision_msgs", messages)
    box = messages / "msg" / "BoundingBox2D.msg"
    box.write_text(box.read_text().replace("float64 size_x", "float32 size_x"))
    result = subprocess.run(
        [sys.executable, SCRIPTS / "build_vision_msgs.py", tmp_path, "--messages", messages],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 1
    assert "type hash" in result.stderr and PUBLIC_HASH in result.stderr
    assert not list(tmp_path.glob("*.whl"))
