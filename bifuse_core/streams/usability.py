# SPDX-License-Identifier: Apache-2.0
"""Whether what the cameras send can be used, by what became of the last of it."""

from __future__ import annotations

from typing import NamedTuple

from bifuse_core.streams.pairing import RGB, THERMAL

PAIR = 2
"""Beside THERMAL and RGB: pairs of pictures that are sound each, but cannot be fused."""

Faults = tuple[str, str, str]
"""Why the pictures of THERMAL, those of RGB, or each PAIR of them cannot be used; empty where they
can, or where that is not known."""

SOUND: Faults = ("", "", "")

FORGOTTEN = 5.0
"""Seconds after the last failure without another try: how it is now is not known."""


class _Run(NamedTuple):
    """Failures one after the other: when the first and the last came, and why the last."""

    first: float
    last: float
    why: str


class Usability:
    """Is told of each picture and pair whether it could be used, and tells what is at fault.

    At fault is what could not be used from one failure to another, as long as the time-out apart:
    not for a single bad picture, nor for what a slow engine has not come to, nor for what was not
    tried any more. One thread tells, any may ask. All times are seconds of one steady clock.

    Args:
        timeout: seconds; may be changed at any time. 0: nothing is ever at fault.
    """

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self._runs: dict[int, _Run] = {}

    def worked(self, subject: int) -> None:
        """Take in that a picture of THERMAL or RGB, or a PAIR, could be used."""
        self._runs.pop(subject, None)

    def failed(self, subject: int, now: float, why: str) -> None:
        """Take in that one could not."""
        run = self._runs.get(subject)
        first = run.first if run and now - run.last <= FORGOTTEN else now
        self._runs[subject] = _Run(first, now, why or "no reason is given")

    def faults(self, now: float) -> Faults:
        """Return what is at fault, and why."""
        return self._fault(THERMAL, now), self._fault(RGB, now), self._fault(PAIR, now)

    def _fault(self, subject: int, now: float) -> str:
        run = self._runs.get(subject)
        if not run or now - run.last > FORGOTTEN:
            return ""
        return run.why if run.last - run.first >= self.timeout > 0 else ""
