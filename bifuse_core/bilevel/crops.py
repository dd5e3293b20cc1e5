# SPDX-License-Identifier: Apache-2.0
"""The endless draw of random crops from several data sets, each crop known by its number."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch.utils.data import Dataset

from bifuse_core.bilevel.batch import Batch, Crop, collate
from bifuse_core.bilevel.numbered import numbered_batches
from bifuse_core.data.augmentation import Augmentation, regraded
from bifuse_core.data.filling import filled
from bifuse_core.data.sample import PairDataset, Sample
from bifuse_core.data.tensors import normalised, to_tensors
from bifuse_core.imaging.saliency import saliency_by_table, saliency_share, saliency_table
from bifuse_core.imaging.thermal import Limits, ThermalSettings
from bifuse_core.metrics.fusion.guards import HOTTEST

EXTREMES = (0.15, 1.25)
USUAL = (0.6, 1.2)
"""Factors of grey levels: half of the varied pictures are as dark as a bad night, or glaring."""

OFFSET = (-0.05, 0.08)
GAMMA = (math.exp(-0.35), math.exp(0.35))


@dataclass(frozen=True)
class Source:
    """A data set to draw from.

    Attributes:
        pairs: its samples.
        share: part of all draws that it gets, relative to the other sources.
        thermal: how thermal counts become grey levels.
    """

    pairs: PairDataset
    share: float = 1.0
    thermal: ThermalSettings = ThermalSettings()


@dataclass
class Remembered:
    """A data set that keeps what it has read, as long as there is room (a `PairDataset`).

    Attributes:
        pairs: the data set.
        room: samples kept; 0 keeps none.
    """

    pairs: PairDataset
    room: int
    _kept: dict[int, Sample] = field(default_factory=dict, repr=False)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the box labels."""
        return self.pairs.classes

    @property
    def mask_classes(self) -> tuple[str, ...]:
        """Names of the mask values."""
        return self.pairs.mask_classes

    def thermal_limits(self, number: int, settings: ThermalSettings) -> Limits | None:
        """Return the thermal range of a sample; see `PairDataset`."""
        return self.pairs.thermal_limits(number, settings)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, number: int) -> Sample:
        if number in self._kept:
            return self._kept[number]
        sample = self.pairs[number]
        if len(self._kept) < self.room:
            self._kept[number] = sample
        return sample


@dataclass(frozen=True)
class Part:
    """Some samples of a data set (a `PairDataset`).

    Attributes:
        pairs: the data set.
        numbers: of the samples in it.
    """

    pairs: PairDataset
    numbers: Sequence[int]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the box labels."""
        return self.pairs.classes

    @property
    def mask_classes(self) -> tuple[str, ...]:
        """Names of the mask values."""
        return self.pairs.mask_classes

    def thermal_limits(self, number: int, settings: ThermalSettings) -> Limits | None:
        """Return the thermal range of a sample; see `PairDataset`."""
        return self.pairs.thermal_limits(self.numbers[number], settings)

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, number: int) -> Sample:
        return self.pairs[self.numbers[number]]


@dataclass(frozen=True)
class Crops(Dataset[Crop]):
    """Random crops; the one of a number is always the same, so a run goes on where it stopped.

    Each camera's grey levels are varied first, as exposures and thermal ranges do, on the whole
    picture: saliency and what is hot depend on all of it.

    Attributes:
        sources: at least one, each with at least one sample.
        size: side of a crop in pixels; smaller pictures are enlarged.
        scale: interval of the factor by which pictures are enlarged before the crop.
        vary: probability, for each camera, of its grey levels being varied.
        seed: of all random choices.
    """

    sources: Sequence[Source]
    size: int
    scale: tuple[float, float] = (1.0, 1.0)
    vary: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        # Before there are workers, each of which would read a whole recording for itself.
        for source in self.sources:
            source.pairs.thermal_limits(0, source.thermal)

    def __getitem__(self, number: int) -> Crop:
        """Return a crop.

        Raises:
            PairError: the sample it is taken from has a fault.
        """
        random = np.random.default_rng((self.seed, number))
        shares = np.array([source.share for source in self.sources])
        chosen = int(random.choice(len(self.sources), p=shares / shares.sum()))
        pairs, thermal = self.sources[chosen].pairs, self.sources[chosen].thermal
        index = int(random.integers(len(pairs)))
        limits = pairs.thermal_limits(index, thermal)
        whole = filled(self._varied(normalised(pairs[index], thermal, limits), random))
        tensors = to_tensors(whole)
        tables = [saliency_table(picture[None]) for picture in (tensors.thermal, tensors.luma)]
        levels = tensors.thermal.flatten()
        hottest = levels.kthvalue(levels.numel() - math.ceil(HOTTEST * levels.numel()) + 1)
        geometry = Augmentation(scale=self.scale, crop=(self.size, self.size), vary=0)
        part = to_tensors(geometry(whole, random))
        share = saliency_share(
            *(
                saliency_by_table(picture[None], table)[0]
                for picture, table in zip((part.thermal, part.luma), tables, strict=True)
            )
        )
        mix = torch.tensor(random.random(), dtype=torch.float32)
        return Crop(part, share, hottest.values, mix, chosen)

    def _varied(self, sample: Sample, random: np.random.Generator) -> Sample:
        pictures = []
        for picture in (sample.thermal, sample.rgb):
            if random.random() < self.vary:
                gain = random.uniform(*(EXTREMES if random.random() < 0.5 else USUAL))
                gamma = math.exp(random.uniform(*np.log(GAMMA)))
                picture = regraded(picture, gain, random.uniform(*OFFSET), gamma)
            pictures.append(picture)
        return replace(sample, thermal=pictures[0], rgb=pictures[1])


def batches(
    crops: Crops, size: int, *, first: int = 0, part: tuple[int, int] = (0, 1), workers: int = 0
) -> Iterator[Batch]:
    """Yield batch after batch, without end.

    Args:
        crops: where the crops come from.
        size: crops in a batch of all processes together.
        first: number of the first batch.
        part: number of this process, and how many there are; each gets its share of every batch.
        workers: processes that read ahead; 0 reads in this one.

    Raises:
        ValueError: the batch cannot be divided evenly.
        PairError: when a batch is asked for: a sample has a fault.
    """
    return numbered_batches(crops, collate, size, first=first, part=part, workers=workers)
