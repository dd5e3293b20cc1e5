# SPDX-License-Identifier: Apache-2.0
"""What detectors and segmenters see in several inputs, in the forms of the paper's tables 2 and 3.

Both have a line for each input.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from bifuse_core.engine.cost import Cost
from bifuse_core.evaluation.ledger import Scores
from bifuse_core.evaluation.tables import NO_VALUE, markdown_lines

MEAN = "mean"
"""Stands for the mean of all classes beside their names."""

MILLION, BILLION = 1e6, 1e9


@dataclass(frozen=True)
class Shown:
    """A measure as a table shows it.

    Attributes:
        measure: its name.
        head: over the value of a class, whose name takes the place of `{}`.
        mean: over the mean of all classes.
        unit: of the values shown.
        digits: after the point.
    """

    measure: str
    head: str
    mean: str
    unit: float = 1.0
    digits: int = 3


TABLE_2 = (Shown("AP50", "{} ↑", "mAP@0.5 ↑"),)
"""Of detectors."""

TABLE_3 = (
    Shown("accuracy", "{} Acc ↑", "mAcc ↑", unit=0.01, digits=1),
    Shown("IoU", "{} IoU ↑", "mIoU ↑", unit=0.01, digits=1),
)
"""Of segmenters, in percent."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        group: stands over it and the others of the same one.
        head: over its numbers.
        values: of each line; None where there is none.
        digits: after the point.
        least: whether the least is the best.
    """

    group: str
    head: str
    values: Sequence[float | None]
    digits: int
    least: bool = False

    def cells(self) -> list[tuple[str, bool]]:
        """Return the text of each line, and whether it is the best of several that differ."""
        known = [value for value in self.values if value is not None]
        best = (min if self.least else max)(known, default=None)
        texts = [self._text(value) for value in self.values]
        differ = len({self._text(value) for value in known}) > 1
        return [(text, differ and text == self._text(best)) for text in texts]

    def _text(self, value: float | None) -> str:
        return NO_VALUE if value is None else f"{value:.{self.digits}f}"


def score_columns(
    form: Sequence[Shown], lines: Sequence[Mapping[str, Mapping[str, Scores]]]
) -> list[Column]:
    """Return the columns of scores, grouped by data set.

    Args:
        form: the measures shown.
        lines: of each input, by data set and measure, the scores of the classes and of `MEAN`.
    """
    return [
        Column(
            data,
            shown.mean if name == MEAN else shown.head.format(name),
            [_in_unit(line[data][shown.measure][name], shown.unit) for line in lines],
            shown.digits,
        )
        for data, measures in lines[0].items()
        for name in measures[form[0].measure]
        for shown in form
    ]


def cost_columns(group: str, costs: Sequence[Cost | None]) -> list[Column]:
    """Return what each input costs, as table 2 shows it."""
    sizes = [cost and cost.parameters / MILLION for cost in costs]
    flops = [cost and cost.flops / BILLION for cost in costs]
    seconds = [cost and cost.seconds for cost in costs]
    return [
        Column(group, "Size (M) ↓", sizes, 3, least=True),
        Column(group, "FLOPs (G) ↓", flops, 2, least=True),
        Column(group, "Time (s) ↓", seconds, 4, least=True),
    ]


def by_group(columns: Sequence[Column]) -> dict[str, list[Column]]:
    """Return the columns by what stands over them."""
    groups: dict[str, list[Column]] = {}
    for column in columns:
        groups.setdefault(column.group, []).append(column)
    return groups


def markdown(names: Sequence[str], columns: Sequence[Column]) -> str:
    """Return a table in Markdown, the best of every column bold.

    Args:
        names: of the lines.
        columns: in order; the name of a group stands over the first of it.
    """
    groups = [column.group for column in columns]
    first = [g if groups.index(g) == n else "" for n, g in enumerate(groups)]
    cells = [
        [f"**{text}**" if best else text for text, best in column.cells()] for column in columns
    ]
    rows = [list(row) for row in zip(names, *cells, strict=True)]
    return markdown_lines([["Input", *first], ["", *(c.head for c in columns)], *rows])


def terminal(title: str, names: Sequence[str], columns: Sequence[Column]) -> Table:
    """Return the columns of one group for a terminal; see `markdown`."""
    table = Table("Input", title=title, title_justify="left")
    for column in columns:
        # Numbers are narrower than the names over them.
        table.add_column(column.head.replace(" ", "\n", 1), justify="right")
    cells = [
        [Text(text, "bold" if best else "") for text, best in column.cells()] for column in columns
    ]
    for row in zip(names, *cells, strict=True):
        table.add_row(*row)
    return table


def without_nan(scores: Mapping[str, float]) -> Scores:
    """Return scores with None where they are NaN, which JSON does not have."""
    return {name: None if math.isnan(value) else value for name, value in scores.items()}


def _in_unit(value: float | None, unit: float) -> float | None:
    return None if value is None else value / unit
