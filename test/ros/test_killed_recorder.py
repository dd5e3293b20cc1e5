# SPDX-License-Identifier: Apache-2.0
"""A recorder that is killed while it records: what it has handed over by then is not lost."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from image_messages import image, scene
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
from spinning import Client

from bifuse_core.__main__ import main
from bifuse_core.data.bag_notes import bag_notes
from bifuse_core.data.bags import BagPairs
from bifuse_core.data.faults import PairError

PERIOD = 40_000_000
Start = Callable[..., subprocess.Popen[str]]


class Recording:
    """A recorder in a process of its own, and the cameras that it records."""

    def __init__(self, client: Client, process: Start, bag: Path, size: tuple[int, int]) -> None:
        self.client, self.size, self.sent = client, size, 0
        self.cameras = [
            client.create_publisher(Image, f"/{camera}/image_raw", qos_profile_sensor_data)
            for camera in ("thermal", "rgb")
        ]
        options = ["-p", "split_size:=1", "-p", f"bag:={bag}", "-p", "topics:=[/thermal/image_raw"]
        options[-1] += ", /rgb/image_raw]"
        self.process = process("bifuse_ros.recorder_node", "--ros-args", *options)
        subscribed = [camera.get_subscription_count for camera in self.cameras]
        client.until(lambda: all(count() for count in subscribed), "it records")
        # The other side may know later.
        client.pause(0.5)

    def send(self) -> None:
        stamp = (self.sent + 1) * PERIOD
        pictures = zip(self.cameras, scene(self.sent, *self.size), ("mono8", "rgb8"), strict=True)
        for camera, picture, encoding in pictures:
            camera.publish(image(picture, encoding, stamp))
        self.sent += 1
        self.client.pause(0.03)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def assert_recorded(self, bag: Path) -> int:
        """Compare the pairs of a bag with those sent, and return their number."""
        pairs = list(BagPairs(bag))
        for number, pair in enumerate(pairs):
            thermal, rgb = scene(number, *self.size)
            np.testing.assert_array_equal(pair.thermal, thermal)
            np.testing.assert_array_equal(pair.rgb, rgb)
        return len(pairs)


def test_few_small_messages_are_handed_over_too(
    client: Client, process: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bag = tmp_path / "bag"
    recording = Recording(client, process, bag, (64, 48))
    for _ in range(5):
        recording.send()
    pixels = 5 * 4 * 64 * 48
    # Far less than would fill a chunk: 1 MiB.
    file = bag / "bag_0.mcap"
    client.until(lambda: file.stat().st_size > pixels, "they are handed over")
    for _ in range(3):
        recording.send()
    recording.kill()
    with pytest.raises(PairError, match=f"`bifuse repair {bag}`"):
        BagPairs(bag)
    assert main(["repair", str(bag)]) == 0
    repaired = tmp_path / "bag_repaired"
    assert 5 <= recording.assert_recorded(repaired) <= 8
    assert bag_notes(repaired)["recorder"]["split_size"] == 1
    assert f"{repaired}: " in capsys.readouterr().out


def test_files_that_were_whole_are_read_as_they_are_and_a_repair_adds_the_last(
    client: Client, process: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bag = tmp_path / "bag"
    recording = Recording(client, process, bag, (320, 240))
    third = bag / "bag_2.mcap"

    def recorded() -> bool:
        recording.send()
        return third.exists() and third.stat().st_size > 2 * 4 * 320 * 240

    client.until(recorded, "it is at the third file")
    recording.kill()
    with caplog.at_level(logging.WARNING):
        whole = recording.assert_recorded(bag)
    (warning,) = caplog.messages
    assert f"{third}: has no end" in warning
    assert main(["repair", str(bag)]) == 0
    repaired = recording.assert_recorded(tmp_path / "bag_repaired")
    assert whole + 2 <= repaired <= recording.sent
