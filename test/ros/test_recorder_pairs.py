# SPDX-License-Identifier: Apache-2.0
"""Recording by pairs, read back as training reads bags."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_messages import header, image, scene
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from spinning import Client
from vision_msgs.msg import (
    Detection2D,
    Detection2DArray,
    ObjectHypothesis,
    ObjectHypothesisWithPose,
)

from bifuse_core.data.bag_notes import bag_notes
from bifuse_core.data.bags import BagPairs
from bifuse_ros.recorder_node import RecorderNode

Spin = Callable[[Node], Node]
WIDTH, HEIGHT = 96, 64
START = 1_700_000_000_000_000_000
PERIOD = 40_000_000


def recorder_node(bag: Path, **parameters: Any) -> RecorderNode:
    values = {"bag": str(bag), **{n.replace("__", "."): v for n, v in parameters.items()}}
    return RecorderNode(
        parameter_overrides=[Parameter(name, value=value) for name, value in values.items()]
    )


class Cameras:
    """Publishes pairs, and what is seen in them, to a recorder."""

    def __init__(self, client: Client, *, suffix: str = "", kind: Any = Image) -> None:
        self.client = client
        self.images = [
            client.create_publisher(kind, f"/{camera}/image_raw{suffix}", qos_profile_sensor_data)
            for camera in ("thermal", "rgb")
        ]
        self.info = client.create_publisher(CameraInfo, "/rgb/camera_info", qos_profile_sensor_data)
        self.boxes = client.create_publisher(Detection2DArray, "/fusion_node/detections", 5)

    def found(self, *, boxes: bool = False) -> None:
        """Wait until the recorder listens."""
        publishers = [*self.images, self.info, *([self.boxes] if boxes else [])]
        self.client.until(lambda: min(p.get_subscription_count() for p in publishers), "it records")
        # The other side may know later.
        self.client.pause(0.3)

    def send(self, stamp: int, *messages: Any) -> None:
        self.info.publish(CameraInfo(header=header(stamp), width=WIDTH))
        for publisher, message in zip(self.images, messages, strict=True):
            publisher.publish(message)
        self.client.pause(0.02)

    def send_scene(
        self, number: int, *, period: int = PERIOD, bright: bool = True, size: int = 1
    ) -> None:
        thermal, rgb = scene(number, size * WIDTH, size * HEIGHT)
        stamp = START + number * period
        rgb = rgb if bright else rgb // 16
        self.send(
            stamp, image(thermal, "mono8", stamp, "t"), image(rgb, "rgb8", stamp + 2_000_000, "r")
        )

    def see(self, number: int, *scores: float) -> None:
        """Say of the RGB image of a pair what is seen in it."""
        stamp = header(START + number * PERIOD + 2_000_000)
        message = Detection2DArray(header=stamp)
        for score in scores:
            result = ObjectHypothesisWithPose(
                hypothesis=ObjectHypothesis(class_id="person", score=score)
            )
            message.detections.append(Detection2D(header=stamp, results=[result]))
        self.boxes.publish(message)
        self.client.pause(0.02)


def numbers(bag: Path, count: int) -> list[int]:
    """Return which of `count` scenes a bag holds."""
    scenes = [scene(number, WIDTH, HEIGHT)[0] for number in range(count)]
    return [
        next(n for n, each in enumerate(scenes) if np.array_equal(pair.thermal, each))
        for pair in BagPairs(bag)
    ]


# The second period is so long that one image alone would be taken for a fault of its clock.
@pytest.mark.parametrize("period", [PERIOD, 9 * PERIOD])
def test_every_nth_pair_is_recorded_with_its_times(
    running: Spin, client: Client, tmp_path: Path, period: int
) -> None:
    cameras = Cameras(client)
    recorder = running(recorder_node(tmp_path / "bag", choose__every=3))
    cameras.found()
    before = client.get_clock().now().nanoseconds
    for number in range(14):
        cameras.send_scene(number, period=period)
    after = client.get_clock().now().nanoseconds
    # 14 camera_info and four pairs; the fifth may wait for the end.
    client.until(lambda: recorder.recorded >= 14 + 2 * 4, "it is recorded")
    recorder.destroy_node()
    assert numbers(tmp_path / "bag", 14) == [0, 3, 6, 9, 12]
    index = BagPairs(tmp_path / "bag").index
    received = [image.received for pair in index for image in pair]
    assert received == sorted(received)
    assert before < received[0] < received[-1] < after
    assert [pair[0].stamp for pair in index] == [START + n * period for n in range(0, 14, 3)]


def test_only_dark_pairs_in_which_something_is_seen(
    running: Spin, client: Client, tmp_path: Path
) -> None:
    cameras = Cameras(client)
    choose = {"choose__every": 1, "choose__seen": True, "choose__dark": True, "choose__wait": 60.0}
    recorder = running(recorder_node(tmp_path / "bag", **choose, choose__classes=["person"]))
    cameras.found(boxes=True)
    for number in range(12):
        cameras.send_scene(number, bright=number % 2 == 0)
    for number, scores in ((1, [0.9]), (3, [0.1]), (4, [0.9]), (5, [0.1, 0.4]), (7, []), (9, [1])):
        cameras.see(number, *map(float, scores))
    client.until(lambda: recorder.recorded >= 12 + 6 + 2 * 3, "it is recorded")
    recorder.destroy_node()
    assert numbers(tmp_path / "bag", 12) == [1, 5, 9]


def test_a_malformed_image_is_named_and_the_others_are_recorded(
    running: Spin, client: Client, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cameras = Cameras(client)
    recorder = running(recorder_node(tmp_path / "bag", choose__every=1, choose__dark=True))
    cameras.found()
    for number in range(6):
        thermal, rgb = scene(number, WIDTH, HEIGHT)
        stamp = START + number * PERIOD
        colours = image(rgb // 16, "rgb8", stamp)
        colours.step = 3 if number == 2 else colours.step
        cameras.send(stamp, image(thermal, "mono8", stamp), colours)
    client.until(lambda: recorder.recorded >= 6 + 2 * 4, "it is recorded")
    recorder.destroy_node()
    assert numbers(tmp_path / "bag", 6) == [0, 1, 3, 4, 5]
    assert bag_notes(tmp_path / "bag")["pairs"]["unreadable"] == 1
    assert "/rgb/image_raw: pair not chosen: step is 3 bytes" in capfd.readouterr().err


def test_compressed_images_are_chosen_too(running: Spin, client: Client, tmp_path: Path) -> None:
    import cv2

    cameras = Cameras(client, suffix="/compressed", kind=CompressedImage)
    transport = {f"{camera}__transport": "compressed" for camera in ("thermal", "rgb")}
    recorder = running(
        recorder_node(tmp_path / "bag", choose__every=1, choose__dark=True, **transport)
    )
    cameras.found()
    for number in range(6):
        thermal, rgb = scene(number, WIDTH, HEIGHT)
        stamp = START + number * PERIOD
        pictures = thermal, rgb if number == 2 else rgb // 16
        messages = [CompressedImage(header=header(stamp), format="png") for _ in pictures]
        for message, picture in zip(messages, pictures, strict=True):
            message.data = cv2.imencode(".png", picture)[1].tobytes()
        cameras.send(stamp, *messages)
    client.until(lambda: recorder.recorded >= 6 + 2 * 4, "it is recorded")
    recorder.destroy_node()
    assert numbers(tmp_path / "bag", 6) == [0, 1, 3, 4, 5]


def test_a_bag_is_split_by_size_between_pairs_into_files_of_one_folder(
    running: Spin, client: Client, tmp_path: Path
) -> None:
    cameras = Cameras(client)
    recorder = running(
        recorder_node(tmp_path / "bag", choose__every=1, split_size=1, node="nobody")
    )
    cameras.found()
    # 0.4 MiB each.
    for number in range(12):
        cameras.send_scene(number, size=4)
    client.until(lambda: recorder.recorded >= 12 + 2 * 11, "it is recorded")
    before = bag_notes(tmp_path / "bag")
    client.pause(0.3)
    recorder.destroy_node()
    files = sorted((tmp_path / "bag").glob("*.mcap"))
    # A camera_info after the last pair may begin one more.
    assert [file.name for file in files] == [f"bag_{number}.mcap" for number in range(len(files))]
    assert len(files) in (4, 5)
    scenes = [scene(number, 4 * WIDTH, 4 * HEIGHT)[1] for number in range(12)]
    whole = BagPairs(tmp_path / "bag")
    single = [pair for file in files[:4] for pair in BagPairs(file)]
    for pairs in (list(whole), single, [whole[number] for number in range(12)]):
        assert len(pairs) == 12
        assert all(np.array_equal(pair.rgb, rgb) for pair, rgb in zip(pairs, scenes, strict=True))
    # Noted at the end of each file, not of the last alone.
    assert before["recorder"] == bag_notes(tmp_path / "bag")["recorder"]
    assert before["pairs"]["chosen"] <= bag_notes(tmp_path / "bag")["pairs"]["chosen"] == 12


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"choose__dark": True}, "choose.every is 0"),
        ({"choose__seen": True}, "choose.every is 0"),
        ({"choose__every": 1, "choose__images": ["rgb/image_raw"]}, "name two topics"),
        ({"choose__every": 1, "choose__images": ["a", "a b"]}, "'a b' is no valid name"),
        ({"choose__every": 1, "choose__images": ["a", "/a"]}, "not all different"),
        ({"node": "a b"}, "node: 'a b' is no valid name"),
    ],
)
def test_a_choice_of_nothing_is_refused(
    tmp_path: Path, parameters: dict[str, Any], text: str
) -> None:
    with pytest.raises(ValueError, match=text):
        recorder_node(tmp_path / "bag", **parameters)
    assert not (tmp_path / "bag").exists()
