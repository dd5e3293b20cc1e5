# SPDX-License-Identifier: Apache-2.0
"""What the pairing is to reach, by its worst cell."""

from __future__ import annotations

from bifuse_core.bench.pairing_goals import goals
from bifuse_core.bench.report import Column, Table

TITLES = ("jitter +-ms", "offset ms", "slop ms", "bound %", "ATS found %", "ATS wrong %")
TITLES += ("found %", "wrong %", "verified wrong %", "cost us")


def steady(*rows: tuple[float, ...]) -> Table:
    return Table("t", "", tuple(map(Column, TITLES)), rows)


def test_pairing_is_judged_by_its_worst_cell() -> None:
    good = (5, 0, 20, 100.0, 90.0, 5.0, 99.0, 0.0, 0.0, 6.0)
    bad = (15, 10, 33, 97.0, 96.5, 0.1, 95.0, 0.3, 0.05, 12.0)
    reached = goals(steady(good, (15, *good[1:])), 100)
    assert all(goal.reached and goal.reason == "" for goal in reached)
    found = {goal.name: goal for goal in goals(steady(good, bad), 100)}
    verdicts = {name: (round(g.found or 0, 6), g.reached) for name, g in found.items()}
    assert verdicts == {
        "true pairs missing to the bound": (2.0, False),
        "verified pairs that are wrong, jitter +-5 and +-10 ms": (0.0, True),
        "all pairs that are wrong, jitter +-5 and +-10 ms": (0.0, True),
        "verified pairs that are wrong, jitter +-15 ms": (0.05, True),
        "all pairs that are wrong, jitter +-15 ms": (0.3, False),
        "true pairs that ATS finds beyond ours": (1.5, False),
        "wrong pairs beyond those of ATS": (0.2, False),
        "CPU time of a message": (12.0, False),
    }
    for goal in found.values():
        assert goal.reached or "jitter 15, offset 10, slop 33 ms" in goal.reason
    assert "_slots (lock.py)" in found["CPU time of a message"].reason
