# SPDX-License-Identifier: Apache-2.0
"""Means over a data set, as tables: a column for each method."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from rich.table import Table

from bifuse_core.evaluation.ledger import Key, Result, Scores

NO_VALUE = "-"


def by_method(results: dict[Key, Result]) -> dict[str, dict[str, Result]]:
    """Return the result of every picture of every method, by the names of both."""
    methods: dict[str, dict[str, Result]] = {}
    for key, result in results.items():
        methods.setdefault(key.method, {})[key.picture] = result
    return methods


def means(pictures: dict[str, Scores]) -> Scores:
    """Return the mean of every metric over the pictures that have a value of it.

    `hot` has none where nothing is hot, so it is a mean over fewer pictures; None where no picture
    has a value.

    Args:
        pictures: the scores of each, at least one.
    """
    columns = {metric: [row[metric] for row in pictures.values()] for metric in _metrics(pictures)}
    return {metric: mean(values) for metric, values in columns.items()}


def mean(values: Iterable[float | None]) -> float | None:
    """Return the mean of the values that there are; None where there is none."""
    there = [value for value in values if value is not None]
    return sum(there) / len(there) if there else None


def terminal_table(title: str, columns: dict[str, Scores]) -> Table:
    """Return the table for a terminal.

    Args:
        title: over it.
        columns: the means of each method, and its flicker where there is one.
    """
    table = Table("", title=title, title_justify="left")
    for name in columns:
        table.add_column(name, justify="right")
    for row in _rows(columns):
        table.add_row(*row)
    return table


def markdown_table(columns: dict[str, Scores]) -> str:
    """Return the table in Markdown; see `terminal_table`."""
    return markdown_lines([["", *columns], *_rows(columns)])


def markdown_lines(lines: Sequence[Sequence[str]], words: int = 1) -> str:
    """Return lines of cells as a table in Markdown.

    Args:
        lines: the first is the head.
        words: columns of words, which stand to the left; the others hold numbers.
    """
    rule = ["---"] * words + ["---:"] * (len(lines[0]) - words)
    # A bar would end the cell.
    escaped = ([cell.replace("|", "\\|") for cell in line] for line in [lines[0], rule, *lines[1:]])
    return "".join(f"| {' | '.join(line)} |\n" for line in escaped)


def html_table(columns: dict[str, Scores]) -> str:
    """Return the table in HTML; see `terminal_table`."""
    lines = [["", *columns], *_rows(columns)]
    cells = ("".join(f"<td>{html.escape(cell)}</td>" for cell in line) for line in lines)
    return f"<table>{''.join(f'<tr>{line}</tr>' for line in cells)}</table>"


def _rows(columns: dict[str, Scores]) -> list[list[str]]:
    return [
        [metric, *(_cell(scores[metric]) for scores in columns.values())]
        for metric in _metrics(columns)
    ]


def _metrics(rows: dict[str, Scores]) -> list[str]:
    return list(next(iter(rows.values())))


def _cell(score: float | None) -> str:
    return NO_VALUE if score is None else f"{score:.3f}"
