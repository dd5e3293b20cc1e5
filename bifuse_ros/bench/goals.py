# SPDX-License-Identifier: Apache-2.0
"""What the node is to reach, beside what the cases have shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from bifuse_core.bench import beside
from bifuse_core.bench.goal import Goal
from bifuse_core.bench.real_time import BOXES, FUSED, MASKS
from bifuse_ros.bench.cases import BACKENDS, NETWORK
from bifuse_ros.bench.measurement import Measurement, Result

SIZE = "640x480"
FEWEST = 0.99
"""Of the pairs that cameras are asked for, the share below which they judge no node."""
STAGES = ("wait", "convert", "fuse", "publish")
"""Of a pair in the node, by its diagnostics."""

_RATES: dict[str, Callable[[Measurement], float]] = {
    FUSED: lambda m: m.fused.rate,
    BOXES: lambda m: m.detections.rate,
    MASKS: lambda m: m.masks.rate,
}


def goals(results: Sequence[Result], cores: int) -> tuple[Goal, ...]:
    """Return all goals; where several cases show a number, the worst counts.

    The network's own speed shows where cameras are faster than it is asked to be: cameras of 30 Hz
    are a hair slower or faster than 30 Hz themselves.

    Args:
        results: of the cases.
        cores: that all processes shared; they are part of the names.
    """
    slow, fast = _cases(results, 30, None), _cases(results, 60, None)
    where = f"{NETWORK}, {cores} cores, {SIZE}"
    found = [
        _goal(f"pairs/s, {where}, cameras of 60 Hz", "Hz", 30, fast, _of(_RATES[FUSED])),
        _goal(f"age p95, {where}, 30 Hz", "ms", 60, slow, _of(_p95), at_most=True),
        _goal(f"pairs lost, {where}, 30 Hz", "pairs", 0, slow, _of(_lost), at_most=True),
        _goal(
            f"CPU time of the node beside the engine, {where}, 30 Hz",
            "ms a pair",
            4,
            slow,
            lambda result: result.overhead,
            at_most=True,
        ),
    ]
    return (*found, *_beside_fusion(results, where))


def _beside_fusion(results: Sequence[Result], where: str) -> list[Goal]:
    """Return the goals of fusion, boxes and masks at once, for the backend that comes closest."""

    def of(cases: Sequence[Result]) -> list[Goal]:
        return [
            _goal(
                f"{name}, {where} fed {beside.RATE} pairs/s",
                "Hz",
                least,
                cases,
                _of(_RATES[name]),
            )
            for name, least in beside.LEAST.items()
        ]

    by_backend = {backend: _cases(results, beside.RATE, backend) for backend in BACKENDS}
    found = {backend: of(cases) for backend, cases in by_backend.items() if cases}
    if not found:
        return of([])
    best = max(found, key=lambda b: min((goal.found or 0) / goal.limit for goal in found[b]))
    return [
        replace(goal, reason="; ".join(filter(None, (f"with {best}", goal.reason))))
        for goal in found[best]
    ]


def where_time_goes(values: Mapping[str, str], sights: Mapping[str, Mapping[str, str]]) -> str:
    """Return the medians of what a node does with a pair, and of each look, in words.

    Args:
        values: diagnostics of the fusion.
        sights: those of detector and segmenter, by name.
    """
    times = [(stage, values.get(f"{stage} p50 (ms)")) for stage in STAGES]
    times += [(f"look of {name}", found.get("look p50 (ms)")) for name, found in sights.items()]
    known = ", ".join(f"{name} {time} ms" for name, time in times if time is not None)
    return f"medians: {known}" if known else "the node has timed nothing"


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
    number: Callable[[Result], float | None],
    *,
    at_most: bool = False,
) -> Goal:
    goal = Goal(name, unit, limit, None, at_most, _hindrance(results))
    numbers = [(value, r) for r in results if (value := number(r)) is not None]
    if goal.reason or not numbers:
        return replace(goal, reason=goal.reason or "no pair was fused")
    worst, result = (max if at_most else min)(numbers, key=lambda pair: pair[0])
    goal = replace(goal, found=worst)
    return goal if goal.reached else replace(goal, reason=_reason(result))


def _hindrance(results: Sequence[Result]) -> str:
    """Return why these cases do not show what the node does; empty where they do."""
    if not results:
        return "the case was not run"
    for result in results:
        if result.measured is None:
            return f"{result.case.name} failed"
        given, asked = result.measured.cameras, result.case.rate
        if given < FEWEST * asked:
            return f"the cameras of {result.case.name} gave {given:.1f} Hz of {asked}"
    return ""


def _reason(result: Result) -> str:
    assert result.measured
    lost = [f"lost: {result.note}"] if result.measured.losses.lost else []
    return "; ".join([*lost, where_time_goes(result.measured.values, result.measured.sights)])


def _of(number: Callable[[Measurement], float | None]) -> Callable[[Result], float | None]:
    return lambda result: number(result.measured) if result.measured else None


def _p95(measured: Measurement) -> float | None:
    return measured.fused.ages[1] if measured.fused.ages else None


def _lost(measured: Measurement) -> float:
    return measured.losses.lost
