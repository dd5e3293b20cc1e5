# SPDX-License-Identifier: Apache-2.0
"""Entropy of the fused picture (EN), and what it tells about its sources (MI)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bifuse_core.metrics.fusion.levels import GREY_LEVELS, comparable


def entropy(fused: Tensor) -> Tensor:
    """Return EN, the entropy of the grey levels in bits, (B,) in [0, 8].

    Source: Roberts et al., Journal of Applied Remote Sensing 2 (2008).

    Args:
        fused: (B, 1, H, W) grey levels 0 to 255; others are rounded.

    Raises:
        ValueError: another shape.
    """
    (fused,) = comparable("EN", 1, fused)
    return _bits(_bins(fused), GREY_LEVELS)


def mutual_information(fused: Tensor, thermal: Tensor, luma: Tensor) -> Tensor:
    """Return MI = I(thermal; fused) + I(luma; fused) in bits, (B,) in [0, 16].

    From joint histograms of 256 x 256 grey levels. Source: Qu et al., Electronics Letters 38
    (2002). Toolboxes that use the natural logarithm give 0.693 of it.

    Args:
        fused: (B, 1, H, W) grey levels 0 to 255; others are rounded.
        thermal: likewise.
        luma: likewise.

    Raises:
        ValueError: the shapes differ.
    """
    fused, *sources = (_bins(x) for x in comparable("MI", 1, fused, thermal, luma))
    information = torch.zeros(fused.shape[0], dtype=torch.float64, device=fused.device)
    for source in sources:
        joint = _bits(source * GREY_LEVELS + fused, GREY_LEVELS**2)
        information += _bits(source, GREY_LEVELS) + _bits(fused, GREY_LEVELS) - joint
    return information


def _bins(picture: Tensor) -> Tensor:
    """Return the histogram bin of every pixel, (B, H * W) int64."""
    return picture.round().clamp(0, GREY_LEVELS - 1).long().flatten(1)


def _bits(bins: Tensor, number: int) -> Tensor:
    """Return the entropy of each row's histogram of `number` bins, (B,)."""
    batch, pixels = bins.shape
    rows = torch.arange(batch, device=bins.device).unsqueeze(1) * number
    counts = torch.bincount((bins + rows).flatten(), minlength=batch * number)
    shares = counts.view(batch, number).double() / pixels
    return torch.special.entr(shares).sum(1) / math.log(2)
