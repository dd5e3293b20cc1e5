# SPDX-License-Identifier: Apache-2.0
"""One case, measured: rates, ages, CPU time, memory, and what became of every pair."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bifuse_ros.bench.cases import Case
from bifuse_ros.bench.chain import running
from bifuse_ros.bench.listener import Arrival
from bifuse_ros.bench.losses import Losses
from bifuse_ros.bench.process_meter import cpu_seconds, resident_megabytes

WARM_UP = 3.0
"""Seconds before what is measured: until then memory fills and caches warm."""


@dataclass(frozen=True)
class Stream:
    """Messages of one topic that arrived in the measured time.

    Attributes:
        rate: messages per second.
        ages: 50th, 95th and 99th percentile of stamp to receipt, ms; None where nothing came.
    """

    rate: float
    ages: tuple[float, float, float] | None

    @classmethod
    def of(cls, arrivals: Sequence[Arrival], start: int, end: int) -> Stream:
        """Take those received from `start` to `end`, nanoseconds."""
        ages = [arrival.age for arrival in arrivals if start <= arrival.received < end]
        return cls(len(ages) / ((end - start) / 1e9), percentiles(ages))


@dataclass(frozen=True)
class Measurement:
    """What one case has shown.

    Attributes:
        cameras: pairs per second that were published.
        fused, detections, masks: what the listener heard.
        node_cpu: CPU time of the node's process a second.
        camera_cpu: the same of the cameras.
        memory: of the node at start and end of the measured time, MB.
        losses: of the whole run, from the first image to the last.
        values: the node's last diagnostics.
    """

    cameras: float
    fused: Stream
    detections: Stream
    masks: Stream
    node_cpu: float
    camera_cpu: float
    memory: tuple[float, float]
    losses: Losses
    values: dict[str, str]

    @property
    def milliseconds(self) -> float | None:
        """CPU time of the node for each fused pair; None where there was none."""
        return 1e3 * self.node_cpu / self.fused.rate if self.fused.rate else None

    @property
    def camera_milliseconds(self) -> float | None:
        """CPU time of the cameras for each published pair; None where there was none."""
        return 1e3 * self.camera_cpu / self.cameras if self.cameras else None


def percentiles(ages: Sequence[float]) -> tuple[float, float, float] | None:
    """Return the 50th, 95th and 99th percentile, linearly interpolated; None of nothing."""
    if not ages:
        return None
    p50, p95, p99 = np.percentile(ages, (50, 95, 99))
    return float(p50), float(p95), float(p99)


def rate_of(arrivals: Sequence[Arrival]) -> float:
    """Return messages per second by their stamps, 0 of fewer than two."""
    if len(arrivals) < 2:
        return 0.0
    return (len(arrivals) - 1) / ((arrivals[-1].stamp - arrivals[0].stamp) / 1e9)


def measure_case(
    case: Case, pictures: Path, folder: Path, domain: int, seconds: float, warm_up: float = WARM_UP
) -> Measurement:
    """Run a case, and measure it for some seconds after its warm-up.

    Args:
        case: what is run.
        pictures: folder of the pairs that the cameras play.
        folder: for logs and parameter files.
        domain: ROS domain.
        seconds: length of the measurement.
        warm_up: seconds before it.

    Raises:
        NodeError: the nodes do not do what they should; the message says what.
    """
    # A little longer than is measured, so that the end is not measured too.
    count = round((warm_up + seconds + 0.5) * case.rate)
    with running(case, pictures, folder, domain, count) as chain:
        node, cameras = chain.node.pid, chain.cameras.pid
        chain.start_cameras()
        chain.spin(warm_up)
        start, used = time.time_ns(), (cpu_seconds(node), cpu_seconds(cameras))
        before = resident_megabytes(node)
        chain.spin(seconds)
        end, used_then = time.time_ns(), (cpu_seconds(node), cpu_seconds(cameras))
        after = resident_megabytes(node)
        losses = chain.finish()
    arrivals = chain.listener.arrivals
    node_cpu, camera_cpu = (
        (then - first) / ((end - start) / 1e9) for first, then in zip(used, used_then, strict=True)
    )
    return Measurement(
        cameras=rate_of(arrivals["rgb"]),
        fused=Stream.of(arrivals["fused"], start, end),
        detections=Stream.of(arrivals["detections"], start, end),
        masks=Stream.of(arrivals["masks"], start, end),
        node_cpu=node_cpu,
        camera_cpu=camera_cpu,
        memory=(before, after),
        losses=losses,
        values=chain.listener.values,
    )
