# SPDX-License-Identifier: Apache-2.0
"""Pairing: which thermal picture and which RGB picture show the same moment."""

from __future__ import annotations

from typing import Generic, TypeVar

from bifuse_core.streams.pairing.counters import RGB, THERMAL, Pair, PairingCounters
from bifuse_core.streams.pairing.gate import JUMP, Verdict
from bifuse_core.streams.pairing.nearest import pair_nearest
from bifuse_core.streams.pairing.relation import SlotRelation
from bifuse_core.streams.pairing.slots import pair_slots
from bifuse_core.streams.pairing.stream import Stream

T = TypeVar("T")

UPDATE = 8
"""Messages after which the relation follows the cadences."""


class StreamPairing(Generic[T]):
    """Pair two streams by the slots of their cadences, by mutual nearest stamps until both are known.

    Free-running cameras have a cadence. Jitter below half a period cannot change which slot of it
    a picture belongs to: equal slots are paired as soon as both pictures are there, and the slop
    only vetoes. The contract: right when both streams are periodic, peak jitter is below 0.45
    periods and the offset within half a period of the truth. Before the cadences are known, and for
    aperiodic triggers, the nearest stamps are paired; such pairs are not `verified`.

    Not thread-safe; call it from one thread. Nothing is called back: pairs are returned.

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
        self._streams: list[Stream[T]] = [Stream(), Stream()]
        self._relation: SlotRelation | None = None
        self._since_update = 0

    @property
    def waiting(self) -> int:
        """Number of messages that wait for a partner, or to be believed."""
        return sum(
            len(stream.waiting) + (stream.gate.suspect is not None) for stream in self._streams
        )

    def change(self, slop: int, offset: int) -> None:
        """Take other limits, in nanoseconds, without forgetting the cadences."""
        by = offset - self.offset
        self.slop, self.offset = slop, offset
        if by:
            self._streams[THERMAL].shift(by)
            self._relation = None

    def push(self, which: int, stamp: int, message: T) -> list[Pair[T]]:
        """Add one message and return the pairs that it completes, oldest first.

        Args:
            which: `THERMAL` or `RGB`.
            stamp: acquisition time in integer nanoseconds.
            message: anything; it is handed back in a `Pair`.
        """
        counters = self.counters
        counters.received[which] += 1
        if which == THERMAL:
            stamp += self.offset
        gate = self._streams[which].gate
        verdict = gate.judge(stamp, self._streams[1 - which].gate)
        if verdict is Verdict.TAKE:
            if gate.suspect:
                counters.stale += 1
                gate.suspect = None
            return self._take(which, stamp, message)
        if verdict is Verdict.JUMP:
            return self._jump(which, stamp, message)
        if verdict is Verdict.DUPLICATE:
            counters.duplicate += 1
        elif verdict is Verdict.LATE:
            counters.late += 1
        else:
            counters.stale += gate.suspect is not None
            gate.suspect = stamp, message
        return []

    def flush(self) -> list[Pair[T]]:
        """Return the pairs among the messages that wait, for the end of a recording.

        No nearer partner can come any more; what is left alone then is unmatched.
        """
        for stream in self._streams:
            stream.waiting.undecided = False
            self.counters.stale += stream.gate.suspect is not None
            stream.gate.suspect = None
        pairs = self._decided(ended=True)
        for stream in self._streams:
            self.counters.unmatched += stream.waiting.clear()
        return pairs

    def reset(self) -> None:
        """Forget all waiting messages and both cadences, as after a backward clock jump."""
        self.counters.resets += 1
        for which in (THERMAL, RGB):
            self._restart(which)

    def _restart(self, which: int) -> None:
        old, self._streams[which] = self._streams[which], Stream()
        self.counters.reset += len(old.waiting) + (old.gate.suspect is not None)
        self._relation = None

    def _take(self, which: int, stamp: int, message: T) -> list[Pair[T]]:
        """Let a message wait that is to be believed, and return what is decided then."""
        stream, counters = self._streams[which], self.counters
        gate, waiting = stream.gate, stream.waiting
        before = gate.last
        gate.believe(stamp)
        place = stream.tracker.place(stamp)
        relation = self._related()
        slot = 0
        if relation and place:
            if place.moved and waiting and waiting.stamps[-1] == before:
                waiting.slots[-1] -= 1
            waiting.undecided = False
            if place.slot is None:
                counters.collisions += 1
                return self._decided()
            slot = place.slot
            if which != relation.slower and not relation.wanted(slot):
                counters.unmatched += 1
                return self._decided()
            if place.undecided:
                waiting.undecided = True
                counters.ambiguous += 1
        elif before is not None:
            stream.gaps.add(stamp - before)
        waiting.add(stamp, slot, message)
        pairs = self._decided()
        if len(waiting) > self.capacity:
            waiting.pop()
            counters.overflow += 1
        return pairs

    def _related(self) -> SlotRelation | None:
        """Return the relation of the slots, if both cadences are known and it is sure."""
        thermal, rgb = self._streams
        if thermal.tracker.line is None or rgb.tracker.line is None:
            self._relation = None
            thermal.waiting.undecided = rgb.waiting.undecided = False
            return None
        relation = self._relation
        if relation and relation.lines != (thermal.tracker.line, rgb.tracker.line):
            relation = None
        if relation and relation.sure:
            self._since_update += 1
            if self._since_update >= UPDATE:
                self._since_update = 0
                relation.update()
            return relation
        if relation is None:
            relation = self._relation = SlotRelation((thermal.tracker, rgb.tracker))
        else:
            relation.update()
        if not relation.sure:
            return None
        for stream in self._streams:
            stream.waiting.number(stream.tracker.slot)
        return relation

    def _decided(self, *, ended: bool = False) -> list[Pair[T]]:
        thermal, rgb = self._streams
        waiting, relation = (thermal.waiting, rgb.waiting), self._relation
        if not (thermal.waiting and rgb.waiting):
            return []
        if relation and relation.sure:
            return pair_slots(waiting, relation, self.slop, self.counters, ended=ended)
        gaps = thermal.gaps, rgb.gaps
        return pair_nearest(waiting, gaps, self.slop, self.counters, ended=ended)

    def _jump(self, which: int, stamp: int, message: T) -> list[Pair[T]]:
        """Take a message far from the one before it, and the suspects that bear it out."""
        gate, other = self._streams[which].gate, self._streams[1 - which].gate
        believed = [(which, stamp, message)]
        if other.suspect and abs(other.suspect[0] - stamp) <= JUMP:
            believed.insert(0, (1 - which, *other.suspect))
            other.suspect = None
        if gate.suspect and gate.suspect[0] < stamp:
            believed.insert(0, (which, *gate.suspect))
        elif gate.suspect:
            self.counters.stale += 1
        gate.suspect = None
        if gate.last is not None and stamp < gate.last:
            if other.last is not None and abs(stamp - other.last) <= JUMP:
                self._restart(which)  # the other camera's clock has jumped before
            else:
                self.reset()
        return [pair for taken in believed for pair in self._take(*taken)]
