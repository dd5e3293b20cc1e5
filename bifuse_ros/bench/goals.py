# SPDX-License-Identifier: Apache-2.0
"""What the node is to reach, beside what the cases have shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bifuse_core.bench.goal import Goal
from bifuse_ros.bench.measurement import Measurement
from bifuse_ros.bench.results import Result

SIZE = "640x480"
BACKENDS = ("torch", "openvino")


def goals(results: Sequence[Result]) -> tuple[Goal, ...]:
    """Return all goals; where several cases show a number, the worst counts.

    The network's own speed shows where cameras are faster than it is asked to be: cameras of 30 Hz
    are a hair slower or faster than 30 Hz themselves.
    """
    slow, fast = _cases(results, 30, None), _cases(results, 60, None)
    found = [
        _goal(f"pairs/s, {SIZE}, cameras of 60 Hz", "Hz", 30, fast, _fused_rate),
        _goal(f"age p95, {SIZE}, 30 Hz", "ms", 60, slow, _p95, at_most=True),
        _goal(f"pairs lost, {SIZE}, 30 Hz", "pairs", 0, slow, _lost, at_most=True),
        Goal(
            f"CPU time of the node beside the engine, {SIZE}, 30 Hz",
            "ms a pair",
            4,
            max((r.overhead for r in slow if r.overhead is not None), default=None),
            at_most=True,
            reason=_absence(slow) or _burden(slow),
        ),
    ]
    for backend in BACKENDS:
        seeing = _cases(results, 25, backend)
        beside = f"{SIZE}, 25 Hz, {backend}"
        found += [
            _goal(f"pairs fused beside boxes and masks, {beside}", "%", 99, seeing, _share),
            _goal(f"boxes, {beside}", "Hz", 10, seeing, lambda m: m.detections.rate),
            _goal(f"masks, {beside}", "Hz", 5, seeing, lambda m: m.masks.rate),
        ]
    return tuple(found)


def _cases(results: Sequence[Result], rate: int, backend: str | None) -> list[Result]:
    return [
        result
        for result in results
        if (result.case.size, result.case.rate, result.case.backend) == (SIZE, rate, backend)
        and result.case.image
    ]


def _goal(
    name: str,
    unit: str,
    limit: float,
    results: Sequence[Result],
    number: Callable[[Measurement], float | None],
    *,
    at_most: bool = False,
) -> Goal:
    numbers = [number(result.measured) for result in results if result.measured]
    there = [n for n in numbers if n is not None]
    worst = (max if at_most else min)(there, default=None)
    return Goal(name, unit, limit, worst, at_most, _absence(results))


def _absence(results: Sequence[Result]) -> str:
    if not results:
        return "the case was not run"
    return "" if any(result.measured for result in results) else "the case failed"


def _burden(results: Sequence[Result]) -> str:
    if any(result.measured and result.measured.losses.lost for result in results):
        return "pairs that were lost have cost time too"
    return ""


def _fused_rate(measured: Measurement) -> float:
    return measured.fused.rate


def _p95(measured: Measurement) -> float | None:
    return measured.fused.ages[1] if measured.fused.ages else None


def _lost(measured: Measurement) -> float:
    return measured.losses.lost


def _share(measured: Measurement) -> float:
    return 100 * measured.losses.fused / measured.losses.published
