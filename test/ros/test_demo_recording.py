# SPDX-License-Identifier: Apache-2.0
"""What the demo finds in its bag."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from image_messages import image
from rclpy.serialization import serialize_message

from bifuse_ros.bag_writer import BagWriter
from bifuse_ros.demo.pictures import write_contact_sheet
from bifuse_ros.demo.recording import Moment, Recording
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
    recording = Recording.read(tmp_path / "bag")
    moments = list(recording.moments(recording.stamps[OVERLAY]))
    assert [moment.overlay[0, 0, 0] for moment in moments if moment.overlay is not None] == [3, 8]
    for moment, number in zip(moments, (3, 8), strict=True):
        assert (moment.rgb == number).all() and (moment.fused == number).all()
        assert moment.seconds == pytest.approx((number - 1) * 0.04)


def recorded(folder: Path, fused: list[int], overlays: list[int]) -> Recording:
    """Return a recording of 100 pairs, one a millisecond; of some there are results."""
    stamps = {
        THERMAL: list(range(0, 100_000_000, 1_000_000)),
        RGB: list(range(0, 100_000_000, 1_000_000)),
        FUSED: [number * 1_000_000 for number in fused],
        OVERLAY: [number * 1_000_000 for number in overlays],
    }
    return Recording(folder, stamps)


def test_of_each_scene_the_middle_is_chosen_with_an_overlay_where_there_is_one(
    tmp_path: Path,
) -> None:
    recording = recorded(tmp_path, [1, 10, 14, 31, 35, 70, 75, 99], [14, 75, 70])
    # Of five scenes: one with an overlay away from the middle, one without, an empty one, two
    # overlays of which the later has come first, and one with a picture at its very end.
    chosen = recording.middles(5)
    assert chosen == {0: 14_000_000, 1: 31_000_000, 3: 70_000_000, 4: 99_000_000}


def test_a_single_pair_is_one_moment(tmp_path: Path) -> None:
    recording = Recording(tmp_path, {THERMAL: [7], RGB: [7], FUSED: [7], OVERLAY: []})
    assert recording.middles(4) == {0: 7}


def test_a_moment_without_an_overlay_has_none_beside_others_with_one(tmp_path: Path) -> None:
    picture = np.zeros((6, 8, 3), np.uint8)
    seen = Moment(0.5, picture, picture, picture, picture)
    sheets = [tmp_path / "both.png", tmp_path / "one.png"]
    write_contact_sheet([seen, seen._replace(overlay=None)], sheets[0], ["day", "dusk"])
    write_contact_sheet([seen, seen], sheets[1], ["day", "dusk"])
    both, one = (cv2.imread(str(sheet)) for sheet in sheets)
    assert both is not None and one is not None
    assert both.shape == one.shape
    # The last cell of the last row stays white.
    last = both[-both.shape[0] // 4 : -10, -both.shape[1] // 5 : -10]
    assert (last == 255).all()
    assert (one[-one.shape[0] // 4 : -10, -one.shape[1] // 5 : -10] < 255).any()
