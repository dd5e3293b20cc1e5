# SPDX-License-Identifier: Apache-2.0
"""Bags that the recorder writes, read back by another library than the one that wrote them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from image_messages import image, scene
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import Image
from spinning import Client

from bifuse_ros.recorder_node import RecorderNode

Spin = Callable[[Node], Node]


def recorder_node(bag: Path, topics: list[str], compress: bool = False) -> RecorderNode:
    values = {"bag": str(bag), "topics": topics, "compress": compress}
    return RecorderNode(
        parameter_overrides=[Parameter(name, value=value) for name, value in values.items()]
    )


@pytest.mark.parametrize("compress", [False, True])
def test_what_was_published_reads_back_message_by_message(
    running: Spin, client: Client, tmp_path: Path, compress: bool
) -> None:
    mcap_reader = pytest.importorskip("mcap_ros2.reader", reason="mcap-ros2-support is missing")
    cameras = client.create_publisher(Image, "/thermal/image_raw", qos_profile_sensor_data)
    status = client.create_publisher(DiagnosticArray, "/diagnostics", 10)
    recorder = running(
        recorder_node(tmp_path / "bag", ["/thermal/image_raw", "/diagnostics"], compress)
    )
    client.until(
        lambda: cameras.get_subscription_count() and status.get_subscription_count(), "it records"
    )
    client.pause(0.2)
    pictures = [scene(seed, 64, 48)[0] for seed in range(20)]
    for number, picture in enumerate(pictures):
        cameras.publish(image(picture, "mono8", 1_000_000_000 + number, "thermal"))
        client.pause(0.02)
    values = [KeyValue(key="rate", value="25.0")]
    status.publish(DiagnosticArray(status=[DiagnosticStatus(name="a", values=values)]))
    client.until(lambda: recorder.recorded == 21, "all is recorded")
    recorder.destroy_node()

    messages = list(mcap_reader.read_ros2_messages(str(tmp_path / "bag" / "bag.mcap")))
    images = [m.ros_msg for m in messages if m.channel.topic == "/thermal/image_raw"]
    assert [bytes(m.data) for m in images] == [picture.tobytes() for picture in pictures]
    assert [m.header.stamp.nanosec for m in images] == list(range(20))
    assert {m.header.frame_id for m in images} == {"thermal"}
    (diagnosed,) = [m.ros_msg for m in messages if m.channel.topic == "/diagnostics"]
    assert diagnosed.status[0].values[0].value == "25.0"


def test_metadata_holds_types_counts_and_the_offered_quality_of_service(
    running: Spin, client: Client, tmp_path: Path
) -> None:
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    cameras = client.create_publisher(Image, "/thermal/image_raw", qos_profile_sensor_data)
    label = client.create_publisher(DiagnosticArray, "/label", latched)
    label.publish(DiagnosticArray())
    recorder = running(recorder_node(tmp_path / "bag", ["/thermal/image_raw", "/label"]))
    client.until(lambda: recorder.recorded == 1, "the latched message is recorded")
    client.until(cameras.get_subscription_count, "it records the camera")
    recorder.destroy_node()
    text = (tmp_path / "bag" / "metadata.yaml").read_text()
    information = yaml.safe_load(text)["rosbag2_bagfile_information"]
    assert information["storage_identifier"] == "mcap"
    assert information["message_count"] == 1
    topics = {
        entry["topic_metadata"]["name"]: entry["topic_metadata"]
        for entry in information["topics_with_message_count"]
    }
    assert topics["/label"]["type"] == "diagnostic_msgs/msg/DiagnosticArray"
    camera = yaml.safe_load(topics["/thermal/image_raw"]["offered_qos_profiles"])
    # 1 and 2: reliable and best effort; transient local and volatile (rmw/types.h).
    assert (camera[0]["reliability"], camera[0]["durability"]) == (2, 2)
    label_qos = yaml.safe_load(topics["/label"]["offered_qos_profiles"])
    assert (label_qos[0]["reliability"], label_qos[0]["durability"]) == (1, 1)


def test_a_bag_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "bag").mkdir()
    with pytest.raises(FileExistsError, match="never overwritten"):
        recorder_node(tmp_path / "bag", ["/thermal/image_raw"])


@pytest.mark.parametrize("topic", ["/bad name!", ""])
def test_what_is_no_topic_is_refused_by_name(tmp_path: Path, topic: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(topic))):
        recorder_node(tmp_path / "bag", [topic])


def test_a_topic_named_twice_is_recorded_once(
    running: Spin, client: Client, tmp_path: Path
) -> None:
    status = client.create_publisher(DiagnosticArray, "/diagnostics", 10)
    recorder = running(recorder_node(tmp_path / "bag", ["/diagnostics", "diagnostics"]))
    client.until(status.get_subscription_count, "it records")
    client.pause(0.3)
    status.publish(DiagnosticArray())
    client.until(lambda: recorder.recorded, "it has recorded")
    client.pause(0.3)
    assert recorder.recorded == 1


def test_topics_that_nobody_publishes_are_named(
    running: Spin,
    client: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("bifuse_ros.recorder_node.PATIENCE", 1.0)
    there = client.create_publisher(Image, "/thermal/image_raw", qos_profile_sensor_data)
    running(recorder_node(tmp_path / "bag", ["/thermal/image_raw", "/boson/image_raw"]))
    client.until(there.get_subscription_count, "it records what there is")
    said: list[str] = []

    def warned() -> bool:
        said.append(capfd.readouterr().err)
        return "nobody publishes it: /boson/image_raw\n" in "".join(said)

    client.until(warned, "it says what is missing")
