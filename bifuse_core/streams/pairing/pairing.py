# SPDX-License-Identifier: Apache-2.0
"""Pairing: which thermal picture and which RGB picture show the same moment."""

from __future__ import annotations

from typing import Generic, TypeVar

from bifuse_core.streams.pairing.cadence import Place
from bifuse_core.streams.pairing.counters import RGB, THERMAL, Pair, PairingCounters
from bifuse_core.streams.pairing.gate import JUMP, Verdict
from bifuse_core.streams.pairing.nearest import pair_nearest
from bifuse_core.streams.pairing.relation import SlotRelation
from bifuse_core.streams.pairing.slots import pair_slots
from bifuse_core.streams.pairing.state import PairingState, state_of
from bifuse_core.streams.pairing.stream import Stream

T = TypeVar("T")

UPDATE = 8
"""Messages after which the relation follows the cadences."""

LONGEST_DOUBT = 2
"""Messages of one camera that may wait for the slot of one of the other."""


class StreamPairing(Generic[T]):
    """Pair two streams by the slots of their cadences, and by nearest stamps until both are known.

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
        self._sure = False
        self._since_update = 0
        self._distance = float(slop)

    @property
    def waiting(self) -> int:
        """Number of messages that wait for a partner, or to be believed."""
        return sum(
            len(stream.waiting) + (stream.gate.suspect is not None) for stream in self._streams
        )

    @property
    def state(self) -> PairingState:
        """How well the streams are understood."""
        thermal, rgb = self._streams
        return state_of((thermal.tracker, rgb.tracker), self._relation)

    def change(self, slop: int, offset: int) -> None:
        """Take other limits, in nanoseconds, without forgetting the cadences."""
        by = offset - self.offset
        self.slop, self.offset = slop, offset
        if by:
            self._streams[THERMAL].shift(by)
            self._relation, self._sure = None, False

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
        self._relation, self._sure = None, False

    def _take(self, which: int, stamp: int, message: T) -> list[Pair[T]]:
        """Let a message wait that is to be believed, and return what is decided then."""
        stream, other = self._streams[which], self._streams[1 - which]
        gate, waiting = stream.gate, stream.waiting
        before = gate.last
        gate.believe(stamp)
        place = stream.tracker.place(stamp)
        relation = self._related()
        if relation is None or place is None:
            if before is not None:
                stream.gaps.add(stamp - before)
            waiting.add(stamp, 0, message)
        else:
            if place.moved and waiting and waiting.stamps[-1] == before:
                waiting.slots[-1] -= 1
            waiting.undecided = False
            self._wait_in_slot(which, place, stamp, message, relation)
        if len(waiting) > LONGEST_DOUBT:
            other.waiting.undecided = False
        pairs = self._decided()
        for pair in pairs:
            self._distance += (abs(pair.skew) - self._distance) / 32
        if len(waiting) > self.capacity:
            waiting.pop()
            self.counters.overflow += 1
        return pairs

    def _wait_in_slot(
        self, which: int, place: Place, stamp: int, message: T, relation: SlotRelation
    ) -> None:
        waiting = self._streams[which].waiting
        if place.slot is None:
            self.counters.collisions += 1
        elif which != relation.slower and not relation.wanted(place.slot):
            self.counters.unmatched += 1
        else:
            waiting.add(stamp, place.slot, message)
            waiting.undecided = place.undecided
            self.counters.ambiguous += place.undecided

    def _related(self) -> SlotRelation | None:
        """Return the relation of the slots, if both cadences are known and it is sure."""
        thermal, rgb = (stream.tracker for stream in self._streams)
        relation = self._relation
        if thermal.line is None or rgb.line is None:
            relation = None
        elif relation is None or relation.lines != (thermal.line, rgb.line):
            relation = SlotRelation((thermal, rgb), self._distance)
        else:
            self._since_update += 1
            if self._since_update >= UPDATE:
                self._since_update = 0
                relation.update(self._distance)
        sure = relation is not None and relation.sure
        if sure != self._sure or relation is not self._relation:
            self._relation, self._sure = relation, sure
            for stream in self._streams:
                stream.waiting.undecided = False
                if sure:
                    stream.waiting.number(stream.tracker.slot)
        return relation if sure else None

    def _decided(self, *, ended: bool = False) -> list[Pair[T]]:
        thermal, rgb = self._streams
        waiting = thermal.waiting, rgb.waiting
        if not (thermal.waiting and rgb.waiting):
            return []
        if self._relation and self._sure:
            return pair_slots(waiting, self._relation, self.slop, self.counters, ended=ended)
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
