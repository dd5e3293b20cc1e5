# SPDX-License-Identifier: Apache-2.0
"""Pairing: which thermal picture and which RGB picture show the same moment."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

THERMAL, RGB = 0, 1
"""The two streams."""

BACKWARD_JUMP = 500_000_000
"""A stamp this many nanoseconds before its predecessor is a clock reset, not a late message."""


@dataclass(frozen=True)
class Pair(Generic[T]):
    """Two messages of one moment.

    Attributes:
        thermal: the thermal message.
        rgb: the RGB message.
        skew: thermal stamp (with the offset added) minus RGB stamp, in nanoseconds.
    """

    thermal: T
    rgb: T
    skew: int


@dataclass
class PairingCounters:
    """What became of the messages; each received one ends in exactly one counter, or waits.

    Attributes:
        received: messages per stream (thermal, RGB).
        paired: messages per stream that left in a pair.
        unmatched: no partner within the slop.
        late: stamp before that of an earlier message of its stream.
        duplicate: stamp equal to that of the message before.
        overflow: pushed out of a full queue, because the other camera is silent.
        reset: discarded while waiting, because a clock jumped back.
        resets: number of backward clock jumps.
    """

    received: list[int] = field(default_factory=lambda: [0, 0])
    paired: int = 0
    unmatched: int = 0
    late: int = 0
    duplicate: int = 0
    overflow: int = 0
    reset: int = 0
    resets: int = 0


@dataclass
class _Stream(Generic[T]):
    waiting: deque[tuple[int, T]] = field(default_factory=deque)
    last: int | None = None
    gaps: deque[int] = field(default_factory=lambda: deque(maxlen=9))

    def period(self) -> int:
        """Return the median gap in nanoseconds, 0 until there are three."""
        return sorted(self.gaps)[len(self.gaps) // 2] if len(self.gaps) >= 3 else 0


class StreamPairing(Generic[T]):
    """Pair two streams by mutual nearest stamps, as soon as no nearer partner can come.

    A message waits for its stream's next one only while that could still be the nearer partner:
    when the stream's cadence rules it out, the pair leaves at once. Not thread-safe; call it from
    one thread. Nothing is called back: pairs are returned.

    Args:
        slop: largest distance of two paired stamps, in nanoseconds.
        offset: nanoseconds added to every thermal stamp, for a known constant delay.
        capacity: messages that may wait per stream.

    Raises:
        ValueError: slop is negative or capacity below 2.
    """

    def __init__(self, slop: int, *, offset: int = 0, capacity: int = 10) -> None:
        if slop < 0 or capacity < 2:
            raise ValueError(f"slop is {slop} (0 or more), capacity {capacity} (2 or more)")
        self.slop, self.offset, self.capacity = slop, offset, capacity
        self.counters = PairingCounters()
        self._streams: tuple[_Stream[T], _Stream[T]] = (_Stream(), _Stream())

    @property
    def waiting(self) -> int:
        """Number of messages that wait for a partner."""
        return sum(len(stream.waiting) for stream in self._streams)

    def push(self, which: int, stamp: int, message: T) -> list[Pair[T]]:
        """Add one message and return the pairs that it completes, oldest first.

        Args:
            which: `THERMAL` or `RGB`.
            stamp: acquisition time in integer nanoseconds.
            message: anything; it is handed back in a `Pair`.
        """
        counters, stream = self.counters, self._streams[which]
        counters.received[which] += 1
        if which == THERMAL:
            stamp += self.offset
        if stream.last is not None and stamp <= stream.last:
            if stamp == stream.last:
                counters.duplicate += 1
                return []
            if stream.last - stamp < BACKWARD_JUMP:
                counters.late += 1
                return []
            self.reset()
            stream = self._streams[which]
        if stream.last is not None:
            stream.gaps.append(stamp - stream.last)
        stream.last = stamp
        stream.waiting.append((stamp, message))
        pairs = self._decided()
        if len(stream.waiting) > self.capacity:
            stream.waiting.popleft()
            counters.overflow += 1
        return pairs

    def flush(self) -> list[Pair[T]]:
        """Return the pairs among the messages that wait, for the end of a recording.

        No nearer partner can come any more; what is left alone then is unmatched.
        """
        pairs = self._decided(ended=True)
        for stream in self._streams:
            self.counters.unmatched += len(stream.waiting)
            stream.waiting.clear()
        return pairs

    def reset(self) -> None:
        """Forget all waiting messages and both cadences, as after a backward clock jump."""
        self.counters.resets += 1
        self.counters.reset += self.waiting
        self._streams = (_Stream(), _Stream())

    def _decided(self, *, ended: bool = False) -> list[Pair[T]]:
        thermal, rgb = self._streams
        pairs: list[Pair[T]] = []
        while thermal.waiting and rgb.waiting:
            early, late = thermal, rgb
            if rgb.waiting[0][0] < thermal.waiting[0][0]:
                early, late = rgb, thermal
            distance = late.waiting[0][0] - early.waiting[0][0]
            nearer = self._nearer_partner(early, late, distance)
            if nearer is None and not ended:
                break
            if distance > self.slop or nearer:
                early.waiting.popleft()
                self.counters.unmatched += 1
                continue
            thermal_stamp, thermal_message = thermal.waiting.popleft()
            rgb_stamp, rgb_message = rgb.waiting.popleft()
            pairs.append(Pair(thermal_message, rgb_message, thermal_stamp - rgb_stamp))
            self.counters.paired += 1
        return pairs

    def _nearer_partner(self, early: _Stream[T], late: _Stream[T], distance: int) -> bool | None:
        """Tell whether the late head has a nearer partner than the early one; None: not known."""
        if distance > self.slop:
            return True
        head, late_stamp = early.waiting[0][0], late.waiting[0][0]
        if len(early.waiting) > 1:
            return abs(early.waiting[1][0] - late_stamp) < distance
        # The next early message comes three quarters of a period later or more; until the period
        # is known, it is taken not to come within the slop. A stream that has fallen silent is not
        # waited for beyond the other's next message.
        soonest = early.period() * 3 // 4 or self.slop
        if head + soonest >= late_stamp + distance or len(late.waiting) > 1:
            return False
        return None
