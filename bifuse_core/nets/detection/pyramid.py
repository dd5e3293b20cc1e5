# SPDX-License-Identifier: Apache-2.0
"""Feature pyramids: what is seen coarsely is told to the finer levels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

Convolution = Callable[[int, int], nn.Module]
"""Makes a convolution of 3x3 from the numbers of channels before and after."""


class Pyramid(nn.Module):
    """Bring all levels to one number of channels, adding each coarser level to the finer one.

    Source: Lin et al., "Feature Pyramid Networks" (2017); the levels beyond the backbone's as in
    Tian et al., "FCOS" (2019): convolutions of stride 2 on the last one, rectified between them.

    Args:
        before: channels of the backbone's levels, fine to coarse.
        channels: of all levels after it.
        smoothing: makes the convolution that each level goes through at last.
        further: number of levels beyond those of the backbone.
    """

    def __init__(
        self, before: Sequence[int], channels: int, smoothing: Convolution, further: int = 0
    ) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(number, channels, 1) for number in before)
        self.smoothing = nn.ModuleList(smoothing(channels, channels) for _ in before)
        self.further = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, stride=2, padding=1) for _ in range(further)
        )

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Return all levels, fine to coarse, from those of the backbone."""
        levels = [lateral(level) for lateral, level in zip(self.lateral, features, strict=True)]
        for number in reversed(range(len(levels) - 1)):
            coarser = nn.functional.interpolate(levels[number + 1], scale_factor=2.0)
            levels[number] = levels[number] + coarser
        levels = [smooth(level) for smooth, level in zip(self.smoothing, levels, strict=True)]
        last = levels[-1]
        for convolution in self.further:
            levels.append(convolution(last))
            last = torch.relu(levels[-1])
        return levels
