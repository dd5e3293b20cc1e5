# SPDX-License-Identifier: Apache-2.0
"""A fusion network in the style of UMFusion: a path for each camera, and gates between them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bifuse_core.nets.dense import DenseLayers

CHANNELS, GROWTH, LAYERS, BLOCKS = 32, 32, 4, 3
"""Of each path: features, channels that a convolution adds, convolutions a block, blocks."""


class ResidualDenseBlock(nn.Module):
    """Densely connected 3x3 convolutions, a 1x1 back, and the input added.

    Input and output (B, 32, H, W). Source: see `ResidualDensePath`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.dense = DenseLayers(CHANNELS, GROWTH, LAYERS)
        self.merge = nn.Conv2d(CHANNELS + LAYERS * GROWTH, CHANNELS, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's features, (B, 32, H, W)."""
        return x + self.merge(self.dense(x))


class ResidualDensePath(nn.Module):
    """The features of one camera: a residual dense network without its enlargement.

    Source: Zhang et al., "Residual Dense Network for Image Super-Resolution" (2018).
    """

    def __init__(self) -> None:
        super().__init__()
        self.shallow = nn.Conv2d(1, CHANNELS, 3, padding=1)
        self.head = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)
        self.blocks = nn.ModuleList(ResidualDenseBlock() for _ in range(BLOCKS))
        self.merge = nn.Sequential(
            nn.Conv2d(BLOCKS * CHANNELS, CHANNELS, 1),
            nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1),
        )

    def forward(self, picture: Tensor) -> Tensor:
        """Return the features of pictures (B, 1, H, W) in [0, 1], (B, 32, H, W)."""
        shallow: Tensor = self.shallow(picture)
        x, features = self.head(shallow), []
        for block in self.blocks:
            x = block(x)
            features.append(x)
        return shallow + self.merge(torch.cat(features, dim=1))


class UmFusion(nn.Module):
    """Fuse thermal and visible luminance at full resolution (631,169 parameters).

    Source: Wang et al., "Unsupervised Misaligned Infrared and Visible Image Fusion via
    Cross-Modality Image Generation and Registration" (2022), its dual-path interaction fusion
    network. As printed there: a residual dense network for each camera, whose features f_t and f_l
    are both strengthened by one gate, f (1 + sigmoid(conv1x1(f_t) conv1x1(f_l))), concatenated,
    and fused by one 3x3 convolution.

    The paper gives no widths: four convolutions in a dense block are those of its figure, the rest
    is chosen to come near the published 0.629 M parameters. Left out is the registration, because
    pairs come aligned; added is a sigmoid that bounds the output, as in `bdl`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.thermal_path, self.luma_path = ResidualDensePath(), ResidualDensePath()
        self.thermal_gate = nn.Conv2d(CHANNELS, CHANNELS, 1)
        self.luma_gate = nn.Conv2d(CHANNELS, CHANNELS, 1)
        self.tail = nn.Conv2d(2 * CHANNELS, 1, 3, padding=1)

    def forward(self, thermal: Tensor, luma: Tensor) -> Tensor:
        """Fuse one batch of any size.

        Args:
            thermal: (B, 1, H, W) normalised thermal image in [0, 1].
            luma: (B, 1, H, W) luminance of the visible image in [0, 1].

        Returns:
            (B, 1, H, W) fused luminance in (0, 1).
        """
        warm, light = self.thermal_path(thermal), self.luma_path(luma)
        gain = 1 + (self.thermal_gate(warm) * self.luma_gate(light)).sigmoid()
        fused: Tensor = self.tail(torch.cat((warm * gain, light * gain), dim=1)).sigmoid()
        return fused
