# SPDX-License-Identifier: Apache-2.0
"""Mutual nearest stamps: what is paired while no cadence is known, and of aperiodic triggers."""

from __future__ import annotations

from collections import deque
from typing import TypeVar

from bifuse_core.streams.pairing.counters import RGB, THERMAL, Pair, PairingCounters
from bifuse_core.streams.pairing.waiting import Waiting

T = TypeVar("T")


class Gaps:
    """The last gaps between the stamps of one camera."""

    def __init__(self) -> None:
        self._gaps: deque[int] = deque(maxlen=9)

    def add(self, gap: int) -> None:
        """Keep one, in nanoseconds."""
        self._gaps.append(gap)

    def soonest(self, slop: int) -> int:
        """Return the nanoseconds after a stamp before which the next one is taken not to come.

        Three quarters of the median gap; until there are three, the slop.
        """
        if len(self._gaps) < 3:
            return slop
        return sorted(self._gaps)[len(self._gaps) // 2] * 3 // 4 or slop


def pair_nearest(
    waiting: tuple[Waiting[T], Waiting[T]],
    gaps: tuple[Gaps, Gaps],
    slop: int,
    counters: PairingCounters,
    *,
    ended: bool = False,
) -> list[Pair[T]]:
    """Pair stamps that are each other's nearest, as soon as no nearer one can come.

    Args:
        waiting: thermal and RGB messages; those that are decided leave.
        gaps: of both cameras.
        slop: largest distance of two paired stamps, in nanoseconds.
        counters: where the messages that leave are counted.
        ended: no further message comes.
    """
    pairs: list[Pair[T]] = []
    while waiting[THERMAL] and waiting[RGB]:
        first = THERMAL if waiting[THERMAL].stamps[0] <= waiting[RGB].stamps[0] else RGB
        early, late = waiting[first], waiting[1 - first]
        nearer = _nearer_partner(early.stamps, late.stamps, slop, gaps[first])
        if nearer is None and not ended:
            break
        if nearer:
            early.pop()
            counters.unmatched += 1
            continue
        thermal_stamp, thermal = waiting[THERMAL].pop()
        rgb_stamp, rgb = waiting[RGB].pop()
        pairs.append(Pair(thermal, rgb, thermal_stamp - rgb_stamp))
        counters.paired += 1
        counters.unverified += 1
    return pairs


def _nearer_partner(early: deque[int], late: deque[int], slop: int, gaps: Gaps) -> bool | None:
    """Tell whether the first late stamp has a nearer partner than the early one; None: not known.

    What is further apart than the slop has.
    """
    distance = late[0] - early[0]
    if distance > slop:
        return True
    if len(early) > 1:
        return early[1] - late[0] < distance and late[0] - early[1] < distance
    # A camera that has fallen silent is not waited for beyond the other's next message.
    if len(late) > 1 or early[0] + gaps.soonest(slop) >= late[0] + distance:
        return False
    return None
