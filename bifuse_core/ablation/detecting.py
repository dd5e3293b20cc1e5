# SPDX-License-Identifier: Apache-2.0
"""The detectors that guided the variants, scored on what their fusion networks show them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from bifuse_core.ablation.plan import MEAN, Columns
from bifuse_core.ablation.runs import Run
from bifuse_core.bilevel.sections import DETECTION
from bifuse_core.data.whole import written_whole
from bifuse_core.evaluation.ledger import Scores
from bifuse_core.evaluation.task_tables import without_nan
from bifuse_core.nets.checkpoint import sha256_of
from bifuse_core.nets.zoo import load_detector
from bifuse_core.perception.inputs import input_by_name
from bifuse_core.perception.scoring import score_detector
from bifuse_core.perception.settings import TaskSourceSettings
from bifuse_core.perception.sources import open_sources


@dataclass(frozen=True)
class DetectedSet:
    """The data set of some columns of detection.

    Attributes:
        columns: what is asked for.
        settings: of the data set.
        folder: what its path is relative to.
        pairs: how many it has.
    """

    columns: Columns
    settings: TaskSourceSettings
    folder: Path
    pairs: int

    def score(self, runs: Sequence[Run], out: Path, device: torch.device) -> dict[str, Scores]:
        """Return the AP50 of every run, by its name; runs scored before are not again.

        A run that no detector guided has no score, nor has a class that no picture shows.

        Args:
            runs: finished ones.
            out: folder of the scores.
            device: where pictures are fused and seen.

        Raises:
            PairError: a pair cannot be used.
            CheckpointError: the weights of a run cannot be used.
        """
        out.mkdir(parents=True, exist_ok=True)
        return {
            run.name: self._scores(run, out / f"{run.folder.name}.json", device) for run in runs
        }

    def _scores(self, run: Run, file: Path, device: torch.device) -> Scores:
        if DETECTION not in run.settings.guides:
            return dict.fromkeys(self.columns.metrics)
        detector = run.folder / f"{run.settings.detector.network}.safetensors"
        decided = {
            "fusion": sha256_of(run.weights),
            "detector": sha256_of(detector),
            "data": self.settings.model_dump(mode="json"),
        }
        if file.is_file():
            stored = json.loads(file.read_text(encoding="utf-8"))
            if {name: stored.get(name) for name in decided} == decided:
                return dict(stored["scores"])
        see = input_by_name(f"{run.settings.network}={run.weights}", str(device))
        sources = open_sources([self.settings], self.folder, DETECTION, see)
        net = load_detector(run.settings.detector.network, detector).net.to(device)
        found = score_detector(net, sources)
        scores = without_nan({**found.ap50, MEAN: found.map50})
        with written_whole(file) as temporary:
            text = json.dumps({**decided, "scores": scores}, indent=1)
            temporary.write_text(text, encoding="utf-8")
        return scores


def open_detected_set(columns: Columns, folder: Path) -> DetectedSet:
    """Open the data set of some columns of detection.

    Args:
        columns: tell which, and which pairs of it.
        folder: what its path is relative to.

    Raises:
        PairError: it is missing or faulty.
        ValueError: its classes are not those that the columns name.
    """
    settings = TaskSourceSettings(
        path=columns.data, every=columns.every, first=columns.first, **columns.labels.model_dump()
    )
    see = input_by_name("rgb")
    (source,) = open_sources([settings], folder, DETECTION, see)
    return DetectedSet(columns, settings, folder, len(source.samples))
