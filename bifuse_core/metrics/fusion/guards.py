# SPDX-License-Identifier: Apache-2.0
"""What a fused picture must not lose for the sake of a metric, against the pixel-wise maximum."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bifuse_core.metrics.fusion.levels import comparable

HOTTEST = 0.02
"""Share of the thermal pixels that are called hot."""

MARGIN = 20.0
"""Grey levels by which a hot pixel must be brighter in the thermal picture than in the other."""


def level(fused: Tensor, thermal: Tensor, luma: Tensor) -> Tensor:
    """Return the mean grey level over that of the maximum, (B,); 1 for two black pictures.

    Args:
        fused: (B, 1, H, W) grey levels 0 to 255.
        thermal: likewise.
        luma: likewise.

    Raises:
        ValueError: the shapes differ.
    """
    fused, thermal, luma = comparable("level", 1, fused, thermal, luma)
    mean, brightest = (x.mean(dim=(1, 2, 3)) for x in (fused, torch.maximum(thermal, luma)))
    return torch.where(brightest > 0, mean / brightest.clamp_min(1e-300), 1)


def distance_from_maximum(fused: Tensor, thermal: Tensor, luma: Tensor) -> Tensor:
    """Return the mean absolute difference from the maximum in grey levels, (B,) in [0, 255].

    Args:
        fused: (B, 1, H, W) grey levels 0 to 255.
        thermal: likewise.
        luma: likewise.

    Raises:
        ValueError: the shapes differ.
    """
    fused, thermal, luma = comparable("|F - max|", 1, fused, thermal, luma)
    return (fused - torch.maximum(thermal, luma)).abs().mean(dim=(1, 2, 3))


def hot(fused: Tensor, thermal: Tensor, luma: Tensor) -> Tensor:
    """Return how bright hot things stay: the mean of fused / thermal over hot pixels, (B,).

    Hot are the hottest 2 % of the thermal picture (with all pixels as hot as the last of them)
    where it is more than 20 grey levels above the luminance. NaN where no pixel is hot.

    Args:
        fused: (B, 1, H, W) grey levels 0 to 255.
        thermal: likewise.
        luma: likewise.

    Raises:
        ValueError: the shapes differ.
    """
    fused, thermal, luma = (x.flatten(1) for x in comparable("hot", 1, fused, thermal, luma))
    coolest = thermal.shape[1] - math.ceil(HOTTEST * thermal.shape[1]) + 1
    threshold = thermal.kthvalue(coolest, dim=1, keepdim=True).values
    chosen = (thermal >= threshold) & (thermal > luma + MARGIN)
    ratios = torch.where(chosen, fused / thermal.clamp_min(MARGIN), 0)
    return ratios.sum(1) / chosen.sum(1)
