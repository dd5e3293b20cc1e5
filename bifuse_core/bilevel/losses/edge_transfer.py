# SPDX-License-Identifier: Apache-2.0
"""How much of the sources' edges is lost in the fused picture (Qabf, as a loss)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bifuse_core.metrics.fusion.sobel import sobel

FAINT = 1e-4
"""Added below the root of a gradient's square, so that a flat neighbourhood has a derivative."""


def edge_loss(fused: Tensor, thermal: Tensor, luma: Tensor) -> Tensor:
    """Return 1 - Qabf, (B,) in [0, 1], with the original sigmoids.

    Unlike the metric, an edge turned by 180 degrees is the same edge, and pictures go on at their
    borders: crops are no pictures, and an arctangent that jumps has no useful derivative. Source:
    Xydeas and Petrovic, Electronics Letters 36 (2000).

    Args:
        fused: (B, 1, H, W) in [0, 1].
        thermal: likewise.
        luma: likewise.
    """
    fused_x, fused_y, fused_strength = _edges(fused)
    kept = weights = torch.zeros(len(fused), device=fused.device)
    for source in (thermal, luma):
        x, y, strength = _edges(source)
        ratio = torch.minimum(strength, fused_strength) / torch.maximum(strength, fused_strength)
        across = (x * fused_y - y * fused_x).abs()
        along = (x * fused_x + y * fused_y).abs()
        angle = torch.atan2(across, along + FAINT)
        alignment = 1 - angle / (math.pi / 2)
        strength_kept = 0.9994 * torch.sigmoid(15 * (ratio - 0.5))
        orientation_kept = 0.9879 * torch.sigmoid(22 * (alignment - 0.8))
        kept = kept + (strength_kept * orientation_kept * strength).sum(dim=(1, 2, 3))
        weights = weights + strength.sum(dim=(1, 2, 3))
    return 1 - kept / weights


def _edges(picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the derivatives along x and y, and the strength, which is never zero."""
    dx, dy = sobel(picture, "replicate")
    return dx, dy, torch.sqrt(dx * dx + dy * dy + FAINT**2)
