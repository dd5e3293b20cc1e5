# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks of the node make of times and counters, against references."""

from __future__ import annotations

import math
import os
import time
from mmap import mmap

import pytest
from node_counters import diagnosed
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo

from bifuse_core.bench.process_meter import cpu_seconds, resident_mebibytes
from bifuse_ros.bench.listener import Arrival
from bifuse_ros.bench.losses import Losses
from bifuse_ros.bench.measurement import Stream, rate_of
from bifuse_ros.bench.soak_run import Tally
from bifuse_ros.cdr import header_stamp


def test_cpu_time_and_memory_of_a_process() -> None:
    used, began = cpu_seconds(os.getpid()), time.process_time()
    while time.process_time() < began + 0.2:
        pass
    # To the kernel's tick.
    assert cpu_seconds(os.getpid()) - used == pytest.approx(time.process_time() - began, abs=0.05)
    before = resident_mebibytes(os.getpid())
    # Straight from the system: the heap may have kept as much of what was freed before.
    block = mmap(-1, 64 * 2**20)
    block.write(b"1" * len(block))
    assert resident_mebibytes(os.getpid()) - before == pytest.approx(64, abs=8)
    block.close()


@pytest.mark.parametrize("seconds", [0, 1_700_000_000, -3])
def test_the_stamp_of_a_serialised_message(seconds: int) -> None:
    message = CameraInfo(width=3)
    message.header.stamp.sec, message.header.stamp.nanosec = seconds, 999_999_999
    data = serialize_message(message)
    assert header_stamp(data) == seconds * 1_000_000_000 + 999_999_999
    big = b"\0\0\0\0" + seconds.to_bytes(4, "big", signed=True) + (5).to_bytes(4, "big")
    assert header_stamp(big) == seconds * 1_000_000_000 + 5


def test_a_stream_is_what_arrived_in_its_time() -> None:
    ages = [(k * 37 % 60) / 1e3 for k in range(60)]
    arrivals = [Arrival(k * 10**8, age) for k, age in enumerate(ages)]
    stream = Stream.of(arrivals, 6.0)
    assert stream.rate == pytest.approx(10)
    # By nearest rank: so many of the 60 are at most as old.
    ranks = [math.ceil(percent * 60 / 100) for percent in (50, 95, 99)]
    assert stream.ages == pytest.approx([1e3 * sorted(ages)[rank - 1] for rank in ranks])
    assert Stream.of([], 6.0) == Stream(0, None)
    tally = Tally()
    for part in (arrivals[:20], [], arrivals[20:]):
        tally.add(part)
    assert tally.count == 60
    assert tally.stream.rate == pytest.approx(10) and tally.stream.ages == stream.ages
    assert rate_of(1, 5, 5) == rate_of(0, 0, 0) == 0


@pytest.mark.parametrize(
    ("changes", "lost", "unexplained", "text"),
    [
        ({}, 0, 0, "-"),
        ({"fused": 97, "displaced": 2, "failed": 1}, 3, 0, "pairs displaced: 2, pairs failed: 1"),
        # A refused image, and the other of its pair.
        (
            {
                "fused": 99,
                "pairing paired": 99,
                "pairing received": "99 + 100",
                "thermal rejected": 1,
                "pairing unmatched": 1,
            },
            1,
            0,
            "images rejected: 1, images unmatched: 1",
        ),
        # An image that was lost on the way: nobody counts it.
        (
            {
                "fused": 99,
                "pairing paired": 99,
                "pairing received": "100 + 99",
            },
            1,
            1,
            "images waiting: 1, images that never arrived: 1",
        ),
        # Pictures of a camera that stood still, and the others of their pairs.
        (
            {
                "fused": 95,
                "pairing paired": 95,
                "pairing received": "95 + 100",
                "thermal frozen": 5,
                "pairing unmatched": 5,
            },
            5,
            0,
            "images frozen: 5, images unmatched: 5",
        ),
        # An image of a pair that was refused when it was to become an array.
        ({"fused": 99, "rgb rejected": 1}, 1, 0, "images rejected: 1"),
        # A pair that went into the worker and never came out.
        ({"fused": 99}, 1, 1, "-"),
    ],
)
def test_losses_are_explained_by_counters(
    changes: dict[str, object], lost: int, unexplained: int, text: str
) -> None:
    losses = Losses.read(100, diagnosed(**changes))
    assert (losses.lost, losses.unexplained, losses.text) == (lost, unexplained, text)
