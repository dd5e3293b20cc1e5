# SPDX-License-Identifier: Apache-2.0
"""Which slot of one camera is the same moment as which of the other."""

from __future__ import annotations

from math import hypot

from bifuse_core.streams.pairing.cadence import SlotTracker

EQUAL = 0.001
"""Relative difference of two periods up to which slots are paired one to one."""

HYSTERESIS = 0.1
"""In slots, beyond half a slot, before an established relation changes."""


UNSTEADY = 0.2
"""Residual rms, in periods, above which a camera's slots are not beyond doubt."""


class SlotRelation:
    """Relates the slots of the slower camera to those of the faster, or of two equal ones.

    Args:
        trackers: of the thermal and the RGB camera, both cadences known.
        distance: typical distance of the two stamps of a pair, in nanoseconds.

    Attributes:
        slower: index of the slower camera.
        lines: of the cadences whose slots are related.
        equal: both have the same rate, and a constant difference of slots.
        misfit: how far the two are from being in phase, in slots: up to 0.5 either way, and beyond
            by the hysteresis. Meaningful for equal rates.
        triggered: both follow one unsteady trigger: their stamps are much nearer to each other than
            to any cadence, and nearest stamps tell more than slots.
    """

    def __init__(self, trackers: tuple[SlotTracker, SlotTracker], distance: float) -> None:
        periods = [tracker.line.period for tracker in trackers if tracker.line]
        self.slower = periods.index(max(periods))
        self.lines = trackers[0].line, trackers[1].line
        self.slow, self.fast = trackers[self.slower], trackers[1 - self.slower]
        self.equal = True
        self.misfit = 0.0
        self.triggered = False
        self._difference: int | None = None
        self.update(distance)

    @property
    def sure(self) -> bool:
        """Whether slots can be paired: equal rates once their difference is beyond doubt."""
        return not self.triggered and (not self.equal or self._difference is not None)

    def update(self, distance: float) -> None:
        """Follow the cadences as they are known now; `distance` as at the start."""
        slow, fast = self.slow.line, self.fast.line
        assert slow and fast
        self.triggered = max(slow.rms, fast.rms) > UNSTEADY and distance < fast.period / 8
        unequal = abs(slow.period / fast.period - 1)
        doubt = 4 * hypot(slow.period_uncertainty, fast.period_uncertainty)
        if unequal > max(EQUAL, doubt):
            self.equal, self._difference = False, None
        elif unequal + doubt < EQUAL:
            self.equal = True
        if not self.equal:
            return
        # Between the middles of both windows, where the lines are known best.
        time = (slow.origin + fast.origin) // 2
        difference = self.fast.position(time) - self.slow.position(time)
        nearest = round(difference)
        if self._difference is None:
            doubt = 3 * hypot(slow.uncertainty, fast.uncertainty)
            if abs(difference - nearest) + doubt < 0.5:
                self._difference = nearest
        elif abs(difference - self._difference) > 0.5 + HYSTERESIS:
            self._difference = nearest
        self.misfit = difference - (nearest if self._difference is None else self._difference)

    def target(self, slot: int) -> int:
        """Return the slot of the faster camera that is nearest to one of the slower."""
        if self._difference is not None:
            return slot + self._difference
        return round(self.fast.position(self.slow.time(slot)))

    def nearest(self, slot: int) -> int:
        """Return the slot of the slower camera that is nearest to one of the faster."""
        return round(self.slow.position(self.fast.time(slot)))

    def wanted(self, slot: int) -> bool:
        """Tell whether a fast slot, or its neighbour, is the nearest to a slow one."""
        return self.equal or abs(self.target(self.nearest(slot)) - slot) <= 1
