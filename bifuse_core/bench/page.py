# SPDX-License-Identifier: Apache-2.0
"""What all benchmarks found, on one page: the goals first, then each report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bifuse_core.bench.report import GOAL_TITLES, Column, Report, Table, write_both

NAME = "benchmarks"
"""Of the page's files."""


@dataclass(frozen=True)
class Failure:
    """A benchmark that came to no end.

    Attributes:
        name: of the benchmark.
        reason: what went wrong.
    """

    name: str
    reason: str


@dataclass(frozen=True)
class Page:
    """The results of several benchmarks.

    Attributes:
        command: that runs them.
        results: in order.
    """

    command: str
    results: tuple[Report | Failure, ...]

    @property
    def reports(self) -> tuple[Report, ...]:
        """Of those that came to an end."""
        return tuple(result for result in self.results if isinstance(result, Report))

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Of the others."""
        return tuple(result for result in self.results if isinstance(result, Failure))

    def markdown(self) -> str:
        """Return the page: a table of all goals, then a section for each benchmark."""
        columns = tuple(map(Column, ("benchmark", *GOAL_TITLES)))
        goals = tuple((report.name, *goal.row) for report in self.reports for goal in report.goals)
        parts_of = [f"{name} of {r.name}" for r in self.reports for name in r.failures]
        failed = ", ".join([*(failure.name for failure in self.failures), *parts_of])
        parts = ["# Benchmarks\n", f"`{self.command}`\n"]
        if failed:
            parts.append(f"**Failed: {failed}.**\n")
        if goals:
            parts.append(Table("Goals", "", columns, goals).markdown())
        for result in self.results:
            if isinstance(result, Report):
                parts.append(result.markdown())
            else:
                parts.append(f"## {result.name}\n\n**Failed**: {result.reason}\n")
        return "\n".join(parts)

    def document(self) -> dict[str, Any]:
        """Return the page for programs, in what JSON knows."""
        return {
            "command": self.command,
            "reports": [report.document() for report in self.reports],
            "failures": {failure.name: failure.reason for failure in self.failures},
        }

    def write(self, folder: Path) -> None:
        """Write benchmarks.md and benchmarks.json into a folder, which is made."""
        write_both(folder, NAME, self.markdown(), self.document())
