# SPDX-License-Identifier: Apache-2.0
"""Classical fusions without weights, called like networks so that they compare with them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bifuse_core.imaging.saliency import saliency_target


class MeanFusion(nn.Module):
    """The mean of the two pictures."""

    def forward(self, thermal: Tensor, luma: Tensor) -> Tensor:
        """Fuse two batches (B, 1, H, W) in [0, 1] into one."""
        return (thermal + luma) / 2


class MaximumFusion(nn.Module):
    """The brighter of the two pictures at every pixel."""

    def forward(self, thermal: Tensor, luma: Tensor) -> Tensor:
        """Fuse two batches (B, 1, H, W) in [0, 1] into one."""
        return torch.maximum(thermal, luma)


class SaliencyFusion(nn.Module):
    """The mean weighted by visual saliency: the paper's pseudo fused picture u_m."""

    def forward(self, thermal: Tensor, luma: Tensor) -> Tensor:
        """Fuse two batches (B, 1, H, W) in [0, 1] into one."""
        return saliency_target(thermal, luma)


class LaplacianFusion(nn.Module):
    """The stronger detail of the two pictures at every pixel of a Laplacian pyramid.

    The coarsest level is their mean. Source: Burt and Adelson, IEEE Transactions on
    Communications 31 (1983).

    Args:
        levels: levels of detail; fewer where a level would be smaller than 8 pixels.
    """

    def __init__(self, levels: int = 4) -> None:
        super().__init__()
        self.levels = levels

    def forward(self, thermal: Tensor, luma: Tensor) -> Tensor:
        """Fuse two batches (B, 1, H, W) in [0, 1] into one."""
        details: list[Tensor] = []
        while len(details) < self.levels and min(thermal.shape[-2:]) >= 8:
            smaller = reduce(thermal), reduce(luma)
            warm = thermal - expand(smaller[0], thermal.shape)
            visible = luma - expand(smaller[1], luma.shape)
            details.append(torch.where(warm.abs() > visible.abs(), warm, visible))
            thermal, luma = smaller
        fused = (thermal + luma) / 2
        for detail in reversed(details):
            fused = detail + expand(fused, detail.shape)
        return fused.clamp(0, 1)


def reduce(picture: Tensor) -> Tensor:
    """Return a picture (B, 1, H, W) at half the size, rounded up: smooth, take every other."""
    return _smooth(picture)[..., ::2, ::2]


def expand(picture: Tensor, shape: torch.Size) -> Tensor:
    """Return a picture at the shape (B, 1, H, W) that `reduce` made it from."""
    spread = picture.new_zeros(shape)
    spread[..., ::2, ::2] = picture
    return 4 * _smooth(spread)


def _smooth(picture: Tensor) -> Tensor:
    """Filter with 1 4 6 4 1 along both sides, mirrored at the border."""
    smooth = F.pad(picture, (2, 2, 2, 2), mode="reflect")
    for _ in range(4):
        # Each time with 1 1; a kernel of its own would have to be brought to the device.
        smooth = F.avg_pool2d(smooth, 2, stride=1)
    return smooth
