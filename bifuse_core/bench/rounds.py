# SPDX-License-Identifier: Apache-2.0
"""Time several ways in turn, so that what else the machine does slows all of them alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from time import perf_counter

from tqdm import trange

LEAST = 0.1
"""Seconds that a call has in a round: quick ones run several times."""

Call = Callable[[], Mapping[str, float]]
"""Does what is timed, and returns the times of its stages in milliseconds; there may be none."""


class Timings:
    """How long one call took, run after run."""

    def __init__(self) -> None:
        self._seconds: list[float] = []
        self._stages: dict[str, list[float]] = {}

    def add(self, seconds: float, stages: Mapping[str, float]) -> None:
        """Keep one run and its stages, these in milliseconds."""
        self._seconds.append(seconds)
        for name, time in stages.items():
            self._stages.setdefault(name, []).append(time)

    @property
    def milliseconds(self) -> float:
        """The median of the runs."""
        return 1e3 * median(self._seconds)

    @property
    def stages(self) -> dict[str, float]:
        """The median of each stage in milliseconds, in order."""
        return {name: median(times) for name, times in self._stages.items()}


def in_rounds(
    calls: Sequence[Call], rounds: int, *, seconds: Callable[[], float] = perf_counter
) -> list[Timings]:
    """Run all calls once untimed, then time them all in each of the rounds.

    Args:
        calls: what is timed.
        rounds: in each of which a call runs once, or until it has had `LEAST` seconds.
        seconds: the clock.
    """
    timings = [Timings() for _ in calls]
    for number in trange(rounds + 1, desc="rounds", leave=False):
        for call, timing in zip(calls, timings, strict=True):
            begun = started = seconds()
            while True:
                stages = call()
                ended = seconds()
                if number == 0:
                    break
                timing.add(ended - started, stages)
                if ended - begun >= LEAST:
                    break
                started = ended
    return timings
