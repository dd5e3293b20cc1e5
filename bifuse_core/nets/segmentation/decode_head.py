# SPDX-License-Identifier: Apache-2.0
"""The head of SegFormer: what the stages see, put together point by point."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn


class DecodeHead(nn.Module):
    """Nothing but layers that see one point each; Xie et al. (2021), section 3.2.

    Parameters are named as in published checkpoints. There each stage is brought to `width`
    channels, enlarged to the size of the finest, and all are put together. Here they are put
    together first and enlarged last: enlarging, which mixes points, and the two layers, which mix
    channels, give the same in either order, and so the layers are one matrix, at a size of few
    points.

    Args:
        channels: of each stage, fine to coarse.
        width: channels in which all are put together.
        classes: K.
    """

    def __init__(self, channels: Sequence[int], width: int, classes: int) -> None:
        super().__init__()
        self.linear_projections = nn.ModuleList(
            nn.ModuleDict({"proj": nn.Linear(number, width)}) for number in channels
        )
        self.linear_fuse = nn.Conv2d(len(channels) * width, width, 1, bias=False)
        self.batch_norm = nn.BatchNorm2d(width)
        self.classifier = nn.Conv2d(width, classes, 1)

    def forward(self, stages: Sequence[Tensor]) -> Tensor:
        """Return the logits (B, K, H, W) from the tokens of each stage; H, W are the finest's."""
        size = stages[0].shape[1:3]
        # The coarsest stage comes first in the matrix.
        fusing = self.linear_fuse.weight.flatten(1).chunk(len(stages), dim=1)[::-1]
        total: Tensor | None = None
        for tokens, fuse, projection in zip(stages, fusing, self.linear_projections, strict=True):
            weight = fuse @ projection.get_parameter("proj.weight")
            bias = fuse @ projection.get_parameter("proj.bias")
            seen = F.linear(tokens, weight, bias).permute(0, 3, 1, 2)
            if total is None:
                total = seen
            else:
                total += F.interpolate(seen, size=size, mode="bilinear")
        points = self.batch_norm(total).relu().permute(0, 2, 3, 1)
        # As a convolution of 1x1, which it is by name, it is slower on a CPU.
        classify = self.classifier.weight.flatten(1)
        return F.linear(points, classify, self.classifier.bias).permute(0, 3, 1, 2)
