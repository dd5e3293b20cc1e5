# SPDX-License-Identifier: Apache-2.0
"""One case, measured: rates, ages, CPU time, memory, and what became of every pair."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bifuse_core.bench.process_meter import cpu_seconds, resident_mebibytes
from bifuse_core.streams.meters import LatencyMeter
from bifuse_ros.bench.cases import Case
from bifuse_ros.bench.chain import Chain, running
from bifuse_ros.bench.listener import Arrival
from bifuse_ros.bench.losses import Losses

WARM_UP = 3.0
"""Seconds before what is measured: until then memory fills and caches warm."""
REPORTS_APART = 1.0
"""Seconds between two diagnostics of the node."""


@dataclass(frozen=True)
class Stream:
    """Messages of one topic that arrived in the measured time.

    Attributes:
        rate: messages per second.
        ages: 50th, 95th and 99th percentile of stamp to receipt, ms, by nearest rank; None where
            nothing came.
    """

    rate: float
    ages: tuple[float, float, float] | None

    @classmethod
    def of(cls, arrivals: Sequence[Arrival], seconds: float) -> Stream:
        """Take what arrived in so many seconds."""
        ages = LatencyMeter(max(1, len(arrivals)))
        for arrival in arrivals:
            ages.add(arrival.age)
        return cls(len(arrivals) / seconds, percentiles(ages))


@dataclass(frozen=True)
class Measurement:
    """What one case has shown.

    Attributes:
        cameras: pairs per second that were published.
        node_rate: pairs per second that the node fused and published.
        fused, detections, masks: what the listener heard.
        node_cpu: CPU time of the node's process a second.
        camera_cpu: the same of the cameras.
        memory: of the node at start and end of the measured time, MiB.
        losses: of the whole run, from the first image to the last.
        values: the node's last diagnostics of the fusion.
        sights: the same of detector and segmenter, by name.
    """

    cameras: float
    node_rate: float
    fused: Stream
    detections: Stream
    masks: Stream
    node_cpu: float
    camera_cpu: float
    memory: tuple[float, float]
    losses: Losses
    values: dict[str, str]
    sights: dict[str, dict[str, str]]

    @property
    def node_milliseconds(self) -> float | None:
        """CPU time of the node for each pair that it fused; None where there was none."""
        return 1e3 * self.node_cpu / self.node_rate if self.node_rate else None

    @property
    def camera_milliseconds(self) -> float | None:
        """CPU time of the cameras for each published pair; None where there was none."""
        return 1e3 * self.camera_cpu / self.cameras if self.cameras else None


@dataclass(frozen=True)
class Result:
    """What is known of one case after it was run, or could not be.

    Attributes:
        case: what was run.
        measured: None where it failed.
        engine: CPU time of the engine alone for a pair, milliseconds; None where not measured.
        note: why it failed, or what was lost.
    """

    case: Case
    measured: Measurement | None
    engine: float | None
    note: str

    @property
    def overhead(self) -> float | None:
        """CPU time of the node for a pair beside the engine, milliseconds."""
        spent = self.measured.node_milliseconds if self.measured else None
        return None if spent is None or self.engine is None else spent - self.engine


@dataclass(frozen=True)
class _Moment:
    """Where both processes stand: seconds of the monotonic clock and of CPU time, pairs, MiB."""

    time: float
    node_cpu: float
    camera_cpu: float
    fused: int
    memory: float

    @classmethod
    def of(cls, chain: Chain) -> _Moment:
        """Wait until the node tells how many pairs it has fused, and look at the rest then."""
        chain.next_report()
        node = chain.node.pid
        return cls(
            time.monotonic(),
            cpu_seconds(node),
            cpu_seconds(chain.cameras.pid),
            int(chain.listener.values["fused"]),
            resident_mebibytes(node),
        )


def percentiles(ages: LatencyMeter) -> tuple[float, float, float] | None:
    """Return the 50th, 95th and 99th percentile in milliseconds; None of nothing."""
    found = [1e3 * seconds for seconds in ages.percentiles(50, 95, 99)]
    return (found[0], found[1], found[2]) if found else None


def rate_of(count: int, first: int, last: int) -> float:
    """Return so many messages per second from the first stamp to the last (ns); 0 below two."""
    return (count - 1) / ((last - first) / 1e9) if count > 1 and last > first else 0.0


def measure_case(
    case: Case, pictures: Path, folder: Path, domain: int, seconds: float, warm_up: float = WARM_UP
) -> Measurement:
    """Run a case, and measure it for some seconds after its warm-up.

    Args:
        case: what is run.
        pictures: folder of the pairs that the cameras play.
        folder: for logs and parameter files.
        domain: ROS domain.
        seconds: length of the measurement, which ends with the next report of the node.
        warm_up: seconds before it.

    Raises:
        NodeError: the nodes do not do what they should; the message says what.
    """
    # A little longer than is measured, so that the end is not measured too.
    count = round((warm_up + seconds + 2 * REPORTS_APART + 0.5) * case.rate)
    with running(case, pictures, folder, domain, count) as chain:
        chain.start_cameras()
        chain.spin(warm_up)
        start = _Moment.of(chain)
        chain.listener.take()
        chain.spin(seconds)
        end = _Moment.of(chain)
        heard = chain.listener.take()
        losses = chain.finish()
    lasted, stamps = end.time - start.time, [arrival.stamp for arrival in heard["rgb"]]
    return Measurement(
        cameras=rate_of(len(stamps), stamps[0], stamps[-1]) if stamps else 0.0,
        node_rate=(end.fused - start.fused) / lasted,
        fused=Stream.of(heard["fused"], lasted),
        detections=Stream.of(heard["detections"], lasted),
        masks=Stream.of(heard["masks"], lasted),
        node_cpu=(end.node_cpu - start.node_cpu) / lasted,
        camera_cpu=(end.camera_cpu - start.camera_cpu) / lasted,
        memory=(start.memory, end.memory),
        losses=losses,
        values=chain.listener.values,
        sights=chain.listener.sights,
    )
