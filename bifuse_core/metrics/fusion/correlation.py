# SPDX-License-Identifier: Apache-2.0
"""How the fused picture correlates with its sources: CC and SCD."""

from __future__ import annotations

import torch
from torch import Tensor

from bifuse_core.metrics.fusion.levels import comparable


def correlation_coefficient(fused: Tensor, thermal: Tensor, luma: Tensor) -> Tensor:
    """Return CC, the mean correlation with both sources, (B,) in [-1, 1].

    A picture of one grey level correlates with nothing and counts 0. Source: Deshmukh and
    Bhosale, IJCSIT 1 (2010).

    Args:
        fused: (B, 1, H, W) grey levels 0 to 255.
        thermal: likewise.
        luma: likewise.

    Raises:
        ValueError: the shapes differ.
    """
    fused, thermal, luma = comparable("CC", 1, fused, thermal, luma)
    return (_pearson(thermal, fused) + _pearson(luma, fused)) / 2


def sum_of_correlations_of_differences(fused: Tensor, thermal: Tensor, luma: Tensor) -> Tensor:
    """Return SCD = r(fused - luma, thermal) + r(fused - thermal, luma), (B,) in [-2, 2].

    What one source does not explain should come from the other. A picture or difference of one
    grey level counts 0. Source: Aslantas and Bendes, AEU 69 (2015).

    Args:
        fused: (B, 1, H, W) grey levels 0 to 255.
        thermal: likewise.
        luma: likewise.

    Raises:
        ValueError: the shapes differ.
    """
    fused, thermal, luma = comparable("SCD", 1, fused, thermal, luma)
    return _pearson(fused - luma, thermal) + _pearson(fused - thermal, luma)


def _pearson(a: Tensor, b: Tensor) -> Tensor:
    a, b = a.flatten(1), b.flatten(1)
    a, b = a - a.mean(dim=1, keepdim=True), b - b.mean(dim=1, keepdim=True)
    scale = (a.square().sum(1) * b.square().sum(1)).sqrt()
    # Below that are only rounding errors of a picture without contrast.
    return torch.where(scale > 1e-9, (a * b).sum(1) / scale.clamp_min(1e-9), 0)
