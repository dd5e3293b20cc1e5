# SPDX-License-Identifier: Apache-2.0
"""Scores on disk, a line each, so that an interrupted run goes on where it was."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import NamedTuple


class Key(NamedTuple):
    """What a score belongs to."""

    method: str
    version: str
    """SHA-256 of weights or fused picture, or `none`."""
    picture: str


Scores = dict[str, float | None]
"""Metrics of one picture by name; None where a metric has no finite value."""


class Ledger:
    """The scores of one data set in a JSON-lines file that is only ever appended to.

    Args:
        file: made if it is not there.
        dataset: what says which pictures are meant; the first line of the file.

    Raises:
        ValueError: the file belongs to another data set, or a line is no score.
    """

    def __init__(self, file: Path, dataset: dict[str, str]) -> None:
        self._file = file
        self._scores: dict[Key, Scores] = {}
        lines = _whole_lines(file)
        if not lines:
            self._append({"dataset": dataset})
            return
        try:
            found, *rows = (json.loads(line) for line in lines)
            there = found["dataset"]
            for row in rows:
                key = Key(row["method"], row["version"], row["picture"])
                self._scores[key] = row["scores"]
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{file}: not a file of scores: {error!r}") from error
        if there != dataset:
            raise ValueError(
                f"{file}: holds scores of {there}, not of {dataset}; choose another --out"
            )

    def __contains__(self, key: Key) -> bool:
        return key in self._scores

    def __getitem__(self, key: Key) -> Scores:
        return self._scores[key]

    def add(self, key: Key, scores: dict[str, float]) -> None:
        """Keep the scores of one picture, at once on disk."""
        # JSON knows neither NaN nor infinity.
        kept: Scores = {n: v if math.isfinite(v) else None for n, v in scores.items()}
        self._append({**key._asdict(), "scores": kept})
        self._scores[key] = kept

    def _append(self, row: dict[str, object]) -> None:
        with self._file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(row) + "\n")


def _whole_lines(file: Path) -> list[str]:
    """Return the lines of a file, having cut off one that a killed run left unfinished."""
    if not file.exists():
        return []
    text = file.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        file.write_text(whole, encoding="utf-8")
    return whole.splitlines()
