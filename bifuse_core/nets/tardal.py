# SPDX-License-Identifier: Apache-2.0
"""A fusion network in the style of TarDAL's generator: dense features, then four convolutions."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bifuse_core.nets.dense import DenseLayers


class TardalFusion(nn.Module):
    """Fuse thermal and visible luminance at full resolution (296,129 parameters).

    Source: Liu et al., "Target-aware Dual Adversarial Learning and a Multi-scenario Multi-Modality
    Benchmark to Fuse Infrared and Visible for Object Detection" (2022): a dense block, and
    convolutions that merge its features, all 3x3 with ReLU. What differs:

    - No batch normalisation. With it after the convolutions of 128, 64 and 32 channels there are
      the 0.297 M parameters that were published. But a bi-level learner differentiates the network
      on small batches at changed weights, where batch statistics would tie the pictures of a batch
      together and running ones would belong to other weights than those in use.
    - A sigmoid bounds the output, as in `bdl`, instead of tanh.
    """

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Sequential(_conv(2, 32), nn.ReLU(inplace=True))
        self.dense = DenseLayers(32, 32, 3)
        self.tail = nn.Sequential(
            _conv(128, 128),
            nn.ReLU(inplace=True),
            _conv(128, 64),
            nn.ReLU(inplace=True),
            _conv(64, 32),
            nn.ReLU(inplace=True),
            _conv(32, 1),
        )

    def forward(self, thermal: Tensor, luma: Tensor) -> Tensor:
        """Fuse one batch of any size.

        Args:
            thermal: (B, 1, H, W) normalised thermal image in [0, 1].
            luma: (B, 1, H, W) luminance of the visible image in [0, 1].

        Returns:
            (B, 1, H, W) fused luminance in (0, 1).
        """
        x = self.head(torch.cat((thermal, luma), dim=1))
        fused: Tensor = self.tail(self.dense(x)).sigmoid()
        return fused


def _conv(cin: int, cout: int) -> nn.Conv2d:
    return nn.Conv2d(cin, cout, 3, padding=1)
