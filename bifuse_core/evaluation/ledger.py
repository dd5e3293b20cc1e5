# SPDX-License-Identifier: Apache-2.0
"""Scores on disk, a line each, so that an interrupted run goes on where it was."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import NamedTuple


class Key(NamedTuple):
    """What a result belongs to, and all that decides it: where one differs, so may the result."""

    method: str
    version: str
    """SHA-256 of weights or fused picture, or `none`."""
    picture: str
    inputs: str
    """SHA-256 of pair and code; see `fingerprint`."""


Scores = dict[str, float | None]
"""Metrics by name; None where a metric has no finite value."""


class Levels(NamedTuple):
    """Mean grey levels of a fused picture and its sources, 0 to 255."""

    fused: float
    thermal: float
    luma: float


class Result(NamedTuple):
    """What is kept of one picture."""

    scores: Scores
    levels: Levels


class Ledger:
    """The results of one data set in a JSON-lines file that is only ever appended to.

    Args:
        file: made if it is not there.
        dataset: what says which pictures are meant; the first line of the file.

    Raises:
        ValueError: the file belongs to another data set, or a line is no result.
    """

    def __init__(self, file: Path, dataset: dict[str, str]) -> None:
        self._file = file
        self._results: dict[Key, Result] = {}
        lines = _whole_lines(file)
        if not lines:
            self._append({"dataset": dataset})
            return
        try:
            found, *rows = (json.loads(line) for line in lines)
            there = found["dataset"]
            for row in rows:
                key = Key(*(row[name] for name in Key._fields))
                self._results[key] = Result(row["scores"], Levels(*row["levels"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{file}: not a file of this version's scores: {error!r}; choose another --out"
            ) from error
        if there != dataset:
            raise ValueError(
                f"{file}: holds scores of {there}, not of {dataset}; choose another --out"
            )

    def __contains__(self, key: Key) -> bool:
        return key in self._results

    def __getitem__(self, key: Key) -> Result:
        return self._results[key]

    def add(self, key: Key, scores: dict[str, float], levels: Levels) -> None:
        """Keep the result of one picture, at once on disk."""
        result = Result(finite(scores), levels)
        self._append({**key._asdict(), **result._asdict()})
        self._results[key] = result

    def _append(self, row: dict[str, object]) -> None:
        with self._file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(row) + "\n")


def finite(scores: dict[str, float]) -> Scores:
    """Return scores with None for NaN and infinity, neither of which JSON knows."""
    return {name: value if math.isfinite(value) else None for name, value in scores.items()}


def _whole_lines(file: Path) -> list[str]:
    """Return the lines of a file, having cut off one that a killed run left unfinished."""
    if not file.exists():
        return []
    text = file.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        file.write_text(whole, encoding="utf-8")
    return whole.splitlines()
