# SPDX-License-Identifier: Apache-2.0
"""What the fusion node tells about cameras that are missing, and what it makes of the others."""

from __future__ import annotations

from diagnostic_msgs.msg import DiagnosticStatus

from bifuse_core.streams.presence import Mode, PresenceState
from bifuse_core.streams.usability import PAIR


def presence_values(presence: PresenceState, shown: int, displaced: int) -> dict[str, str]:
    """Return what results are made of, and what became of pictures of one camera alone, by name.

    Args:
        presence: of the cameras.
        shown: such pictures that were published.
        displaced: such pictures that something newer replaced before.
    """
    return {
        "source": presence.mode.value,
        "alone": str(shown),
        "alone displaced": str(displaced),
    }


def presence_judgement(
    presence: PresenceState, topics: dict[str, str], unpaired: str
) -> tuple[bytes, str] | None:
    """Return level and message of a node that has to do without pairs; None where it has them.

    Args:
        presence: of the cameras.
        topics: resolved image topic of the thermal and the RGB camera.
        unpaired: why the pictures of both do not pair; empty where that is not known.
    """
    camera_topics = topics["thermal"], topics["rgb"]
    if presence.mode is Mode.PAIRS:
        if all(presence.frozen):
            pictures = " and ".join(camera_topics)
            return DiagnosticStatus.WARN, f"the pictures on {pictures} are still, every byte"
        return None
    silent = {
        topic: seconds
        for topic, seconds in zip(camera_topics, presence.silent, strict=True)
        if seconds is not None
    }
    frozen = [
        topic
        for topic, is_frozen in zip(camera_topics, presence.frozen, strict=True)
        if is_frozen and topic not in silent
    ]
    if len(frozen) == len(camera_topics):
        frozen = []  # still pictures of both are used
    gone = {*silent, *frozen}
    refused = {
        topic: why
        for topic, why in zip(camera_topics, presence.refused, strict=True)
        if why and topic in silent
    }
    unheard = {topic: seconds for topic, seconds in silent.items() if topic not in refused}
    faults = {t: why for t, why in zip(camera_topics, presence.faults, strict=False) if why}
    reasons = []
    if unheard:
        reasons.append(f"no images on {' and '.join(unheard)} for {min(unheard.values()):.1f} s")
    reasons += [f"the images on {topic} are refused ({why})" for topic, why in refused.items()]
    if frozen:
        reasons.append(f"the picture on {' and '.join(frozen)} is frozen")
    reasons += [
        f"the pictures on {topic} cannot be used ({why})"
        for topic, why in faults.items()
        if topic not in gone
    ]
    if presence.mode is Mode.NOTHING:
        return DiagnosticStatus.ERROR, ", ".join(reasons)
    if not reasons and presence.faults[PAIR]:
        reasons.append(f"pairs cannot be fused ({presence.faults[PAIR]})")
    if not reasons:
        why = f": {unpaired}" if unpaired else ""
        reasons.append(f"no pair for {presence.unpaired:.1f} s{why}")
    return DiagnosticStatus.WARN, f"{presence.mode.value} alone: {', '.join(reasons)}"
