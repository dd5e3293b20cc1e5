# SPDX-License-Identifier: Apache-2.0
"""How the numbers of two reports differ, row by row, and which differ by more than noise."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from bifuse_core.bench.goal import Goal
from bifuse_core.bench.report import Column, Report, Table, Value

NOISE = 1.15
"""A number may be so many times another before that counts."""

Row = tuple[Value, ...]


@dataclass
class Comparison:
    """What a new report says against an old one.

    Attributes:
        noise: the ratio, either way, within which numbers count as equal.
        tables: of ratios, new to old.
        unmatched: what is in one of both alone, in words.
        worse: how many numbers are, beyond noise.
        better: likewise.
        changed: likewise, where neither direction is better.
    """

    noise: float
    tables: list[Table] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)
    worse: int = 0
    better: int = 0
    changed: int = 0

    def verdict(self, ratio: float | None, better: str) -> str:
        """Return whether a ratio is worse or better beyond noise, and count it; else nothing."""
        if ratio is None or 1 / self.noise <= ratio <= self.noise:
            return ""
        if not better:
            self.changed += 1
            return "higher" if ratio > 1 else "lower"
        if (ratio > 1) == (better == "high"):
            self.better += 1
            return "better"
        self.worse += 1
        return "worse"


def compare_reports(new: Sequence[Report], old: Sequence[Report], noise: float = NOISE) -> str:
    """Return the comparison of all reports that are in both, as Markdown.

    Args:
        new: reports.
        old: reports.
        noise: the ratio, at least 1, up to which numbers count as equal, either way.

    Raises:
        ValueError: the old ones hold none of the new.
    """
    require_common([report.name for report in new], old)
    before = {report.name: report for report in old}
    both = [(report, before[report.name]) for report in new if report.name in before]
    sections = [_section(report, older, noise) for report, older in both]
    lone = [report.name for report in new if report.name not in before]
    lone += [name for name in before if name not in {report.name for report in new}]
    if lone:
        sections.append(f"In one of both alone: {', '.join(lone)}.\n")
    return "\n".join(sections)


def require_common(names: Collection[str], old: Sequence[Report]) -> None:
    """Refuse to compare reports of these names with old ones of which none is called so.

    Raises:
        ValueError: there is nothing to compare.
    """
    there = [report.name for report in old]
    if not set(names) & set(there):
        raise ValueError(
            f"--compare: nothing to compare {', '.join(names) or 'nothing'} with: "
            f"the old file holds {', '.join(there) or 'nothing'}"
        )


def _section(new: Report, old: Report, noise: float) -> str:
    comparison = Comparison(noise)
    _compare_goals(new, old, comparison)
    _compare_tables(new, old, comparison)
    lines = [
        f"## {new.name}: new / old",
        "",
        f"New: {new.date}, {new.machine}.",
        f"Old: {old.date}, {old.machine}.",
    ]
    if new.machine != old.machine:
        lines += ["", "**These are two machines: ratios of times say little.**"]
    if new.command != old.command:
        lines += ["", f"The old one was measured by `{old.command}`."]
    lines += [
        "",
        f"Beyond {noise:g} times: {comparison.worse} worse, {comparison.better} better, "
        f"{comparison.changed} otherwise changed.",
    ]
    if comparison.unmatched:
        lines += ["", f"In one of both alone: {'; '.join(comparison.unmatched)}."]
    return "\n".join([*lines, "", *(table.markdown() for table in comparison.tables)])


def _compare_goals(new: Report, old: Report, comparison: Comparison) -> None:
    before = {goal.name: goal for goal in old.goals}
    rows: list[Row] = []
    for goal in new.goals:
        if goal.name not in before:
            continue
        older = before[goal.name]
        ratio = _ratio(goal.found, older.found)
        verdict = comparison.verdict(ratio, "low" if goal.at_most else "high")
        rows.append((goal.name, _reached(older), _reached(goal), _shown(ratio), verdict))
    if rows:
        titles = ("what", "before", "now", "new / old", "beyond noise")
        comparison.tables.append(Table("Goals", "", tuple(map(Column, titles)), tuple(rows)))
    _note_lone(comparison, "goal", list(before), [goal.name for goal in new.goals])


def _reached(goal: Goal) -> str:
    _, _, found, reached, _ = goal.row
    return found if goal.found is None else f"{found} ({'reached' if goal.reached else 'missed'})"


def _compare_tables(new: Report, old: Report, comparison: Comparison) -> None:
    before = {table.title: table for table in old.tables}
    for table in new.tables:
        if table.title in before:
            _compare_table(table, before[table.title], comparison)
    _note_lone(comparison, "table", list(before), [table.title for table in new.tables])


def _compare_table(new: Table, old: Table, comparison: Comparison) -> None:
    """Match rows by the labels that both tables have, and compare what both measured."""
    there = {column.title: index for index, column in enumerate(old.columns)}
    shared = [(i, there[c.title], c) for i, c in enumerate(new.columns) if c.title in there]
    labels = [pick for pick in shared if pick[2].label]
    numbers = [pick for pick in shared if pick[2].form]
    before = dict(_labelled(old, [position for _, position, _ in labels]))
    rows: list[Row] = []
    found = dict(_labelled(new, [position for position, _, _ in labels]))
    for key, row in found.items():
        if key not in before:
            continue
        cells: list[Value] = []
        verdicts = []
        for position, position_then, column in numbers:
            now, then = row[position], before[key][position_then]
            ratio = _ratio(now, then)
            cells.append(_shown(ratio) if _both_numbers(now, then) else _change(now, then))
            verdict = comparison.verdict(ratio, column.better)
            if verdict:
                verdicts.append(f"{column.title} {verdict}")
        rows.append((*key[0], *cells, ", ".join(verdicts)))
    if numbers and rows:
        columns = [column for _, _, column in (*labels, *numbers)]
        titles = (*(Column(column.title) for column in columns), Column("beyond noise"))
        comparison.tables.append(Table(new.title, "", titles, tuple(rows)))
    titles_now = [column.title for column in new.columns]
    _note_lone(comparison, f"column of {new.title}", list(there), titles_now)
    rows_then, rows_now = (
        [" ".join(map(_text, row_labels)) for row_labels, _ in part] for part in (before, found)
    )
    _note_lone(comparison, f"row of {new.title}", rows_then, rows_now)


def _labelled(table: Table, positions: Sequence[int]) -> Iterator[tuple[tuple[Row, int], Row]]:
    """Yield each row under its labels, and its number among those that bear the same."""
    seen: dict[Row, int] = {}
    for row in table.rows:
        labels = tuple(row[position] for position in positions)
        seen[labels] = seen.get(labels, 0) + 1
        yield (labels, seen[labels]), row


def _note_lone(comparison: Comparison, kind: str, old: Sequence[str], new: Sequence[str]) -> None:
    for names, others, which in ((old, new, "old"), (new, old, "new")):
        lone = [name for name in names if name not in others]
        if lone:
            comparison.unmatched.append(f"{kind}, {which}: {', '.join(lone)}")


def _both_numbers(new: Value, old: Value) -> bool:
    return isinstance(new, int | float) and isinstance(old, int | float)


def _ratio(new: Value, old: Value) -> float | None:
    """Return new / old, infinite from 0; None where one of both is no number, or below 0."""
    if not (isinstance(new, int | float) and isinstance(old, int | float)):
        return None
    if new == old:
        return 1.0
    if new < 0 or old < 0:
        return None
    return new / old if old else math.inf


def _shown(ratio: float | None) -> Value:
    if ratio is None:
        return "-"
    return "from 0" if math.isinf(ratio) else f"{ratio:.2f}"


def _change(new: Value, old: Value) -> str:
    return "=" if new == old else f"{_text(old)} -> {_text(new)}"


def _text(value: Value) -> str:
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
