# SPDX-License-Identifier: Apache-2.0
"""Losses that keep the fused picture as bright as the brighter source, and hot things hot."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from bifuse_core.metrics.fusion.guards import MARGIN

PATCH = 8
"""Side of the squares whose mean levels are compared, pixels."""

FEW = 0.001
"""Share of a crop that counts as kept: where fewer pixels are hot, they count little."""

DIM = 20 / 255
"""Added to the level that differences are relative to, so that black does not count infinitely."""


def relative_darkness(fused: Tensor, thermal: Tensor, luma: Tensor) -> Tensor:
    """Return the mean of |P F - P max| / (P max + 20/255), P the means of 8x8 squares, (B,).

    Args:
        fused: (B, 1, H, W) in [0, 1], H and W at least 8.
        thermal: likewise.
        luma: likewise.
    """
    patches, brightest = _patches(fused, thermal, luma)
    return ((patches - brightest).abs() / (brightest + DIM)).mean(dim=(1, 2, 3))


def level_difference(fused: Tensor, thermal: Tensor, luma: Tensor) -> Tensor:
    """Return the mean of |P F - P max|, P the means of 8x8 squares, (B,) in [0, 1].

    Args:
        fused: (B, 1, H, W) in [0, 1], H and W at least 8.
        thermal: likewise.
        luma: likewise.
    """
    patches, brightest = _patches(fused, thermal, luma)
    return (patches - brightest).abs().mean(dim=(1, 2, 3))


def heat_loss(fused: Tensor, thermal: Tensor, luma: Tensor, threshold: Tensor) -> Tensor:
    """Return the mean of s (T - F) where F is darker than T, the thermal level, (B,) in [0, 1].

    s in [0, 1] tells where T is hot and 20 grey levels above the luminance, on a soft scale.

    Args:
        fused: (B, 1, H, W) in [0, 1].
        thermal: likewise.
        luma: likewise.
        threshold: (B,) thermal level above which a pixel is hot, of the whole picture: in a crop
            the hottest pixels need not be hot.
    """
    return (_heat(thermal, luma, threshold) * F.relu(thermal - fused)).mean(dim=(1, 2, 3))


def warmth(fused: Tensor, thermal: Tensor, luma: Tensor, threshold: Tensor) -> Tensor:
    """Return the guard `hot`, softened: the mean of F / T over hot pixels, (B,).

    A thousandth of the picture counts as kept besides, so it is near 1 where next to none is hot.

    Args:
        fused: (B, 1, H, W) in [0, 1].
        thermal: likewise.
        luma: likewise.
        threshold: (B,), see `heat_loss`.
    """
    heat = _heat(thermal, luma, threshold)
    kept = heat * fused / thermal.clamp_min(MARGIN / 255)
    few = FEW * thermal[0].numel()
    return (kept.sum(dim=(1, 2, 3)) + few) / (heat.sum(dim=(1, 2, 3)) + few)


def _heat(thermal: Tensor, luma: Tensor, threshold: Tensor) -> Tensor:
    """Return how far each pixel is hot and 20 grey levels above the luminance, in [0, 1]."""
    # Softly, but nothing nearly black is hot: in a dark picture, that would be all of it.
    bright = thermal > MARGIN / 255
    hot = torch.sigmoid((thermal - threshold.view(-1, 1, 1, 1)) * 50)
    return bright * hot * torch.sigmoid((thermal - luma - MARGIN / 255) * 50)


def _patches(fused: Tensor, thermal: Tensor, luma: Tensor) -> tuple[Tensor, Tensor]:
    return F.avg_pool2d(fused, PATCH), F.avg_pool2d(torch.maximum(thermal, luma), PATCH)
