# SPDX-License-Identifier: Apache-2.0
"""What the fusion node tells about its detector and its segmenter, once a second."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from bifuse_core.streams.meters import LatencyMeter, RateMeter
from bifuse_ros.diagnostics import latency_values

STAGES = ("wait", "look", "publish", "overlay", "age")
"""Stages timed: fused to the start of work; network with all around it; publishing; drawing and
publishing the overlay; stamp to published."""

UNWANTED = "nobody subscribes, so nothing is computed"
"""What a sight says whose results nobody asks for."""


@dataclass
class SightHealth:
    """Counters and meters of a detector or segmenter since the node was activated."""

    done: RateMeter = field(default_factory=RateMeter)
    drawn: RateMeter = field(default_factory=RateMeter)
    failed: int = 0
    latency: dict[str, LatencyMeter] = field(
        default_factory=lambda: {stage: LatencyMeter() for stage in STAGES}
    )
    reported: int = 0
    """Failures at the last report."""


def sight_status(
    name: str, health: SightHealth, *, wanted: bool, displaced: int, facts: dict[str, str]
) -> DiagnosticStatus:
    """Return the status of one sight of an active node and start the next second of its rates.

    Args:
        name: of the node and the sight.
        health: its counters and meters.
        wanted: whether somebody subscribes to what it makes.
        displaced: pictures that newer ones replaced before it looked at them.
        facts: what does not change from second to second: network, device, checksum.
    """
    rate, failures = health.done.read(), health.failed - health.reported
    health.reported = health.failed
    values: dict[str, Any] = {
        "rate (Hz)": f"{rate:.1f}",
        "overlay rate (Hz)": f"{health.drawn.read():.1f}",
        "pictures": health.done.total,
        "displaced": displaced,
        "failed": health.failed,
        **latency_values(health.latency),
        **facts,
    }
    level, message = DiagnosticStatus.OK, "seeing" if rate else "no picture seen lately"
    if failures:
        level, message = DiagnosticStatus.WARN, f"{failures} pictures failed lately; see the log"
    elif not wanted:
        message = UNWANTED
    return DiagnosticStatus(
        level=level,
        name=name,
        message=message,
        hardware_id=facts.get("device", ""),
        values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
    )
