# SPDX-License-Identifier: Apache-2.0
"""Calls that are timed in turn, with a clock that stands still."""

from __future__ import annotations

from collections.abc import Callable

from bifuse_core.bench.rounds import in_rounds


class Clock:
    """Stands still but for what is added."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def after(self, *seconds: float, **stages: float) -> Callable[[], dict[str, float]]:
        """Return a call that takes so long, one after the other, and has such stages."""
        left = list(seconds)

        def call() -> dict[str, float]:
            self.now += left.pop(0)
            return stages

        return call


def test_rounds_take_medians_of_all_runs_but_the_first() -> None:
    clock = Clock()
    slow = clock.after(9.0, 1.0, 4.0, 2.0, upload=3.0, fuse=5.0)
    (found,) = in_rounds([slow], 3, seconds=clock)
    assert found.milliseconds == 2000
    assert list(found.stages.items()) == [("upload", 3.0), ("fuse", 5.0)]


def test_a_quick_call_runs_several_times_a_round_and_a_slow_one_once() -> None:
    clock, order = Clock(), []

    def noted(name: str, seconds: float) -> Callable[[], dict[str, float]]:
        def call() -> dict[str, float]:
            order.append(name)
            clock.now += seconds
            return {}

        return call

    in_rounds([noted("quick", 0.04), noted("slow", 0.5)], 2, seconds=clock)
    assert order == ["quick", "slow", *(["quick"] * 3 + ["slow"]) * 2]
