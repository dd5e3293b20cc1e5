# SPDX-License-Identifier: Apache-2.0
"""What pairing hands out: pairs, and what became of every message."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

THERMAL, RGB = 0, 1
"""The two streams."""


@dataclass(frozen=True)
class Pair(Generic[T]):
    """Two messages of one moment.

    Attributes:
        thermal: the thermal message.
        rgb: the RGB message.
        skew: thermal stamp (with the offset added) minus RGB stamp, in nanoseconds.
        verified: both cadences were known and say so; otherwise the stamps are merely nearest.
    """

    thermal: T
    rgb: T
    skew: int
    verified: bool = False


@dataclass
class PairingCounters:
    """What became of the messages.

    Each received one waits or is in exactly one of: a pair (`paired` counts pairs, two messages
    each), unmatched, over_slop, collisions, late, duplicate, stale, overflow, reset. The others
    tell more about these.

    Attributes:
        received: messages per stream (thermal, RGB).
        paired: pairs, which is messages per stream that left in one.
        unverified: of these pairs, those of nearest stamps, while no cadence was known.
        substitutions: of these pairs, those with the neighbour of a dropped fast message.
        unmatched: the other camera has no message of that moment.
        over_slop: of one moment by both cadences, but with stamps further apart than the slop.
        collisions: no slot of the cadence was free.
        ambiguous: waited for the next message of their stream before they got their slot.
        late: stamp before that of an earlier message of its stream.
        duplicate: stamp equal to that of the message before.
        stale: one stamp alone far from all others.
        overflow: pushed out of a full queue, because the other camera is silent.
        reset: discarded while waiting, because a clock jumped back.
        resets: number of backward clock jumps.
    """

    received: list[int] = field(default_factory=lambda: [0, 0])
    paired: int = 0
    unverified: int = 0
    substitutions: int = 0
    unmatched: int = 0
    over_slop: int = 0
    collisions: int = 0
    ambiguous: int = 0
    late: int = 0
    duplicate: int = 0
    stale: int = 0
    overflow: int = 0
    reset: int = 0
    resets: int = 0
