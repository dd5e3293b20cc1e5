# SPDX-License-Identifier: Apache-2.0
"""What the pairing of two steady cameras is to reach, in every cell of its table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random

from bifuse_core.bench.cameras import MS, messages, periodic
from bifuse_core.bench.explaining import function_shares, in_words
from bifuse_core.bench.goal import Goal
from bifuse_core.bench.report import Table
from bifuse_core.streams.pairing import StreamPairing

Cell = Mapping[str, float]
"""A row of the table, by the titles of its columns."""


def cells(table: Table) -> list[Cell]:
    """Return the rows of the table of steady cameras by the titles of its columns."""
    titles = [column.title for column in table.columns]
    return [
        {title: float(x) for title, x in zip(titles, row, strict=True) if x is not None}
        for row in table.rows
    ]


def goals(table: Table, frames: int) -> tuple[Goal, ...]:
    """Return the goals; the worst cell counts.

    Args:
        table: of steady cameras.
        frames: moments of a run, for the profile of a pairing that takes too long.
    """
    rows = cells(table)
    little = [cell for cell in rows if cell["jitter +-ms"] <= 10]
    much = [cell for cell in rows if cell["jitter +-ms"] == 15]
    dearest = max(rows, key=lambda cell: cell["cost us"])
    cost = dearest["cost us"]
    return (
        _worst("true pairs missing to the bound", "points", 1.5, rows, _to_bound),
        *(
            _worst(f"{verified}pairs that are wrong, jitter {where}", "%", limit, some, _of(share))
            for where, limit, some in (("+-5 and +-10 ms", 0, little), ("+-15 ms", 0.1, much))
            for verified, share in (("verified ", "verified wrong %"), ("all ", "wrong %"))
        ),
        _worst("true pairs that ATS finds beyond ours", "points", 0, rows, _ats_finds_more),
        _worst("wrong pairs beyond those of ATS", "points", 0, rows, _ats_errs_less),
        Goal(
            "CPU time of a message",
            "us",
            10,
            cost,
            at_most=True,
            reason=_where_time_goes(dearest, frames) if cost > 10 else "",
        ),
    )


def _of(title: str) -> Callable[[Cell], float]:
    return lambda cell: cell[title]


def _to_bound(cell: Cell) -> float:
    return cell["bound %"] - cell["found %"]


def _ats_finds_more(cell: Cell) -> float:
    return cell["ATS found %"] - cell["found %"]


def _ats_errs_less(cell: Cell) -> float:
    return cell["wrong %"] - cell["ATS wrong %"]


def _worst(
    name: str, unit: str, limit: float, rows: Sequence[Cell], value: Callable[[Cell], float]
) -> Goal:
    """Return a goal that the greatest value of all cells is to keep, with the cells that do not."""
    beyond = [cell for cell in rows if value(cell) > limit]
    reason = ""
    if beyond:
        worst = _where(max(beyond, key=value))
        reason = f"in {len(beyond)} of {len(rows)} cells, most at {worst}"
    return Goal(name, unit, limit, max(map(value, rows)), at_most=True, reason=reason)


def _where(cell: Cell) -> str:
    return (
        f"jitter {cell['jitter +-ms']:g}, offset {cell['offset ms']:g}, slop {cell['slop ms']:g} ms"
    )


def _where_time_goes(cell: Cell, frames: int) -> str:
    offset, jitter = int(cell["offset ms"]) * MS, int(cell["jitter +-ms"]) * MS
    sent = messages(Random(0), frames, periodic(offset=offset), jitter=jitter)
    pairing: StreamPairing[None] = StreamPairing(int(cell["slop ms"]) * MS)

    def pair_all() -> None:
        for message in sent:
            pairing.push(message.which, message.stamp, None)

    return f"{_where(cell)}: {in_words(function_shares(pair_all))}"
