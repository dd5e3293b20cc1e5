# SPDX-License-Identifier: Apache-2.0
"""The scale on which a network with public weights expects its pictures."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)
"""Of red, green and blue in [0, 1]."""


class Normalisation(nn.Module):
    """Subtract the mean of each colour and divide by its deviation; weights files hold neither.

    Args:
        mean: of red, green and blue in [0, 1].
        deviation: likewise.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: Sequence[float], deviation: Sequence[float]) -> None:
        super().__init__()
        for name, values in (("mean", mean), ("deviation", deviation)):
            self.register_buffer(name, torch.tensor(values).view(3, 1, 1), persistent=False)

    def forward(self, rgb: Tensor) -> Tensor:
        """Normalise pictures (B, 3, H, W) of red, green and blue in [0, 1]."""
        if rgb.is_contiguous():
            return (rgb - self.mean) / self.deviation
        # Where the colours lie next to each other, CPUs are many times faster at whole rows.
        rows = rgb.permute(0, 2, 3, 1).flatten(2)
        mean, deviation = (of.flatten().repeat(rgb.shape[3]) for of in (self.mean, self.deviation))
        return ((rows - mean) / deviation).unflatten(2, (-1, 3)).permute(0, 3, 1, 2)
