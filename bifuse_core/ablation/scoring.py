# SPDX-License-Identifier: Apache-2.0
"""Trained variants, scored on the data sets of a plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from bifuse_core.ablation.plan import Columns
from bifuse_core.ablation.runs import Run
from bifuse_core.data.datasets import open_dataset
from bifuse_core.data.entries import EntryDataset
from bifuse_core.data.layouts.layout import Options
from bifuse_core.evaluation.album import Album
from bifuse_core.evaluation.ledger import Ledger, Scores
from bifuse_core.evaluation.methods import ModelMethod
from bifuse_core.evaluation.run import Evaluation
from bifuse_core.evaluation.tables import by_method, means
from bifuse_core.evaluation.timing import Timings


@dataclass(frozen=True)
class ScoredSet:
    """The data set of some columns.

    Attributes:
        columns: what is asked for.
        dataset: the pairs.
        path: where it was found.
    """

    columns: Columns
    dataset: EntryDataset
    path: Path

    @property
    def pairs(self) -> int:
        """How many pairs there are."""
        return len(self.dataset)

    def score(self, runs: Sequence[Run], out: Path, device: torch.device) -> dict[str, Scores]:
        """Return the mean scores of every run, by its name; pictures scored before are not again.

        Args:
            runs: finished ones.
            out: folder of the scores.
            device: where pictures are fused and scored.

        Raises:
            PairError: a pair cannot be used.
            ValueError: a picture is too small for the metrics.
        """
        out.mkdir(parents=True, exist_ok=True)
        ledger = Ledger(out / "scores.jsonl", {"path": str(self.path.resolve()), "layout": "auto"})
        methods = [
            ModelMethod(f"{run.settings.network}={run.weights}", device, run.name) for run in runs
        ]
        scoring = Evaluation(self.dataset, methods, ledger, Album(out, ()), Timings(device), device)
        return {
            name: means({picture: result.scores for picture, result in rows.items()})
            for name, rows in by_method(scoring.run()).items()
        }


def open_scored_set(columns: Columns, folder: Path) -> ScoredSet:
    """Open the data set of some columns.

    Args:
        columns: tell which, and which pairs of it.
        folder: what its path is relative to.

    Raises:
        PairError: it is missing or faulty.
    """
    path = folder / columns.data
    dataset = open_dataset(path, options=Options(annotated=False))
    return ScoredSet(
        columns, replace(dataset, entries=dataset.entries[columns.first :: columns.every]), path
    )
