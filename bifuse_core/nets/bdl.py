# SPDX-License-Identifier: Apache-2.0
"""The fusion network of the paper: two dilated dense residual blocks at full resolution."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bifuse_core.nets.dense import DenseLayers


class DilatedDenseResidualBlock(nn.Module):
    """Five dilated 3x3 convolutions, each reading all before it, a 1x1 back, and the input added.

    Input and output (B, channels, H, W).
    """

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.dense = DenseLayers(channels, growth, 5, dilation=2)
        self.merge = nn.Conv2d(channels + 5 * growth, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's features, (B, channels, H, W)."""
        return x + self.merge(self.dense(x)).relu()


class BdlFusion(nn.Module):
    """Fuse thermal and visible luminance at full resolution (417,730 parameters).

    Source: Liu et al., "Bi-level Dynamic Learning for Jointly Multi-modality Image Fusion and
    Beyond" (2023), section 3.1. The published network ends in an unbounded PReLU and stretches
    each picture afterwards, which flickers on video; here a sigmoid bounds the output instead.
    """

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv2d(2, 64, 3, padding=1)
        self.activation = nn.PReLU()
        self.blocks = nn.Sequential(
            DilatedDenseResidualBlock(64, 32), DilatedDenseResidualBlock(64, 32)
        )
        self.tail = nn.Sequential(nn.Conv2d(64, 32, 3, padding=1), nn.Conv2d(32, 1, 3, padding=1))

    def forward(self, thermal: Tensor, luma: Tensor) -> Tensor:
        """Fuse one batch.

        Args:
            thermal: (B, 1, H, W) normalised thermal image in [0, 1].
            luma: (B, 1, H, W) luminance of the visible image in [0, 1].

        Returns:
            (B, 1, H, W) fused luminance in (0, 1).
        """
        x = self.activation(self.head(torch.cat((thermal, luma), dim=1)))
        return self.tail(self.blocks(x)).sigmoid()
