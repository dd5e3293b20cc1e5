# SPDX-License-Identifier: Apache-2.0
"""Reports as they were written to JSON, by this version or another."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from bifuse_core.bench.goal import Goal
from bifuse_core.bench.report import Column, Report, Table

T = TypeVar("T")


def read_reports(file: Path) -> tuple[Report, ...]:
    """Read a report, or all of a page; what other versions added is left aside.

    Raises:
        OSError: the file cannot be read.
        ValueError: it holds no report.
    """
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        return tuple(map(_report, document.get("reports", [document])))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{file}: no report of `bifuse bench`: {error!r}") from error


def _report(document: Mapping[str, Any]) -> Report:
    return _made(
        Report,
        {
            **document,
            "tables": tuple(map(_table, document["tables"])),
            "goals": tuple(_made(Goal, goal) for goal in document.get("goals", ())),
            "failures": tuple(document.get("failures", ())),
            "machine": document.get("machine", "an unknown machine"),
            "date": document.get("date", "some day"),
        },
    )


def _table(document: Mapping[str, Any]) -> Table:
    columns = tuple(_made(Column, column) for column in document["columns"])
    rows = tuple(map(tuple, document["rows"]))
    for row in rows:
        if len(row) != len(columns):
            raise ValueError(f"{document['title']}: {len(row)} cells, {len(columns)} columns")
    return _made(Table, {**document, "columns": columns, "rows": rows})


def _made(kind: type[T], document: Mapping[str, Any]) -> T:
    """Return an object of a data class, without the keys that it does not know."""
    known = {known.name for known in fields(kind)}  # type: ignore[arg-type]
    return kind(**{key: value for key, value in document.items() if key in known})
