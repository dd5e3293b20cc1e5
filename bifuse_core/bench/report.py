# SPDX-License-Identifier: Apache-2.0
"""What a benchmark found, with the machine it ran on, as Markdown and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from importlib.metadata import distributions, version
from pathlib import Path
from typing import Any, Literal

from bifuse_core import __version__
from bifuse_core.bench.goal import Goal
from bifuse_core.machine import describe_machine

Value = str | float | int | None

GOAL_TITLES = ("what", "limit", "found", "reached", "why not")
"""Of `Goal.row`."""


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        title: its heading.
        form: how its numbers are written, as in `format`. Empty: they were not measured, but say,
            with the other columns of that kind, what was.
        better: which of two measured numbers is better; empty: neither.
        remark: whether it holds texts about what was measured, which are no such labels.
    """

    title: str
    form: str = ""
    better: Literal["", "low", "high"] = ""
    remark: bool = False

    @property
    def label(self) -> bool:
        """Whether it says what was measured."""
        return not self.form and not self.remark

    def text(self, value: Value) -> str:
        """Return a value as it is shown; a dash where there is none."""
        if value is None:
            return "-"
        return value if isinstance(value, str) else format(value, self.form)


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        title: its heading.
        note: what its numbers are; Markdown.
        columns: from left to right.
        rows: a value for each column.
    """

    title: str
    note: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]

    def markdown(self) -> str:
        """Return heading, note and table."""
        lines = [
            f"### {self.title}",
            "",
            *([self.note, ""] if self.note else []),
            _line(column.title for column in self.columns),
            _line("---" for _ in self.columns),
        ]
        for row in self.rows:
            lines.append(_line(c.text(v) for c, v in zip(self.columns, row, strict=True)))
        return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Report:
    """What one benchmark found.

    Attributes:
        name: of the benchmark.
        command: that runs it.
        tables: its results.
        packages: installed packages whose versions matter.
        machine: in words.
        date: when it ended, UTC.
        goals: what its numbers are to reach.
        failures: what of it could not be measured, in words.
    """

    name: str
    command: str
    tables: tuple[Table, ...]
    packages: tuple[str, ...] = ()
    machine: str = field(default_factory=describe_machine)
    date: str = field(default_factory=lambda: datetime.now(timezone.utc).strftime("%Y-%m-%d"))
    goals: tuple[Goal, ...] = ()
    failures: tuple[str, ...] = ()

    @property
    def versions(self) -> dict[str, str]:
        """Versions of BiFuse and of the packages, by name."""
        return {"bifuse": __version__, **{name: version(name) for name in self.packages}}

    def markdown(self) -> str:
        """Return the report as a section of a document."""
        versions = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        head = f"## {self.name}\n\n`{self.command}`, {self.date}: {self.machine}; {versions}.\n"
        if self.failures:
            head += f"\n**Failed: {', '.join(self.failures)}.**\n"
        tables = (_goals_table(self.goals), *self.tables) if self.goals else self.tables
        return "\n".join([head, *(table.markdown() for table in tables)])

    def document(self) -> dict[str, Any]:
        """Return the report for programs, in what JSON knows."""
        return {**asdict(self), "versions": self.versions}

    def write(self, folder: Path) -> None:
        """Write NAME.md and NAME.json into a folder, which is made."""
        write_both(folder, self.name, self.markdown(), self.document())


def installed(*packages: str) -> tuple[str, ...]:
    """Return those of the packages that are installed under these names."""
    return tuple(name for name in packages if any(distributions(name=name)))


def write_both(folder: Path, name: str, markdown: str, document: dict[str, Any]) -> None:
    """Write NAME.md and NAME.json into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text(markdown, encoding="utf-8")
    (folder / f"{name}.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _goals_table(goals: Iterable[Goal]) -> Table:
    columns = tuple(map(Column, GOAL_TITLES))
    return Table("What is to be reached", "", columns, tuple(goal.row for goal in goals))


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
