# SPDX-License-Identifier: Apache-2.0
"""Densely connected convolutions, which several fusion networks are built of."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class DenseLayers(nn.ModuleList):
    """3x3 convolutions with ReLU, each reading the input and the results of all before it.

    Args:
        channels: channels of the input.
        growth: channels that each convolution adds.
        count: number of convolutions.
        dilation: distance of the pixels under a kernel.

    Source: Huang et al., "Densely Connected Convolutional Networks" (2017).
    """

    def __init__(self, channels: int, growth: int, count: int, *, dilation: int = 1) -> None:
        super().__init__(
            nn.Conv2d(channels + i * growth, growth, 3, padding=dilation, dilation=dilation)
            for i in range(count)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the input and all results, (B, channels + count * growth, H, W)."""
        for conv in self:
            x = torch.cat((x, conv(x).relu()), dim=1)
        return x
