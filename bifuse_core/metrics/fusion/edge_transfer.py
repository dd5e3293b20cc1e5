# SPDX-License-Identifier: Apache-2.0
"""How well the edges of the sources arrive in the fused picture (Qabf)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bifuse_core.metrics.fusion.levels import comparable
from bifuse_core.metrics.fusion.sobel import sobel


def edge_transfer(fused: Tensor, thermal: Tensor, luma: Tensor) -> Tensor:
    """Return Qabf, (B,) in [0, 1): the strength and orientation kept of the sources' edges.

    Every pixel counts as much as the source's edge there is strong; 0 where neither source has
    any. Source: Xydeas and Petrovic, Electronics Letters 36 (2000), with their constants, and
    with black around the pictures as in the toolboxes.

    Args:
        fused: (B, 1, H, W) grey levels 0 to 255.
        thermal: likewise.
        luma: likewise.

    Raises:
        ValueError: the shapes differ.
    """
    fused, thermal, luma = comparable("Qabf", 1, fused, thermal, luma)
    fused_strength, fused_angle = _edges(fused)
    kept = weights = torch.zeros(fused.shape[0], dtype=torch.float64, device=fused.device)
    for source in (thermal, luma):
        strength, angle = _edges(source)
        larger = torch.maximum(strength, fused_strength).clamp_min(1e-300)
        ratio = torch.minimum(strength, fused_strength) / larger
        # As printed, though lines at +90 and -90 degrees are one: peers are scored like this.
        alignment = 1 - (angle - fused_angle).abs() / (math.pi / 2)
        strength_kept = 0.9994 * torch.sigmoid(15 * (ratio - 0.5))
        orientation_kept = 0.9879 * torch.sigmoid(22 * (alignment - 0.8))
        kept = kept + (strength_kept * orientation_kept * strength).sum(dim=(1, 2, 3))
        weights = weights + strength.sum(dim=(1, 2, 3))
    return kept / weights.clamp_min(1e-300)


def _edges(picture: Tensor) -> tuple[Tensor, Tensor]:
    """Return strength and angle within 90 degrees of the gradient, (B, 1, H, W) each."""
    dx, dy = sobel(picture, "constant")
    return torch.hypot(dx, dy), torch.where(dx == 0, math.pi / 2, torch.atan(dy / dx))
