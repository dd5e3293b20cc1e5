# SPDX-License-Identifier: Apache-2.0
"""Samples as the networks take them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from bifuse_core.data.augmentation import Augmentation
from bifuse_core.data.filling import filled
from bifuse_core.data.sample import PairDataset, Sample
from bifuse_core.imaging.colour import LUMA_WEIGHTS
from bifuse_core.imaging.thermal import Limits, ThermalNormaliser, ThermalSettings, between


class TensorSample(NamedTuple):
    """One sample for a network."""

    name: str
    thermal: Tensor
    """(1, H, W) float32 in [0, 1]."""
    luma: Tensor
    """(1, H, W) float32 in [0, 1]."""
    rgb: Tensor
    """(3, H, W) float32 in [0, 1]."""
    boxes: Tensor | None
    """(N, 4) float32, as in `Sample`."""
    labels: Tensor | None
    """(N,) int64."""
    ignore: Tensor
    """(M, 4) float32."""
    mask: Tensor | None
    """(H, W) int64."""


def normalised(
    sample: Sample, settings: ThermalSettings | None = None, limits: Limits | None = None
) -> Sample:
    """Return the sample with a thermal picture of float32 in [0, 1].

    Args:
        sample: a thermal picture in counts.
        settings: how these become grey levels.
        limits: the counts that become 0 and 1; None leaves them to the settings and, where those
            ask for it, to this picture alone: samples need not be of one scene.

    Raises:
        ValueError: no pixel of the thermal picture is finite.
    """
    if limits is None:
        return replace(sample, thermal=ThermalNormaliser(settings)(sample.thermal, 0))
    return replace(sample, thermal=between(limits, sample.thermal))


def to_tensors(sample: Sample) -> TensorSample:
    """Return a normalised sample as tensors.

    Raises:
        ValueError: its thermal picture is still in counts.
    """
    if sample.thermal.dtype != np.float32:
        raise ValueError(
            f"{sample.name}: the thermal picture is {sample.thermal.dtype}; normalise it first"
        )
    rgb = torch.from_numpy(sample.rgb.astype(np.float32) / 255)
    return TensorSample(
        sample.name,
        torch.from_numpy(sample.thermal)[None],
        (rgb @ torch.tensor(LUMA_WEIGHTS))[None],
        rgb.permute(2, 0, 1).contiguous(),
        None if sample.boxes is None else torch.from_numpy(sample.boxes),
        None if sample.labels is None else torch.from_numpy(sample.labels),
        torch.from_numpy(sample.ignore),
        None if sample.mask is None else torch.from_numpy(sample.mask.astype(np.int64)),
    )


@dataclass(frozen=True)
class TensorPairs(Dataset[TensorSample]):
    """A data set for a torch DataLoader; give that `collate_fn=list`, since boxes differ in number.

    Samples of a bag get the thermal range that fusion_node has at that moment, smoothed over time.

    Attributes:
        pairs: the samples.
        thermal: how thermal counts become grey levels.
        augmentation: varies each sample; None leaves it as it is.
        seed: of the augmentation; a sample is varied alike for the same seed, number and epoch.
        epoch: to be raised by one (`dataclasses.replace`) before each pass.

    Raises:
        PairError: a bag, which is read through once for the ranges, is no longer readable.
    """

    pairs: PairDataset
    thermal: ThermalSettings = ThermalSettings()
    augmentation: Augmentation | None = None
    seed: int = 0
    epoch: int = 0

    def __post_init__(self) -> None:
        # Before there are workers, each of which would read the whole recording for itself.
        if len(self):
            self.pairs.thermal_limits(0, self.thermal)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, number: int) -> TensorSample:
        """Read a sample.

        Raises:
            PairError: it has a fault.
            ValueError: its thermal picture has no finite pixel.
        """
        limits = self.pairs.thermal_limits(number, self.thermal)
        sample = filled(normalised(self.pairs[number], self.thermal, limits))
        if self.augmentation:
            random = np.random.default_rng((self.seed, self.epoch, number))
            sample = self.augmentation(sample, random)
        return to_tensors(sample)
