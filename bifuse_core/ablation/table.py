# SPDX-License-Identifier: Apache-2.0
"""The table in the paper's form, with the spread over the seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from bifuse_core.ablation.plan import Plan
from bifuse_core.evaluation.ledger import Scores
from bifuse_core.evaluation.tables import markdown_lines
from bifuse_core.metrics.fusion.score import GUARDS

NOTHING = "–"


@dataclass(frozen=True)
class Outcome:
    """What became of a variant with one seed.

    Attributes:
        steps: of its training.
        minutes: that they took.
        scores: means over each data set, by the label of the columns.
    """

    steps: str
    minutes: float
    scores: Mapping[str, Scores]


def markdown(plan: Plan, outcomes: Mapping[str, Sequence[Outcome]]) -> str:
    """Return the table in Markdown; what is not there yet has a dash.

    Args:
        plan: the table.
        outcomes: of every variant that was trained, one for each seed.
    """
    rows = [outcomes.get(variant.name, ()) for variant in plan.variants]
    grid = [[plan.corner, "", *(variant.name for variant in plan.variants)]]
    for columns in plan.columns:
        for number, metric in enumerate(columns.metrics):
            cells = [
                _spread([o.scores[columns.label][metric] for o in row])
                if columns.needs is None
                else NOTHING
                for row in rows
            ]
            head = metric if metric in GUARDS else f"{metric} ↑"
            grid.append([columns.label if number == 0 else "", head, *cells])
    if outcomes:
        grid.append(["Training", "steps", *(row[0].steps if row else NOTHING for row in rows)])
        grid.append(["", "minutes", *(_minutes([o.minutes for o in row]) for row in rows)])
    lines = grid if plan.lines == "metrics" else [list(line) for line in zip(*grid, strict=True)]
    words = 2 if plan.lines == "metrics" else 1
    return markdown_lines(lines, words)


def missing(plan: Plan) -> list[str]:
    """Return a line on everything in the table that is not there yet."""
    needs = [(columns.label, columns.needs) for columns in plan.columns]
    needs += [(variant.name, variant.needs) for variant in plan.variants]
    return [f"{NOTHING} {name}: needs {what}." for name, what in needs if what]


def _spread(values: Sequence[float | None]) -> str:
    there = [value for value in values if value is not None]
    if not there or len(there) < len(values):
        return NOTHING
    if len(there) == 1:
        return f"{there[0]:.3f}"
    return f"{mean(there):.3f} ± {stdev(there):.3f}"


def _minutes(values: Sequence[float]) -> str:
    return f"{mean(values):.1f}" if values else NOTHING
