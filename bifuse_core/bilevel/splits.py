# SPDX-License-Identifier: Apache-2.0
"""From the sources of a configuration to the crops of both levels."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path

from bifuse_core.bilevel.crops import Crops, Part, Remembered, Source
from bifuse_core.bilevel.data_settings import DataSettings, SourceSettings
from bifuse_core.bilevel.labelled import open_labelled
from bifuse_core.data.entries import EntryDataset
from bifuse_core.data.faults import PairError


@dataclass(frozen=True)
class Splits:
    """Crops for each level.

    Attributes:
        whole: of all samples, for the warm start.
        training: of the samples of the lower level.
        validation: of the samples of the upper level.
    """

    whole: Crops
    training: Crops
    validation: Crops


def open_splits(
    settings: DataSettings, folder: Path, seed: int, tasks: Collection[str] = ()
) -> Splits:
    """Open the sources of a run.

    Args:
        settings: tells the sources and how crops are cut.
        folder: what the paths of the sources are relative to.
        seed: of the crops.
        tasks: those that need labels.

    Raises:
        PairError: a source is missing, faulty or too small to be divided.
        ValueError: see `open_labelled`.
    """
    datasets = [_open(source, folder, tasks) for source in settings.sources]
    # One memory for all splits.
    remembered = [Remembered(dataset, settings.remembered) for dataset in datasets]
    every = settings.validation_every

    def crops(keep: Callable[[int], bool], seed: int) -> Crops:
        sources = [
            Source(
                Part(pairs, [n for n in range(len(pairs)) if keep(n)]),
                source.share,
                source.normalisation,
            )
            for pairs, source in zip(remembered, settings.sources, strict=True)
        ]
        return Crops(sources, settings.crop, settings.scale, settings.vary, seed)

    if every:
        for dataset, source in zip(datasets, settings.sources, strict=True):
            if len(dataset) < every:
                raise PairError(
                    f"{folder / source.path}: {len(dataset)} samples cannot be divided with "
                    f"data.validation_every {every}; it takes at least {every}"
                )
    whole = crops(lambda number: True, seed)
    if not every:
        return Splits(whole, whole, replace(whole, seed=seed + 1))
    training = crops(lambda number: number % every != 0, seed)
    return Splits(whole, training, crops(lambda number: number % every == 0, seed + 1))


def _open(source: SourceSettings, folder: Path, tasks: Collection[str]) -> EntryDataset:
    dataset = open_labelled(folder / source.path, source.layout, source.split, source, tasks)
    return replace(dataset, entries=dataset.entries[:: source.every])
