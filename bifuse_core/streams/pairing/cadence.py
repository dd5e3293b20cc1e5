# SPDX-License-Identifier: Apache-2.0
"""The cadence of one camera: which of its slots each stamp belongs to."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from bifuse_core.streams.pairing.line import Line
from bifuse_core.streams.pairing.lock import (
    LARGEST_RMS,
    LEAST,
    MOST,
    Cadence,
    cadence_of,
    find_cadence,
)

SILENCE = 16
"""Slots without a message after which a camera may come back with another phase."""

GAIN = 1.0
"""By how much another cadence must cost less to take the place of the one that was found."""

FARTHEST = 0.65
"""Residual, in periods, up to which a stamp may be moved into a free neighbouring slot."""


class Place(NamedTuple):
    """Where a stamp belongs.

    Attributes:
        slot: its slot; None: no slot is free for it.
        undecided: the next message may move it one slot down.
        moved: the stamp before moves one slot down.
    """

    slot: int | None
    undecided: bool = False
    moved: bool = False


class SlotTracker:
    """Gives each stamp of one camera the number of its slot, once its cadence is known.

    Jitter below half a period cannot change which slot of the cadence a picture belongs to.

    Attributes:
        line: of the cadence; None while none is known.
    """

    line: Line | None
    _recent: deque[int]
    _stamp: int
    _slot: int
    _before: int
    _residual: float
    _clashes: float
    _count: int
    _next: int

    def __init__(self) -> None:
        self._forget()

    def place(self, stamp: int) -> Place | None:
        """Take in the next stamp and return its slot; None while no cadence is known.

        Args:
            stamp: integer nanoseconds, after all before.
        """
        line = self.line
        if line is None or stamp - self._stamp > SILENCE * line.period:
            return self._search(stamp)
        position = (stamp - line.origin) / line.period
        nearest = round(position)
        residual = position - nearest
        slot, last = nearest + line.anchor, self._slot
        moved = undecided = False
        self._stamp = stamp
        if slot <= last:
            residual += slot - last
            earlier = self._residual
            up, down = residual - 1, earlier + 1
            free = self._before < last - 1 and down < FARTHEST and residual > -FARTHEST
            if free and down * down + residual * residual < earlier * earlier + up * up:
                line.move_last(-1)
                moved, slot = True, last
            elif up > -FARTHEST:
                slot, residual = last + 1, up
            else:
                return self._collision()
        elif residual < self._doubtful and slot - 1 > last:
            undecided = True
        self._before = last - 1 if moved else last
        self._slot, self._residual = slot, residual
        line.add(slot, stamp)
        self._recent.append(stamp)
        self._watch(residual, slot - last)
        if self.line is not line:
            # Slots are counted anew, or not at all.
            return Place(self._slot) if self.line else None
        return Place(slot, undecided, moved)

    def position(self, stamp: int) -> float:
        """Return a time in slots of this camera; its cadence must be known."""
        assert self.line is not None
        return (stamp - self.line.origin) / self.line.period + self.line.anchor

    def slot(self, stamp: int) -> int:
        """Return the slot whose time is nearest; the cadence must be known."""
        return round(self.position(stamp))

    def time(self, slot: int) -> int:
        """Return when a slot of this camera is, in nanoseconds; its cadence must be known."""
        assert self.line is not None
        return self.line.origin + round((slot - self.line.anchor) * self.line.period)

    def shift(self, by: int) -> None:
        """Add nanoseconds to all that is known of this camera."""
        self._recent = deque((stamp + by for stamp in self._recent), MOST)
        self._stamp += by
        if self.line:
            self.line.shift(by)

    def _watch(self, residual: float, step: int) -> None:
        """Refit from time to time; give up a cadence that no longer holds."""
        line = self.line
        assert line is not None
        self._trend += (residual - self._trend) / 8
        self._pace += (step - self._pace) / 8
        self._clashes *= 31 / 32
        self._since += 1
        self._count += 1
        if self._since >= self._interval:
            self._refit(line)
            if line.rms > self._largest_rms:
                self._search_again(otherwise_forget=True)
                return
        if self._count == self._next:
            self._search_again(otherwise_forget=False)
            return
        if abs(self._trend) > self._largest_trend:
            if abs(self._trend) > 1.5 * self._largest_trend or len(line) <= LEAST:
                self._forget()
                return
            # A drift: what is long past misleads.
            line.shorten(max(len(line) // 2, LEAST))
            self._refit(line)
        if self._pace > 1.6:
            self._forget()

    def _refit(self, line: Line) -> None:
        line.fit()
        line.shorten(line.capacity)
        self._since, self._interval = 0, min(max(len(line) // 8, 1), 8)
        self._doubtful = min(4 * line.uncertainty, 0.2) - 0.5
        self._largest_trend = max(0.1, 1.3 * line.rms)

    def _collision(self) -> Place:
        self._clashes += 1
        if self._clashes > 2.5:
            self._search_again(otherwise_forget=True)
            self._clashes = 0.0
        return Place(None)

    def _search(self, stamp: int) -> Place | None:
        if self.line is not None or (self._recent and self._gap_ends(stamp)):
            self._forget()
        self._recent.append(stamp)
        self._count += 1
        if self._count < self._next:
            return None
        # Ever more rarely where there is none.
        few = self._count < 2 * MOST
        self._next = self._count + (max(self._count // 3, 2) if few else min(self._count, 512))
        found = find_cadence(self._recent)
        return self._lock(found) if found else None

    def _search_again(self, *, otherwise_forget: bool) -> None:
        """Check the cadence: that of few noisy stamps may be a little, or quite, another one."""
        found = find_cadence(self._recent)
        assert self.line
        if found and self._dearer(self.line, found):
            self._lock(found)
        elif found or not otherwise_forget:
            self._expect(self.line.rms)
        else:
            self._forget()

    def _dearer(self, line: Line, found: Cadence) -> bool:
        """Tell whether the slots given so far explain the last stamps less well."""
        slots = line.last_slots(len(self._recent))
        stamps = list(self._recent)[-len(slots) :]
        theirs = cadence_of(stamps, found.slots[-len(slots) :])
        return cadence_of(stamps, slots).cost > theirs.cost + GAIN

    def _expect(self, rms: float) -> None:
        """Set by what rms, and after how many stamps, the cadence is to be checked again."""
        self._largest_rms = min(1.4 * rms + 0.03, LARGEST_RMS)
        noisy = rms > 0.15 and self._count < 2 * MOST
        self._next = self._count * 5 // 4 if noisy else 0

    def _lock(self, found: Cadence) -> Place:
        stamps = self._recent
        self.line = Line(stamps[0], round(found.period))
        for slot, stamp in zip(found.slots, stamps, strict=True):
            self.line.add(slot, stamp)
        self._refit(self.line)
        self._before, self._slot, self._stamp = found.slots[-2], found.slots[-1], stamps[-1]
        self._residual = self.position(self._stamp) - self._slot
        self._trend, self._pace, self._clashes = 0.0, 1.0, 0.0
        self._expect(found.rms)
        return Place(self._slot)

    def _gap_ends(self, stamp: int) -> bool:
        silent = stamp - self._recent[-1]
        return len(self._recent) > 2 and silent * (len(self._recent) - 1) > 2 * SILENCE * (
            self._recent[-1] - self._recent[0]
        )

    def _forget(self) -> None:
        self.line = None
        self._recent = deque(maxlen=MOST)
        self._count, self._next = 0, LEAST
        self._stamp = self._slot = self._before = 0
        self._residual = self._trend = self._clashes = 0.0
        self._pace = 1.0
        self._since, self._interval = 0, 1
        self._doubtful, self._largest_trend, self._largest_rms = -0.5, 0.1, LARGEST_RMS
