# SPDX-License-Identifier: Apache-2.0
"""What the fusion node tells about itself, once a second."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from bifuse_core.streams.meters import LatencyMeter, RateMeter
from bifuse_core.streams.pairing import PairingCounters, PairingState
from bifuse_core.streams.presence import PresenceState
from bifuse_ros.pairing_diagnostics import pairing_advice, pairing_values
from bifuse_ros.presence_diagnostics import presence_judgement, presence_values

STAGES = ("receive", "wait", "convert", "fuse", "publish", "total", "age")
"""Stages timed by the node: check and pairing of a message; receipt of the later image to the start
of work; messages to arrays; alignment and network; publishing; receipt of the later image to
published; stamp to published."""


@dataclass
class Health:
    """Counters and meters of one fusion node since it was activated."""

    received: dict[str, RateMeter] = field(
        default_factory=lambda: {"thermal": RateMeter(), "rgb": RateMeter()}
    )
    rejected: dict[str, int] = field(default_factory=lambda: {"thermal": 0, "rgb": 0})
    frozen: dict[str, int] = field(default_factory=lambda: {"thermal": 0, "rgb": 0})
    """Pictures that were not used, since their camera gave one over and over."""
    fused: RateMeter = field(default_factory=RateMeter)
    failed: int = 0
    alone: RateMeter = field(default_factory=RateMeter)
    """Pictures of one camera that were published while there were no pairs."""
    latency: dict[str, LatencyMeter] = field(
        default_factory=lambda: {stage: LatencyMeter() for stage in STAGES}
    )
    skew: int = 0
    """Thermal minus RGB stamp of the last pair, nanoseconds."""
    stamps: dict[str, int] = field(default_factory=dict)
    """Stamp of the last message of each camera, nanoseconds."""
    reported: dict[str, int] = field(default_factory=dict)
    """Totals at the last report, by name."""

    def news(self, **totals: int) -> dict[str, int]:
        """Return how far each total has grown since the last report, and keep them."""
        grown = {name: total - self.reported.get(name, 0) for name, total in totals.items()}
        self.reported |= totals
        return grown


def idle_status(name: str) -> DiagnosticStatus:
    """Return the status of a node that is not active; `name` is its full name."""
    return DiagnosticStatus(level=DiagnosticStatus.OK, name=f"{name}: fusion", message="not active")


def fusion_status(
    name: str,
    health: Health,
    counters: PairingCounters,
    state: PairingState,
    *,
    topics: dict[str, str],
    slop: float,
    offset: float,
    facts: dict[str, Any],
    displaced: int,
    displaced_alone: int = 0,
    presence: PresenceState | None = None,
) -> DiagnosticStatus:
    """Return the status of an active node and start the next second of its rates.

    Args:
        name: full name of the node.
        health: its counters and meters.
        counters: what became of the messages in the pairing.
        state: what the pairing knows of the cadences.
        topics: resolved image topic of each camera.
        slop: largest stamp distance of a pair, seconds.
        offset: added to thermal stamps, seconds.
        facts: what does not change from second to second: network, device, checksum.
        displaced: pairs that a newer one replaced before they were fused.
        displaced_alone: pictures of one camera alone that something newer replaced.
        presence: of the cameras; None where degraded mode is turned off.
    """
    rates = {camera: meter.read() for camera, meter in health.received.items()}
    fused = health.fused.read()
    values: dict[str, Any] = {f"{camera} rate (Hz)": f"{r:.1f}" for camera, r in rates.items()}
    values["fused rate (Hz)"] = f"{fused:.1f}"
    values["fused"] = health.fused.total
    values["displaced"] = displaced
    values["failed"] = health.failed
    values["pair skew (ms)"] = f"{health.skew / 1e6:.2f}"
    values |= {f"{camera} rejected": count for camera, count in health.rejected.items()}
    values |= {f"{camera} frozen": count for camera, count in health.frozen.items()}
    values |= presence_values(presence, health.alone.total, displaced_alone) if presence else {}
    values |= {f"pairing {key}": _text(value) for key, value in asdict(counters).items()}
    values |= pairing_values(state, offset)
    values |= latency_values(health.latency)
    values |= facts
    silent = [topics[camera] for camera, rate in rates.items() if rate == 0]
    level, message = DiagnosticStatus.WARN, "no images on " + " and ".join(silent)
    if not silent:
        level, message = _judge(health, counters, state, slop, offset, displaced)
    if presence:
        why = message if level == DiagnosticStatus.WARN else ""
        level, message = presence_judgement(presence, topics, why) or (level, message)
    return DiagnosticStatus(
        level=level,
        name=f"{name}: fusion",
        message=message,
        hardware_id=str(facts.get("device", "")),
        values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
    )


def latency_values(latency: dict[str, LatencyMeter]) -> dict[str, str]:
    """Return the percentiles of all stages that were timed, in milliseconds, by name."""
    values = {}
    for stage, meter in latency.items():
        for percent, seconds in zip((50, 95, 99), meter.percentiles(50, 95, 99), strict=False):
            values[f"{stage} p{percent} (ms)"] = f"{seconds * 1e3:.2f}"
    return values


def _judge(
    health: Health,
    counters: PairingCounters,
    state: PairingState,
    slop: float,
    offset: float,
    displaced: int,
) -> tuple[bytes, str]:
    """Say how a node fares to whom both cameras speak."""
    news = health.news(
        faults=health.failed + sum(health.rejected.values()),
        fused=health.fused.total,
        paired=counters.paired,
        over_slop=counters.over_slop,
        displaced=displaced,
        repeated=counters.duplicate + counters.late,
    )
    if news["faults"]:
        return DiagnosticStatus.WARN, f"{news['faults']} unusable images lately; see the log"
    advice = pairing_advice(
        state, slop=slop, offset=offset, paired=news["paired"], over_slop=news["over_slop"]
    )
    if advice:
        return DiagnosticStatus.WARN, advice
    if news["fused"]:
        # No fault: the newest are fused. But who wonders about the rate is to find the reason here.
        slow = "; most pairs are displaced, since the machine is too slow for all"
        return DiagnosticStatus.OK, "fusing" + slow * (news["displaced"] > news["fused"])
    if news["paired"]:
        return DiagnosticStatus.WARN, "pairs come faster than the network fuses one"
    if news["repeated"]:
        return DiagnosticStatus.WARN, "stamps repeat or go back; do the drivers set them?"
    distance = abs((health.stamps["thermal"] - health.stamps["rgb"]) / 1e9 + offset)
    return DiagnosticStatus.WARN, (
        f"images arrive but do not pair: the last stamps lie {distance:.3f} s apart, "
        f"sync.slop is {slop:.3f} s; is sync.offset right?"
    )


def _text(value: Any) -> str:
    return " + ".join(str(v) for v in value) if isinstance(value, list) else str(value)
