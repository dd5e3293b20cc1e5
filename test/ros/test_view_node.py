# SPDX-License-Identifier: Apache-2.0
"""The view node between real topics and a client of the Foxglove protocol."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from image_messages import image, scene
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import qos_profile_sensor_data
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Image
from spinning import Client

from bifuse_ros import qos
from bifuse_ros.topics import DIAGNOSTICS, FUSED, LABELS, THERMAL
from bifuse_ros.view_node import ViewNode

pytest.importorskip("foxglove", reason="foxglove-sdk is missing")
pytest.importorskip("websockets", reason="websockets is missing")
from foxglove_client import FoxgloveClient  # noqa: E402
from vision_msgs.msg import LabelInfo, VisionClass  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
Spin = Callable[[Node], Any]
Connect = Callable[..., FoxgloveClient]


def view_node(**parameters: Any) -> ViewNode:
    """Return a node on any free port."""
    values = {"port": 0} | parameters
    return ViewNode(
        parameter_overrides=[Parameter(name, value=value) for name, value in values.items()]
    )


@pytest.fixture
def connect(client: Client) -> Iterator[Connect]:
    """Connect clients to a node that offers these topics; they are closed with the test."""
    made: list[FoxgloveClient] = []

    def connected(node: ViewNode, *topics: str) -> FoxgloveClient:
        client.until(lambda: node.offered >= set(topics), "the topics are offered")
        made.append(FoxgloveClient(node.port))
        return made[-1]

    yield connected
    for each in made:
        each.close()


def test_a_client_sees_the_pixels_of_the_topic(
    running: Spin, client: Client, connect: Connect
) -> None:
    fused = client.create_publisher(Image, FUSED, qos.RESULTS)
    app = connect(running(view_node()), FUSED)
    assert app.server["op"] == "serverInfo"
    app.subscribe(FUSED)
    client.until(fused.get_subscription_count, "the node subscribes for its client")
    picture = scene(1, 64, 48)[1]
    sent = image(picture, "rgb8", 1_000_000_007, "rgb_optical_frame")
    fused.publish(sent)
    topic, stamp, data = app.receive()
    assert topic == FUSED
    assert stamp > 1_600_000_000_000_000_000
    received = deserialize_message(data, Image)
    assert received == sent
    pixels = np.frombuffer(received.data, np.uint8).reshape(48, 64, 3)
    np.testing.assert_array_equal(pixels, picture)


def test_the_definition_that_clients_get_is_enough_to_read_the_messages(
    running: Spin, client: Client, connect: Connect
) -> None:
    pytest.importorskip("mcap_ros2", reason="mcap-ros2-support is missing")
    from mcap.records import Schema
    from mcap_ros2.decoder import DecoderFactory

    status = client.create_publisher(DiagnosticArray, DIAGNOSTICS, 10)
    labels = client.create_publisher(LabelInfo, LABELS, qos.LATCHED)
    # Said once, before anybody looks.
    labels.publish(LabelInfo(class_map=[VisionClass(class_id=3, class_name="vegetation")]))
    app = connect(running(view_node()), LABELS, DIAGNOSTICS)

    def decoded(topic: str) -> Any:
        channel = app.await_channel(topic)
        definition = channel["schema"].encode()
        schema = Schema(1, definition, channel["schemaEncoding"], channel["schemaName"])
        decode = DecoderFactory().decoder_for(channel["encoding"], schema)
        assert decode, channel
        return decode(app.receive().data)

    app.subscribe(LABELS)
    assert [c.class_name for c in decoded(LABELS).class_map] == ["vegetation"]
    app.subscribe(DIAGNOSTICS)
    client.until(status.get_subscription_count, "the node subscribes for its client")
    values = [KeyValue(key="fused rate (Hz)", value="25.0")]
    status.publish(DiagnosticArray(status=[DiagnosticStatus(name="a", values=values)]))
    assert decoded(DIAGNOSTICS).status[0].values[0].value == "25.0"


def test_what_nobody_looks_at_is_not_subscribed_to(
    running: Spin, client: Client, connect: Connect
) -> None:
    fused = client.create_publisher(Image, FUSED, qos.RESULTS)
    node = running(view_node())
    app, other = connect(node, FUSED), connect(node, FUSED)
    app.await_channel(FUSED)
    client.pause(0.5)
    assert fused.get_subscription_count() == 0
    app.subscribe(FUSED)
    client.until(fused.get_subscription_count, "the node subscribes for its client")
    other.subscribe(FUSED)
    app.unsubscribe(FUSED)
    client.pause(0.5)
    assert fused.get_subscription_count() == 1
    other.close()
    client.until(lambda: not fused.get_subscription_count(), "nobody is left who looks")


def test_a_client_that_does_not_read_holds_up_nobody(
    running: Spin, client: Client, connect: Connect
) -> None:
    cameras = client.create_publisher(Image, THERMAL, qos_profile_sensor_data)
    node = running(view_node(backlog=8))
    asleep, awake = connect(node, THERMAL), connect(node, THERMAL)
    for app in (asleep, awake):
        app.subscribe(THERMAL)
    client.until(cameras.get_subscription_count, "the node subscribes for its clients")
    client.pause(0.3)
    picture = scene(0, 1280, 960)[1]
    count = 60
    for number in range(1, count + 1):
        cameras.publish(image(picture, "rgb8", number))
        stamp = deserialize_message(awake.receive().data, Image).header.stamp
        assert stamp.nanosec == number
    read = [deserialize_message(asleep.receive().data, Image).header.stamp.nanosec]
    while read[-1] != count:
        read.append(deserialize_message(asleep.receive().data, Image).header.stamp.nanosec)
    # The oldest of what waited were thrown away, the newest came.
    assert read == sorted(read)
    assert len(read) < count


def test_a_missing_library_is_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    requirements = (ROOT / "requirements" / "ros.txt").read_text(encoding="utf-8").splitlines()
    (pinned,) = [line for line in requirements if line.startswith("foxglove-sdk")]
    monkeypatch.setitem(sys.modules, "foxglove", None)
    with pytest.raises(ValueError, match=re.escape(f"pip install {pinned};")):
        view_node()


def test_a_port_in_use_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"port {port}"):
            view_node(port=port)


@pytest.mark.parametrize("topics", [[""], ["/bad name!"]])
def test_what_is_no_topic_is_refused_by_name(topics: list[str]) -> None:
    with pytest.raises(ValueError, match="topics"):
        view_node(topics=topics)


def test_ctrl_c_ends_it_with_a_client_connected(
    client: Client, process: Callable[..., subprocess.Popen[str]]
) -> None:
    fused = client.create_publisher(Image, FUSED, qos.RESULTS)
    viewer = process("bifuse_ros.view_node", "--ros-args", "-p", "port:=0")
    assert viewer.stdout
    line = next(line for line in viewer.stdout if "ws://127.0.0.1:" in line)
    assert any(f"{FUSED} can be viewed" in line for line in viewer.stdout)
    app = FoxgloveClient(int(line.rsplit(":", 1)[1]))
    app.subscribe(FUSED)
    client.until(fused.get_subscription_count, "the node subscribes for its client")
    viewer.send_signal(signal.SIGINT)
    output, _ = viewer.communicate(timeout=20)
    assert viewer.returncode == 0, output
    assert "Traceback" not in output
