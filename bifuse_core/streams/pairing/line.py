# SPDX-License-Identifier: Apache-2.0
"""A line through the last stamps of a camera over its slots, by least squares in exact integers."""

from __future__ import annotations

from collections import deque
from math import sqrt

SHORTEST, LONGEST = 32, 512
"""Stamps in the window: what steady cameras need, and what noisy ones may take."""


class Line:
    """The stamps of the last slots, and their least-squares line.

    Sums over a sliding window are kept in integers, so that nothing drifts however long it runs.

    Args:
        base: a stamp on the line, at slot 0, in nanoseconds.
        step: nanoseconds from slot to slot, near enough.

    Attributes, as of the last `fit`:
        anchor: slot in the middle of the window.
        origin: stamp of the line at `anchor`, in nanoseconds.
        period: nanoseconds from slot to slot.
        rms: of the residuals, in periods.
    """

    def __init__(self, base: int, step: int) -> None:
        self._base, self._step = base, step
        self._window: deque[tuple[int, int]] = deque()
        self._k = self._kk = self._y = self._ky = self._yy = 0
        self.anchor, self.origin, self.period, self.rms = 0, base, float(step), 0.0

    def __len__(self) -> int:
        return len(self._window)

    @property
    def capacity(self) -> int:
        """Stamps that the window should hold: so many that noise moves its end little.

        Fewer follow a drift sooner. At the end the line is uncertain by 2 rms / sqrt(capacity), a
        fortieth of a period.
        """
        return min(max(int((85 * self.rms) ** 2), SHORTEST), LONGEST)

    @property
    def uncertainty(self) -> float:
        """Standard deviation of the line at `anchor`, in periods; twice that at its end."""
        return self.rms / sqrt(max(len(self._window), 1))

    @property
    def period_uncertainty(self) -> float:
        """Standard deviation of the period, relative to it."""
        return self.rms * sqrt(12 / max(len(self._window), 1) ** 3)

    def add(self, slot: int, stamp: int) -> None:
        """Take in the stamp of one more slot."""
        y = stamp - self._base - slot * self._step
        self._window.append((slot, y))
        self._sum(slot, y, 1)

    def move_last(self, by: int) -> None:
        """Correct the slot of the stamp added last."""
        slot, y = self._window.pop()
        self._sum(slot, y, -1)
        self.add(slot + by, y + self._base + slot * self._step)

    def last_slots(self, count: int) -> list[int]:
        """Return the slots of the last stamps, at most so many."""
        return [slot for slot, _ in self._window][-count:]

    def shift(self, by: int) -> None:
        """Add nanoseconds to all stamps."""
        self._base += by
        self.origin += by

    def shorten(self, length: int) -> None:
        """Forget the oldest stamps, down to a length."""
        while len(self._window) > length:
            slot, y = self._window.popleft()
            self._sum(slot, y, -1)

    def fit(self) -> None:
        """Draw the line anew; at least two stamps."""
        n, k, y = len(self._window), self._k, self._y
        spread = n * self._kk - k * k
        common = n * self._ky - k * y
        slope = common / spread
        self.anchor = k // n
        at_anchor = y / n + slope * (self.anchor - k / n)
        self.origin = self._base + self.anchor * self._step + round(at_anchor)
        self.period = self._step + slope
        # Exact before the division: the two products are large and nearly equal.
        square = ((n * self._yy - y * y) * spread - common * common) / spread / (n * n)
        self.rms = sqrt(max(square, 0.0)) / self.period

    def _sum(self, slot: int, y: int, sign: int) -> None:
        self._k += sign * slot
        self._kk += sign * slot * slot
        self._y += sign * y
        self._ky += sign * slot * y
        self._yy += sign * y * y
