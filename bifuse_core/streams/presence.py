# SPDX-License-Identifier: Apache-2.0
"""Which cameras there are to go on with: both, one of them alone, or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from bifuse_core.streams.pairing import RGB, THERMAL
from bifuse_core.streams.usability import PAIR, SOUND, Faults

START = 1.0
"""Seconds that cameras which just come up have, besides the time-out, until their first pair."""

INTERVALS = 2.0
"""Intervals of a slow camera for which it may be silent, where that is longer than the time-out."""

LONGEST_INTERVAL = 1.0
"""Seconds between two pictures above which there is a gap, and no camera as slow as that."""

LISTENING = 0.2
"""Seconds between two events above which nobody was listening: what was sent meanwhile may still
wait to be received, so no more than this counts as silence."""


class Mode(Enum):
    """What results are made of, and the word for it."""

    PAIRS = "fused"
    RGB_ONLY = "rgb"
    THERMAL_ONLY = "thermal"
    NOTHING = "none"


ALONE = {THERMAL: Mode.THERMAL_ONLY, RGB: Mode.RGB_ONLY}
"""Mode with one of the cameras."""


@dataclass(frozen=True)
class PresenceState:
    """How it stands with the cameras.

    Attributes:
        mode: what results are made of.
        silent: of the thermal and the RGB camera, seconds since its last picture (since the
            beginning where there was none); None where it is not silent.
        frozen: of both, whether it gives one picture over and over.
        refused: of both, why what it sent lately was no picture; empty where it was one.
        unpaired: seconds since the last pair, or since the beginning.
        faults: what comes but cannot be used.
    """

    mode: Mode
    silent: tuple[float | None, float | None]
    frozen: tuple[bool, bool]
    refused: tuple[str, str]
    unpaired: float
    faults: Faults


class Presence:
    """Decides by what comes, and when, what results are to be made of.

    A camera is there while its last picture that was not frozen is younger than the time-out, or
    than `INTERVALS` of its intervals. Where both are frozen at once they show still pictures, as a
    simulator does, and both are there. A camera at fault counts as not there. With both there and a
    pair as young, it is pairs; with one, that one at once; with both but no pair, the one that
    results come from already, or else the preferred one, which it is also where pairs are at fault.
    All times are seconds of one steady clock, in order. No threads, no clock of its own: call
    `judge` at least every `LISTENING` seconds.

    Args:
        timeout: seconds; may be changed at any time. 0: it is pairs whatever comes.
        preferred: THERMAL or RGB.

    Attributes:
        mode: the last decision.
        faults: what comes but cannot be used; to be kept up to date by others.
    """

    def __init__(self, timeout: float, preferred: int = RGB) -> None:
        self.timeout = timeout
        self.mode = Mode.PAIRS
        self.faults = SOUND
        self._preferred = preferred
        self._now: float | None = None
        self._time = 0.0
        self._pictures: list[float | None] = [None, None]
        self._lively: list[float | None] = [None, None]
        self._intervals: list[float | None] = [None, None]
        self._frozen = [False, False]
        self._refusals: list[tuple[float, str] | None] = [None, None]
        self._pair: float | None = None
        self._started = 0.0

    def seen(self, which: int, now: float, *, frozen: bool = False) -> None:
        """Take in that a picture of THERMAL or RGB has come."""
        time, last = self._listened(now), self._pictures[which]
        if last is not None:
            interval, usual = min(time - last, LONGEST_INTERVAL), self._intervals[which]
            self._intervals[which] = interval if usual is None else usual + (interval - usual) / 8
        elif self._pictures == [None, None]:
            self._started = time
        self._pictures[which] = time
        self._frozen[which] = frozen
        if not frozen:
            self._lively[which] = time

    def refused(self, which: int, now: float, why: str) -> None:
        """Take in that THERMAL or RGB has sent what holds no picture."""
        self._refusals[which] = self._listened(now), why

    def paired(self, now: float) -> None:
        """Take in that a pair has come."""
        self._pair = self._listened(now)

    def judge(self, now: float) -> Mode:
        """Decide what results are to be made of, and return it."""
        self._listened(now)
        usable = [which for which in ALONE if self._there(which) and not self.faults[which]]
        starting = self._pair is None and self._time - self._started <= START + self._longest
        if starting or not self.timeout:
            self.mode = Mode.PAIRS
        elif not usable:
            self.mode = Mode.NOTHING
        elif len(usable) == 1:
            self.mode = ALONE[usable[0]]
        elif self.pairing and not self.faults[PAIR]:
            self.mode = Mode.PAIRS
        elif self.pairing or self.mode not in ALONE.values():
            self.mode = ALONE[self._preferred]
        return self.mode

    @property
    def pairing(self) -> bool:
        """Whether both cameras give pictures and these pair, whatever they are worth."""
        return all(map(self._there, ALONE)) and self._unpaired <= self._longest

    @property
    def state(self) -> PresenceState:
        """How it stood at the last event."""
        thermal, rgb = self._silent(THERMAL), self._silent(RGB)
        frozen = self._frozen[THERMAL], self._frozen[RGB]
        refused = self._refused(THERMAL), self._refused(RGB)
        return PresenceState(
            self.mode, (thermal, rgb), frozen, refused, self._unpaired, self.faults
        )

    @property
    def _unpaired(self) -> float:
        return self._time - (self._started if self._pair is None else self._pair)

    @property
    def still(self) -> bool:
        """Whether both cameras are frozen at once, and none of them silent."""
        return all(self._frozen) and all(self._young(which, self._pictures) for which in ALONE)

    def _there(self, which: int) -> bool:
        return self.still or (not self._frozen[which] and self._young(which, self._lively))

    def _young(self, which: int, times: Sequence[float | None]) -> bool:
        time = times[which]
        return time is not None and self._time - time <= self._patience(which)

    def _silent(self, which: int) -> float | None:
        silence = self._time - (self._pictures[which] or 0.0)
        return silence if silence > self._patience(which) else None

    def _refused(self, which: int) -> str:
        refusal = self._refusals[which]
        if not refusal or self._time - refusal[0] > self._patience(which):
            return ""
        return refusal[1]

    def _patience(self, which: int) -> float:
        interval = self._intervals[which]
        if interval is None:
            # How slow it is shows with its second picture.
            return self.timeout if self._pictures[which] is None else max(self.timeout, START)
        return max(self.timeout, INTERVALS * interval)

    @property
    def _longest(self) -> float:
        return max(map(self._patience, ALONE))

    def _listened(self, now: float) -> float:
        """Return the time that has been listened for, which all times here are of."""
        if self._now is not None:
            self._time += min(now - self._now, LISTENING)
        self._now = now
        return self._time
