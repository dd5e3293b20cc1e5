# SPDX-License-Identifier: Apache-2.0
"""The run: every pair fused by every method and scored, unless that was done before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from bifuse_core.data.entries import EntryDataset
from bifuse_core.data.tensors import TensorPairs, TensorSample
from bifuse_core.evaluation.album import Album
from bifuse_core.evaluation.fingerprint import fingerprint
from bifuse_core.evaluation.ledger import Key, Ledger, Levels, Result
from bifuse_core.evaluation.methods import Method
from bifuse_core.evaluation.timing import Timings
from bifuse_core.imaging.thermal import ThermalSettings
from bifuse_core.metrics.fusion.levels import grey_levels
from bifuse_core.metrics.fusion.score import score_fusion

SCORING = "all metrics"
"""Name of the stage of `Timings` beside those of the methods."""


@dataclass(frozen=True)
class Evaluation:
    """A comparison of methods on a data set.

    Attributes:
        dataset: the pairs.
        methods: fuse them.
        ledger: keeps the results.
        album: keeps pictures.
        timings: told how long each method takes for a picture, and `SCORING`.
        device: where scores are computed.
        workers: processes that read pairs; 0 reads them in this one.
        thermal: how thermal counts become grey levels.
    """

    dataset: EntryDataset
    methods: Sequence[Method]
    ledger: Ledger
    album: Album
    timings: Timings
    device: torch.device
    workers: int = 0
    thermal: ThermalSettings = ThermalSettings()

    def run(self) -> dict[Key, Result]:
        """Return the result of every pair by every method, pair by pair.

        Pairs are read even where all was done before: only that tells whether they are the same.

        Raises:
            PairError: a pair, or a method's result for it, is missing or cannot be used.
            ValueError: a picture is too small for the metrics.
        """
        # All of them before the first is scored: a missing picture shows at once, not after hours.
        versions = {
            name: [method.version(name) for method in self.methods]
            for name in (entry.pair.name for entry in self.dataset.entries)
        }
        pairs = _FaultsReturned(TensorPairs(self.dataset, self.thermal))
        results: dict[Key, Result] = {}
        total = len(pairs) * len(self.methods)
        with tqdm(total=total, desc="fusing and scoring", unit="picture") as progress:
            for sample in DataLoader(pairs, batch_size=None, num_workers=self.workers):
                if isinstance(sample, Exception):
                    raise sample
                inputs = fingerprint(sample)
                for method, version in zip(self.methods, versions[sample.name], strict=True):
                    progress.set_postfix_str(method.name, refresh=False)
                    key = Key(method.name, version, sample.name, inputs)
                    results[key] = self._result(sample, key, method)
                    progress.update()
        return results

    def _result(self, sample: TensorSample, key: Key, method: Method) -> Result:
        if key in self.ledger and not self.album.lacks(key):
            return self.ledger[key]
        thermal, luma = (x[None].to(self.device) for x in (sample.thermal, sample.luma))
        with self.timings.stage(method.name):
            fused = method.fuse(sample.name, thermal, luma)
        if self.album.lacks(key):
            self.album.add(key, sample, fused)
        if key not in self.ledger:
            try:
                with self.timings.stage(SCORING):
                    scores = score_fusion(fused, thermal, luma)
            except ValueError as error:
                raise ValueError(f"pair {sample.name}: {error}") from error
            levels = Levels(*(grey_levels(x).mean().item() for x in (fused, thermal, luma)))
            self.ledger.add(key, {metric: value.item() for metric, value in scores.items()}, levels)
        return self.ledger[key]


@dataclass(frozen=True)
class _FaultsReturned(Dataset[TensorSample | Exception]):
    """Samples, or what is wrong with them: raised in a worker, it would come as a traceback."""

    samples: TensorPairs

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, number: int) -> TensorSample | Exception:
        try:
            return self.samples[number]
        except (ValueError, OSError) as fault:  # PairError among them
            return fault
