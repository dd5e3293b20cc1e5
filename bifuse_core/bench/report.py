# SPDX-License-Identifier: Apache-2.0
"""What a benchmark found, with the machine it ran on, as Markdown and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

from bifuse_core import __version__
from bifuse_core.bench.goal import Goal
from bifuse_core.machine import describe_machine

Value = str | float | int | None


@dataclass(frozen=True)
class Column:
    """One column: its title, and how its numbers are written, as in `format`."""

    title: str
    form: str = ""

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
    """

    name: str
    command: str
    tables: tuple[Table, ...]
    packages: tuple[str, ...] = ()
    machine: str = field(default_factory=describe_machine)
    date: str = field(default_factory=lambda: datetime.now(timezone.utc).strftime("%Y-%m-%d"))
    goals: tuple[Goal, ...] = ()

    @property
    def versions(self) -> dict[str, str]:
        """Versions of BiFuse and of the packages, by name."""
        return {"bifuse": __version__, **{name: version(name) for name in self.packages}}

    def markdown(self) -> str:
        """Return the report as a section of a document."""
        versions = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        head = f"## {self.name}\n\n`{self.command}`, {self.date}: {self.machine}; {versions}.\n"
        tables = (_goals_table(self.goals), *self.tables) if self.goals else self.tables
        return "\n".join([head, *(table.markdown() for table in tables)])

    def json(self) -> str:
        """Return the report for programs."""
        return json.dumps({**asdict(self), "versions": self.versions}, indent=2) + "\n"

    def write(self, folder: Path) -> None:
        """Write NAME.md and NAME.json into a folder, which is made."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.name}.md").write_text(self.markdown(), encoding="utf-8")
        (folder / f"{self.name}.json").write_text(self.json(), encoding="utf-8")


def _goals_table(goals: Iterable[Goal]) -> Table:
    titles = ("what", "limit", "found", "reached", "why not")
    columns = tuple(Column(title) for title in titles)
    return Table("What is to be reached", "", columns, tuple(goal.row for goal in goals))


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
