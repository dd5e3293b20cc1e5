# SPDX-License-Identifier: Apache-2.0
"""Which stamps of a camera can be believed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Generic, TypeVar

T = TypeVar("T")

JUMP = 500_000_000
"""A stamp this many nanoseconds before its predecessor is a clock reset, not a late message; one
this far after it needs a second one, or the other camera, to be believed."""


class Verdict(Enum):
    """What to do with a message."""

    TAKE = auto()
    DUPLICATE = auto()
    LATE = auto()
    SUSPECT = auto()
    """Keep it until another one bears it out."""
    JUMP = auto()
    """Take the suspects, if any, and it."""


@dataclass
class Gate(Generic[T]):
    """The last believed stamp of one camera, and a suspect one after it.

    Attributes:
        last: in nanoseconds.
        reach: how far the next one may be ahead without being suspect, in nanoseconds.
        suspect: a stamp far from the last, and its message.
    """

    last: int | None = None
    reach: int = JUMP
    suspect: tuple[int, T] | None = None

    def believe(self, stamp: int) -> None:
        """Keep the last stamp."""
        if self.last is not None:
            self.reach = max(4 * (stamp - self.last), JUMP)
        self.last = stamp

    def shift(self, by: int) -> None:
        """Add nanoseconds to all stamps."""
        if self.last is not None:
            self.last += by
        if self.suspect:
            self.suspect = self.suspect[0] + by, self.suspect[1]

    def judge(self, stamp: int, other: Gate[T]) -> Verdict:
        """Tell what to do with a stamp.

        Args:
            stamp: in nanoseconds.
            other: that of the other camera.
        """
        last, suspect = self.last, self.suspect
        if last is None or 0 < stamp - last <= self.reach:
            return Verdict.TAKE
        if stamp == last or (suspect and stamp == suspect[0]):
            return Verdict.DUPLICATE
        if last - JUMP < stamp < last:
            return Verdict.LATE
        if other.last is not None and abs(stamp - other.last) <= JUMP:
            return Verdict.JUMP
        if suspect and suspect[0] < stamp and (suspect[0] > last or stamp < last):
            return Verdict.JUMP
        if other.suspect and abs(stamp - other.suspect[0]) <= JUMP:
            return Verdict.JUMP
        return Verdict.SUSPECT
