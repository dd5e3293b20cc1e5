# SPDX-License-Identifier: Apache-2.0
"""What the demo finds in its bag."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from image_messages import image
from rclpy.serialization import serialize_message

from bifuse_ros.bag_writer import BagWriter
from bifuse_ros.demo.recording import Recording
from bifuse_ros.topics import FUSED, OVERLAY, RGB, THERMAL


def test_an_overlay_that_is_late_is_shown_beside_its_own_pair(tmp_path: Path) -> None:
    writer = BagWriter(tmp_path / "bag")
    topics = [writer.add_topic(t, "sensor_msgs/msg/Image", []) for t in (THERMAL, RGB, FUSED)]
    last = writer.add_topic(OVERLAY, "sensor_msgs/msg/Image", [])

    def write(topic: int, number: int, received: int) -> None:
        encoding = "mono8" if topic == topics[0] else "rgb8"
        shape = (4, 6) if encoding == "mono8" else (4, 6, 3)
        message = image(np.full(shape, number, np.uint8), encoding, number * 40_000_000)
        writer.write(topic, received * 40_000_000, serialize_message(message))

    for number in range(1, 200):
        for topic in topics:
            write(topic, number, number)
    for received, number in enumerate((3, 8), 200):
        write(last, number, received)
    writer.close()
    moments = list(Recording.read(tmp_path / "bag").moments({0, 1}))
    assert [moment.overlay[0, 0, 0] for moment in moments if moment.overlay is not None] == [3, 8]
    for moment, number in zip(moments, (3, 8), strict=True):
        assert (moment.rgb == number).all() and (moment.fused == number).all()
        assert moment.seconds == pytest.approx((number - 1) * 0.04)
