# SPDX-License-Identifier: Apache-2.0
"""The run: every pair fused by every method and scored, unless that was done before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch.utils.data import DataLoader
from tqdm import tqdm

from bifuse_core.data.entries import EntryDataset
from bifuse_core.data.tensors import TensorPairs, TensorSample
from bifuse_core.evaluation.album import Album
from bifuse_core.evaluation.ledger import Key, Ledger, Scores
from bifuse_core.evaluation.methods import Method
from bifuse_core.metrics.fusion.score import score_fusion


@dataclass(frozen=True)
class Evaluation:
    """A comparison of methods on a data set.

    Attributes:
        dataset: the pairs.
        methods: fuse them.
        ledger: keeps the scores.
        album: keeps pictures.
        device: where scores are computed.
        workers: processes that read pairs; 0 reads them in this one.
    """

    dataset: EntryDataset
    methods: Sequence[Method]
    ledger: Ledger
    album: Album
    device: torch.device
    workers: int = 0

    def run(self) -> dict[Key, Scores]:
        """Return the scores of every pair by every method, pair by pair.

        Raises:
            PairError: a pair, or a method's result for it, is missing or cannot be used.
            ValueError: a picture is too small for the metrics.
        """
        entries = self.dataset.entries
        # All of them before the first is scored: a missing picture shows at once, not after hours.
        keys = {
            name: [Key(method.name, method.version(name), name) for method in self.methods]
            for name in (entry.pair.name for entry in entries)
        }
        waiting = {name for name in keys if any(self._waits(key) for key in keys[name])}
        chosen = replace(self.dataset, entries=tuple(e for e in entries if e.pair.name in waiting))
        if waiting:
            self._score(chosen, keys)
        return {key: self.ledger[key] for row in keys.values() for key in row}

    def _waits(self, key: Key) -> bool:
        return key not in self.ledger or self.album.lacks(key)

    def _score(self, dataset: EntryDataset, keys: dict[str, list[Key]]) -> None:
        samples = DataLoader(TensorPairs(dataset), batch_size=None, num_workers=self.workers)
        total = sum(self._waits(key) for e in dataset.entries for key in keys[e.pair.name])
        with tqdm(total=total, desc="fusing and scoring", unit="picture") as progress:
            for sample in samples:
                for key, method in zip(keys[sample.name], self.methods, strict=True):
                    if self._waits(key):
                        progress.set_postfix_str(method.name, refresh=False)
                        self._score_one(sample, key, method)
                        progress.update()

    def _score_one(self, sample: TensorSample, key: Key, method: Method) -> None:
        thermal, luma = (x[None].to(self.device) for x in (sample.thermal, sample.luma))
        fused = method.fuse(sample.name, thermal, luma)
        if self.album.lacks(key):
            self.album.add(key, sample, fused)
        if key not in self.ledger:
            try:
                scores = score_fusion(fused, thermal, luma)
            except ValueError as error:
                raise ValueError(f"pair {sample.name}: {error}") from error
            self.ledger.add(key, {metric: value.item() for metric, value in scores.items()})
