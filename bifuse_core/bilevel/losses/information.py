# SPDX-License-Identifier: Apache-2.0
"""What the fused picture tells about each source (MI), differentiable."""

from __future__ import annotations

import math

import torch
from torch import Tensor

BINS = 128


def information(fused: Tensor, thermal: Tensor, luma: Tensor) -> Tensor:
    """Return I(source; F) in bits of thermal and luma, (B, 2), each in [0, 7].

    From joint histograms of 128 x 128 bins; the fused level, which has a derivative, is split
    between the two nearest bins.

    Args:
        fused: (B, 1, H, W) in [0, 1].
        thermal: likewise.
        luma: likewise.
    """
    level = fused.flatten(1).clamp(0, 1) * (BINS - 1)
    lower = level.detach().floor().clamp_max(BINS - 2)
    share = level - lower
    lower = lower.long()
    both = [_bits(lower, share, source) for source in (thermal, luma)]
    return torch.stack(both, dim=1)


def _bits(lower: Tensor, share: Tensor, source: Tensor) -> Tensor:
    batch, pixels = lower.shape
    rows = (source.flatten(1).clamp(0, 1) * (BINS - 1)).round().long() * BINS
    joint = torch.zeros(batch, BINS * BINS, dtype=share.dtype, device=share.device)
    joint = joint.scatter_add(1, rows + lower, 1 - share).scatter_add(1, rows + lower + 1, share)
    joint = joint.view(batch, BINS, BINS) / pixels
    entropies = [_entropy(part) for part in (joint.sum(1), joint.sum(2), joint.flatten(1))]
    return (entropies[0] + entropies[1] - entropies[2]) / math.log(2)


def _entropy(shares: Tensor) -> Tensor:
    return -(shares * torch.log(shares + 1e-12)).sum(1)
