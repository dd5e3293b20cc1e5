# SPDX-License-Identifier: Apache-2.0
"""The camera node: what it plays, in which encodings, and with which faults."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from image_messages import image, scene
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo, Image
from spinning import Client

from bifuse_ros.bag_writer import BagWriter
from bifuse_ros.camera_node import CameraNode

Spin = Callable[[Node], Node]
WIDTH, HEIGHT = 64, 48


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of six pairs, each thermal picture of one grey level: 0, 40, 80, ..."""
    for side in ("ir", "vi"):
        (tmp_path / side).mkdir()
    for number in range(6):
        thermal = np.full((HEIGHT, WIDTH), number * 40, np.uint8)
        cv2.imwrite(str(tmp_path / "ir" / f"{number}.png"), thermal)
        rgb = scene(number, WIDTH, HEIGHT)[1]
        cv2.imwrite(str(tmp_path / "vi" / f"{number}.png"), rgb[..., ::-1])
    return tmp_path


def camera_node(**parameters: Any) -> CameraNode:
    given = {"wait_for_subscribers": 1, "rate": 50.0} | parameters
    return CameraNode(
        parameter_overrides=[Parameter(name, value=value) for name, value in given.items()]
    )


class Listening:
    def __init__(self, client: Client) -> None:
        self.thermal: list[Image] = client.listen(Image, "/thermal/image_raw")
        self.rgb: list[Image] = client.listen(Image, "/rgb/image_raw")
        client.pause(0.2)
        self.thermal_info: list[CameraInfo] = client.listen(CameraInfo, "/thermal/camera_info")
        self.rgb_info: list[CameraInfo] = client.listen(CameraInfo, "/rgb/camera_info")


def test_pairs_of_a_folder_come_in_order_with_equal_stamps(
    running: Spin, client: Client, folder: Path
) -> None:
    heard = Listening(client)
    running(camera_node(source=str(folder)))
    client.until(lambda: len(heard.rgb) >= 12 and len(heard.thermal) >= 12, "pairs arrive")
    levels = [message.data[0] for message in heard.thermal]
    start = levels.index(0)
    assert levels[start : start + 6] == [0, 40, 80, 120, 160, 200]
    message = heard.rgb[0]
    number = levels[0] // 40
    assert bytes(message.data) == scene(number, WIDTH, HEIGHT)[1].tobytes()
    assert (message.encoding, message.header.frame_id) == ("rgb8", "rgb_optical_frame")
    assert heard.thermal[0].encoding == "mono8"
    thermal_stamps = [(m.header.stamp.sec, m.header.stamp.nanosec) for m in heard.thermal]
    rgb_stamps = [(m.header.stamp.sec, m.header.stamp.nanosec) for m in heard.rgb]
    assert thermal_stamps[:10] == rgb_stamps[:10]


def test_camera_info_fits_the_image_and_has_its_header(
    running: Spin, client: Client, folder: Path
) -> None:
    heard = Listening(client)
    running(camera_node(source=str(folder)))
    client.until(lambda: heard.rgb_info and heard.thermal_info and heard.rgb, "info arrives")
    info = heard.rgb_info[0]
    assert (info.width, info.height) == (WIDTH, HEIGHT)
    assert info.header.frame_id == "rgb_optical_frame"
    # 60 degrees across: half the width over the focal length is the tangent of 30 degrees.
    assert np.isclose(WIDTH / 2 / info.k[0], np.tan(np.radians(30)))


def test_other_encodings(running: Spin, client: Client, folder: Path) -> None:
    heard = Listening(client)
    encodings = {"thermal.encoding": "mono16", "rgb.encoding": "bgr8"}
    running(camera_node(source=str(folder), **encodings))
    client.until(lambda: heard.rgb and len(heard.thermal) >= 6, "images arrive")
    assert heard.rgb[0].encoding == "bgr8"
    message = heard.thermal[0]
    assert (message.encoding, message.step) == ("mono16", WIDTH * 2)
    counts = np.frombuffer(message.data, "<u2")
    assert len(np.unique(counts)) == 1
    assert counts[0] % (40 * 257) == 0


def test_rendered_scenes_are_radiometric(running: Spin, client: Client) -> None:
    heard = Listening(client)
    parameters = {
        "rendered.conditions": ["night"],
        "rendered.seconds": 0.1,
        "rendered.width": 160,
        "rendered.height": 120,
        "thermal.encoding": "mono16",
    }
    running(camera_node(**parameters))
    client.until(lambda: heard.rgb and heard.thermal, "rendered images arrive", patience=60)
    counts = np.frombuffer(heard.thermal[0].data, "<u2")
    assert -40 < counts.min() / 100 - 273.15 < counts.max() / 100 - 273.15 < 150


