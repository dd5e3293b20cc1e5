# SPDX-License-Identifier: Apache-2.0
"""message_filters' ApproximateTimeSynchronizer for two streams, to compare with.

The published algorithm without ROS: a message is paired at once with the nearest stamp that waits
in the other queue, if that lies within the slop; otherwise it waits, and the oldest stamp leaves a
full queue. (message_filters/__init__.py of ROS 2; a test compares both where it is installed.)
"""

from __future__ import annotations

from typing import Generic, TypeVar

from bifuse_core.streams.pairing import THERMAL, Pair

T = TypeVar("T")


class ApproximateTime(Generic[T]):
    """Pairs as message_filters does.

    Args:
        slop: largest distance of two paired stamps, in nanoseconds.
        capacity: messages that may wait per stream (`queue_size`).
    """

    def __init__(self, slop: int, capacity: int = 10) -> None:
        self._slop, self._capacity = slop, capacity
        self._queues: tuple[dict[int, T], dict[int, T]] = ({}, {})

    def push(self, which: int, stamp: int, message: T) -> list[Pair[T]]:
        """Add one message and return the pair that it completes, if any."""
        mine, others = self._queues[which], self._queues[1 - which]
        mine[stamp] = message
        while len(mine) > self._capacity:
            del mine[min(mine)]
        partner = min(others, key=lambda other: abs(other - stamp), default=None)
        if partner is None or abs(partner - stamp) >= self._slop or stamp not in mine:
            return []
        found = mine.pop(stamp), others.pop(partner)
        thermal, rgb = found if which == THERMAL else found[::-1]
        skew = stamp - partner if which == THERMAL else partner - stamp
        return [Pair(thermal, rgb, skew)]
