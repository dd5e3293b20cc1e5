# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks of the node make of times, counters and memory, against references."""

from __future__ import annotations

import argparse
import math
import os
import time

import numpy as np
import pytest
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo

from bifuse_core.bench.process_meter import cpu_seconds, resident_mebibytes
from bifuse_ros.bench.cases import Case
from bifuse_ros.bench.listener import Arrival
from bifuse_ros.bench.losses import PAIRING, Losses
from bifuse_ros.bench.measurement import Stream, rate_of
from bifuse_ros.bench.soak_report import soak_report
from bifuse_ros.bench.soak_run import Memory, SoakRun, Tally
from bifuse_ros.bench.soak_trend import trend
from bifuse_ros.cdr import header_stamp


def test_cpu_time_and_memory_of_a_process() -> None:
    used, began = cpu_seconds(os.getpid()), time.process_time()
    while time.process_time() < began + 0.2:
        pass
    # To the kernel's tick.
    assert cpu_seconds(os.getpid()) - used == pytest.approx(time.process_time() - began, abs=0.05)
    before = resident_mebibytes(os.getpid())
    block = np.ones(64 * 2**20, np.uint8)
    assert resident_mebibytes(os.getpid()) - before == pytest.approx(64, abs=8)
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


@pytest.mark.parametrize(
    ("leak", "noise_level", "displaced", "missing", "reached", "failures"),
    [
        (0.0, 0.01, 0, 0, [True, True, True], 0),
        # A pair that was displaced is no fault of the node.
        (0.0, 0.01, 3, 0, [True, True, False], 0),
        (3.0, 0.01, 0, 0, [False, True, True], 1),
        # The interval holds the limit: not shown, but no failure either.
        (1.0, 2.0, 0, 0, [False, True, True], 0),
        (0.0, 0.01, 0, 1, [True, False, False], 1),
    ],
)
def test_a_soak_fails_only_where_it_is_sure(
    leak: float,
    noise_level: float,
    displaced: int,
    missing: int,
    reached: list[bool],
    failures: int,
) -> None:
    minutes = list(np.linspace(0, 10, 120))
    node = list(600 + leak * np.array(minutes) + noise(120, 0.0, 1) * noise_level)
    fused = 100 - displaced - missing
    values = {"displaced": displaced, "fused": fused, "pairing paired": 100 - missing}
    values["pairing received"] = f"{100 - missing} + 100"
    losses = Losses.read(100, diagnosed(**values))
    run = SoakRun(Memory(minutes, node, node), {}, losses, {"fuse p50 (ms)": "9.00"}, {})
    options = argparse.Namespace(minutes=10, backend="none", limit=1.0, cores=2)
    report = soak_report(Case(), run, (0, 1), options)
    assert [goal.reached for goal in report.goals] == reached
    assert all(bool(goal.reason) != goal.reached for goal in report.goals)
    assert len(report.failures) == failures