def test_a_bag_is_played_as_it_was_recorded(running: Spin, client: Client, tmp_path: Path) -> None:
    writer = BagWriter(tmp_path / "bag")
    sensors = [QoSProfile(depth=5)]
    topics = [
        writer.add_topic(topic, "sensor_msgs/msg/Image", sensors)
        for topic in ("/boson/image", "/front/image")
    ]
    for number in range(4):
        stamp = 1_000_000_000 + number * 20_000_000
        counts = np.full((HEIGHT, WIDTH), 30000 + number, np.uint16)
        rgb = scene(number, WIDTH, HEIGHT)[1]
        messages = (image(counts, "16UC1", stamp), image(rgb, "bgr8", stamp, padding=2))
        for topic, message in zip(topics, messages, strict=True):
            writer.write(topic, stamp, serialize_message(message))
    writer.close()
    heard = Listening(client)
    names = {"source_topics": ["boson/image", "/front/image"], "thermal.encoding": "mono16"}
    running(camera_node(source=str(tmp_path / "bag"), **names))
    client.until(lambda: len(heard.rgb) >= 4 and len(heard.thermal) >= 4, "the bag is played")
    number = int(np.frombuffer(heard.thermal[0].data, "<u2")[0]) - 30000
    rgb = scene(number, WIDTH, HEIGHT)[1][..., ::-1]
    assert bytes(heard.rgb[0].data) == rgb.tobytes()


def test_delay_and_jitter_move_the_stamps(running: Spin, client: Client, folder: Path) -> None:
    heard = Listening(client)
    running(camera_node(source=str(folder), **{"thermal.delay": 0.5, "jitter": 0.01}))
    client.until(lambda: len(heard.rgb) >= 20 and len(heard.thermal) >= 20, "images arrive")

    def seconds(messages: list[Image]) -> list[float]:
        return [m.header.stamp.sec + m.header.stamp.nanosec * 1e-9 for m in messages[:20]]

    thermal, rgb = seconds(heard.thermal), seconds(heard.rgb)
    nearest = [min(abs(t - 0.5 - r) for r in rgb) for t in thermal]
    assert max(nearest[1:-1]) <= 0.0201
    # Doubles hold such stamps to a quarter of a microsecond.
    assert max(nearest) > 1e-3


def test_dropped_images_are_dropped_for_each_camera_alone(
    running: Spin, client: Client, folder: Path
) -> None:
    heard = Listening(client)
    node = running(camera_node(source=str(folder), drop=0.5, rate=100.0))
    client.until(lambda: node.played >= 200, "200 pairs are played")
    client.pause(0.2)
    for messages in (heard.thermal, heard.rgb):
        assert 0.3 < len(messages) / node.played < 0.7
    thermal = {(m.header.stamp.sec, m.header.stamp.nanosec) for m in heard.thermal}
    rgb = {(m.header.stamp.sec, m.header.stamp.nanosec) for m in heard.rgb}
    assert thermal - rgb
    assert rgb - thermal


def test_without_loop_it_ends_with_its_source(
    client: Client, process: Callable[..., subprocess.Popen[str]], folder: Path
) -> None:
    parameters = [f"source:={folder}", "loop:=false", "rate:=50.0"]
    options = [part for text in parameters for part in ("-p", text)]
    node = process("bifuse_ros.camera_node", "--ros-args", *options)
    output, _ = node.communicate(timeout=30)
    assert node.returncode == 0, output
    assert "played 6 pairs" in output


@pytest.mark.parametrize(
    ("parameter", "says"),
    [
        ("source:=/nowhere", "/nowhere: no such file or folder"),
        ("thermal.encoding:=mono12", "'mono12'; choose from mono8, mono16"),
        ("rate:=-1.0", "rate"),
        ("drop:=1.5", "drop"),
        ("rendered.conditions:=[snow]", "day, dusk, night, fog, glare"),
    ],
)
def test_wrong_parameters_end_it_with_one_clear_line(
    process: Callable[..., subprocess.Popen[str]], parameter: str, says: str
) -> None:
    node = process("bifuse_ros.camera_node", "--ros-args", "-p", parameter)
    output, _ = node.communicate(timeout=30)
    assert node.returncode == 1
    assert says in output
    assert "Traceback" not in output


@pytest.mark.parametrize("signal_name", ["SIGINT", "SIGTERM"])
def test_a_signal_while_it_prepares_ends_it_cleanly(
    process: Callable[..., subprocess.Popen[str]], signal_name: str
) -> None:
    options = ["-p", "preload:=true", "-p", "rendered.seconds:=600.0"]
    node = process("bifuse_ros.camera_node", "--ros-args", *options)
    assert node.stdout
    assert "preparing" in node.stdout.readline()
    time.sleep(1)
    node.send_signal(getattr(signal, signal_name))
    output, _ = node.communicate(timeout=30)
    assert node.returncode == 0, output
    assert "Traceback" not in output


@pytest.mark.parametrize("signal_name", ["SIGINT", "SIGTERM"])
def test_a_signal_to_the_whole_group_ends_it_while_it_renders(
    process: Callable[..., subprocess.Popen[str]], client: Client, signal_name: str
) -> None:
    # As Ctrl-C in a terminal, or the stop of a service, reaches the rendering processes too.
    node = process("bifuse_ros.camera_node", own_group=True)
    client.until(lambda: client.count_publishers("/rgb/image_raw"), "it is about to play")
    time.sleep(3)
    os.killpg(node.pid, getattr(signal, signal_name))
    output, _ = node.communicate(timeout=20)
    assert node.returncode == 0, output
