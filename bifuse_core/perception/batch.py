# SPDX-License-Identifier: Apache-2.0
"""What one step of a task network looks at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bifuse_core.nets.detection.loss import Truth
from bifuse_core.perception.crops import Crop

WHITE = 255


@dataclass(frozen=True, eq=False)
class Batch:
    """Crops of one size.

    Attributes:
        names: of the pictures.
        rgb: (B, 3, H, W) float32 in [0, 1], in the channels-last order of memory.
        truth: what is known of the objects in each; None where nothing is.
        masks: (B, H, W) int64 class numbers, see `Sample`; None where there are none.
        weights: (B,) of the pictures in the loss.
    """

    names: tuple[str, ...]
    rgb: Tensor
    truth: tuple[Truth | None, ...]
    masks: Tensor | None
    weights: Tensor

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device."""
        return Batch(
            self.names,
            self.rgb.to(device),
            tuple(known and _moved(known, device) for known in self.truth),
            None if self.masks is None else self.masks.to(device),
            self.weights.to(device),
        )


def collate(crops: Sequence[Crop]) -> Batch:
    """Join crops of one size to a batch; all of them have masks, or none."""
    pictures = torch.from_numpy(np.stack([crop.sample.rgb for crop in crops]))
    masks = [crop.sample.mask for crop in crops if crop.sample.mask is not None]
    return Batch(
        tuple(f"{crop.source.name}: {crop.sample.name}" for crop in crops),
        pictures.permute(0, 3, 1, 2).float().div_(WHITE),
        tuple(_truth(crop) for crop in crops),
        torch.from_numpy(np.stack(masks)).long() if masks else None,
        torch.tensor([crop.source.weight for crop in crops]),
    )


def _truth(crop: Crop) -> Truth | None:
    sample, source = crop.sample, crop.source
    if sample.boxes is None or sample.labels is None:
        return None
    return Truth(
        torch.from_numpy(sample.boxes),
        torch.from_numpy(sample.labels),
        torch.from_numpy(sample.ignore),
        torch.tensor(source.known),
        source.weight,
    )


def _moved(known: Truth, device: torch.device) -> Truth:
    return Truth(
        known.boxes.to(device),
        known.labels.to(device),
        known.ignore.to(device),
        known.known.to(device),
        known.weight,
    )
