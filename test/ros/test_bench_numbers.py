# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks of the node make of times, counters and memory, against references."""

from __future__ import annotations

import os
import time
from statistics import quantiles

import numpy as np
import pytest
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo

from bifuse_ros.bench.listener import Arrival
from bifuse_ros.bench.losses import PAIRING, Losses
from bifuse_ros.bench.measurement import Stream, percentiles
from bifuse_ros.bench.process_meter import cpu_seconds, resident_megabytes
from bifuse_ros.bench.trend import trend
from bifuse_ros.cdr import header_stamp


def test_cpu_time_and_memory_of_a_process() -> None:
    used, began = cpu_seconds(os.getpid()), time.process_time()
    while time.process_time() < began + 0.2:
        pass
    # To the kernel's tick.
    assert cpu_seconds(os.getpid()) - used == pytest.approx(time.process_time() - began, abs=0.05)
    before = resident_megabytes(os.getpid())
    block = np.ones(64 * 2**20, np.uint8)
    assert resident_megabytes(os.getpid()) - before == pytest.approx(64, abs=8)
    assert block[-1] == 1


@pytest.mark.parametrize("seconds", [0, 1_700_000_000, -3])
def test_the_stamp_of_a_serialised_message(seconds: int) -> None:
    message = CameraInfo(width=3)
    message.header.stamp.sec, message.header.stamp.nanosec = seconds, 999_999_999
    data = serialize_message(message)
    assert header_stamp(data) == seconds * 1_000_000_000 + 999_999_999
    big = b"\0\0\0\0" + seconds.to_bytes(4, "big", signed=True) + (5).to_bytes(4, "big")
    assert header_stamp(big) == seconds * 1_000_000_000 + 5


def test_a_stream_is_what_arrived_in_its_time() -> None:
    arrivals = [Arrival(stamp=k * 10**8 - (k % 7) * 10**6, received=k * 10**8) for k in range(101)]
    stream = Stream.of(arrivals, 2 * 10**9, 8 * 10**9)
    assert stream.rate == pytest.approx(10)
    cuts = quantiles([float(k % 7) for k in range(20, 80)], n=100, method="inclusive")
    assert stream.ages == pytest.approx((cuts[49], cuts[94], cuts[98]))
    assert Stream.of(arrivals, 11 * 10**9, 12 * 10**9) == Stream(0, None)
    assert percentiles([]) is None


def diagnosed(**changes: object) -> dict[str, str]:
    """Return diagnostics of a node that lost nothing of 100 pairs, but for the changes."""
    names = {f"pairing {name}": 0 for name in PAIRING}
    values = {"fused": 100, "displaced": 0, "failed": 0, "pairing received": "100 + 100"}
    values |= {"thermal rejected": 0, "rgb rejected": 0, "pairing paired": 100, **names}
    return {name: str(value) for name, value in (values | changes).items()}


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
        # A pair that went into the worker and never came out.
        ({"fused": 99}, 1, 1, "-"),
    ],
)
def test_losses_are_explained_by_counters(
    changes: dict[str, object], lost: int, unexplained: int, text: str
) -> None:
    losses = Losses.read(100, diagnosed(**changes))
    assert (losses.lost, losses.unexplained, losses.text) == (lost, unexplained, text)


def noise(count: int, correlation: float, seed: int) -> np.ndarray:
    random, values = np.random.default_rng(seed), [0.0]
    for _ in range(count - 1):
        values.append(correlation * values[-1] + random.normal())
    return np.array(values)


def test_a_trend_is_the_line_of_least_squares() -> None:
    times = np.linspace(0, 10, 120)
    values = 700 + 2.5 * times + noise(120, 0.0, seed=1)
    found = trend(list(times), list(values))
    assert found is not None
    (slope, _), covariance = np.polyfit(times, values, 1, cov=True)
    assert found.slope == pytest.approx(slope)
    # As of independent errors, since these are.
    assert found.error == pytest.approx(1.96 * covariance[0, 0] ** 0.5, rel=0.3)
    assert trend([1, 2, 3], [1, 2, 3]) is None
    exact = trend([0, 1, 2, 3, 4], [5.0] * 5)
    assert exact is not None and exact == (0, 0)


def test_memory_that_wanders_is_told_from_a_leak() -> None:
    times = np.linspace(0, 8, 96)

    def grows(leak: float, seed: int) -> bool:
        found = trend(list(times), list(600 + leak * times + noise(96, 0.8, seed)))
        assert found is not None
        return found.least > 0

    assert sum(grows(0.0, seed) for seed in range(100)) <= 12
    assert sum(grows(3.0, seed) for seed in range(100)) >= 95
