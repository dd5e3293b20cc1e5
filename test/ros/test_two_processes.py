# SPDX-License-Identifier: Apache-2.0
"""Cameras and fusion in processes of their own, as on a vehicle."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import CameraInfo, Image
from spinning import Client

Start = Callable[..., subprocess.Popen[str]]


def options(**parameters: object) -> list[str]:
    given = [f"{name}:={value}" for name, value in parameters.items()]
    return ["--ros-args", *(part for text in given for part in ("-p", text))]


def test_images_cross_two_processes_and_come_back_fused(client: Client, process: Start) -> None:
    fused: list[Image] = client.listen(Image, "/fusion_node/fused/image", 5)
    infos: list[CameraInfo] = client.listen(CameraInfo, "/fusion_node/fused/camera_info", 5)
    thermal: list[Image] = client.listen(Image, "/thermal/image_raw")
    diagnostics: list[DiagnosticArray] = client.listen(DiagnosticArray, "/diagnostics", 10)
    process(
        "bifuse_ros.fusion_node", *options(**{"thermal.unit": "centikelvin", "segmenter": "none"})
    )
    cameras = {
        "rendered.conditions": "[night]",
        "rendered.seconds": 1.0,
        "rendered.rate": 10.0,
        "thermal.encoding": "mono16",
        "preload": True,
        "wait_for_subscribers": 1,
    }
    process("bifuse_ros.camera_node", *options(**cameras))
    client.until(lambda: len(fused) >= 10 and infos, "fused images arrive", patience=90)
    message = fused[-1]
    assert (message.width, message.height, message.encoding) == (640, 480, "rgb8")
    assert message.header.frame_id == "rgb_optical_frame"
    stamps = [m.header.stamp for m in thermal]
    assert message.header.stamp in stamps
    assert np.asarray(message.data).std() > 10
    assert infos[-1].width == 640
    client.until(
        lambda: any(s.message == "fusing" for m in diagnostics for s in m.status), "it says so"
    )


PUBLISHER = """
import time, rclpy
from array import array
from sensor_msgs.msg import Image
from rclpy.qos import qos_profile_sensor_data
rclpy.init()
node = rclpy.create_node("big_camera")
publisher = node.create_publisher(Image, "/big", qos_profile_sensor_data)
message = Image(height=720, width=1280, step=3840, encoding="bgr8", data=array("B", bytes(2764800)))
end = time.monotonic() + 30
while publisher.get_subscription_count() < 1 and time.monotonic() < end:
    time.sleep(0.05)
time.sleep(0.5)
for _ in range(30):
    publisher.publish(message)
    time.sleep(0.05)
time.sleep(1.0)
# What ends without a word is missed by nobody for a while.
node.destroy_node()
rclpy.shutdown()
"""
LISTENER = """
import time, rclpy
from sensor_msgs.msg import Image
from rclpy.qos import qos_profile_sensor_data
rclpy.init()
node = rclpy.create_node("big_listener")
heard = []
node.create_subscription(Image, "/big", heard.append, qos_profile_sensor_data)
end = time.monotonic() + 30
seen = False
while len(heard) < 30 and time.monotonic() < end:
    rclpy.spin_once(node, timeout_sec=0.05)
    there = node.count_publishers("/big") > 0
    if seen and not there:
        break
    seen = seen or there
print("heard", len(heard))
"""


def arrivals(tmp_path: Path, process: Start, profile: str) -> int:
    """Return how many of 30 colour images of 1280x720 arrive in another process."""
    for name, text in (("big_publisher", PUBLISHER), ("big_listener", LISTENER)):
        (tmp_path / f"{name}.py").write_text(text)
    environment = {
        "FASTDDS_DEFAULT_PROFILES_FILE": profile,
        "PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}",
    }
    listener = process("big_listener", **environment)
    publisher = process("big_publisher", **environment)
    output, _ = listener.communicate(timeout=60)
    publisher.communicate(timeout=60)
    return int(output.split("heard")[-1])


@pytest.mark.skipif(
    os.environ.get("RMW_IMPLEMENTATION", "rmw_fastrtps_cpp") != "rmw_fastrtps_cpp",
    reason="the profile is for Fast DDS",
)
def test_large_images_arrive_with_the_shipped_profile_and_not_without(
    tmp_path: Path, process: Start
) -> None:
    shipped = os.environ["FASTDDS_DEFAULT_PROFILES_FILE"]
    assert arrivals(tmp_path, process, shipped) >= 25
    empty = tmp_path / "default.xml"
    empty.write_text("<?xml version='1.0'?><dds><profiles></profiles></dds>")
    # If this begins to fail, the default has changed and the profile may no longer be needed.
    assert arrivals(tmp_path, process, str(empty)) <= 15
