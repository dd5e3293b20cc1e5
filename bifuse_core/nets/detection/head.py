# SPDX-License-Identifier: Apache-2.0
"""The heads of FCOS: what each point of each level says."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

RARE = 0.01
"""Probability of an object that untrained heads give every point (Lin et al., 2017, sec. 3.3)."""

LARGEST = 12.0
"""Bound of the exponent of a distance; e to that are more strides than any picture has."""


class FcosHead(nn.Module):
    """Two towers on every level: one for the class, one for the box and its centre-ness.

    Args:
        classes: K.
        tower: of the class; and of the box. Both are called with a level and its number.
        box_tower: see `tower`.
        channels: that they return.
        strides: of the levels.
        kernel: side of the last convolutions, 1 or 3.
    """

    def __init__(
        self,
        classes: int,
        tower: nn.Module,
        box_tower: nn.Module,
        channels: int,
        strides: tuple[int, ...],
        kernel: int,
    ) -> None:
        super().__init__()
        self.tower, self.box_tower, self.strides = tower, box_tower, strides
        self.logits = nn.Conv2d(channels, classes, kernel, padding=kernel // 2)
        self.sides = nn.Conv2d(channels, 4, kernel, padding=kernel // 2)
        self.centreness = nn.Conv2d(channels, 1, kernel, padding=kernel // 2)
        self.scales = nn.Parameter(torch.ones(len(strides)))
        for convolution in (self.logits, self.sides, self.centreness):
            nn.init.normal_(convolution.weight, std=0.01)
            nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
        nn.init.constant_(self.logits.bias, -math.log(1 / RARE - 1))  # type: ignore[arg-type]

    def forward(self, levels: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Return class logits (B, N, K), sides (B, N, 4) in pixels and centre-ness (B, N)."""
        logits, sides, centreness = [], [], []
        for number, (level, stride) in enumerate(zip(levels, self.strides, strict=True)):
            seen, boxed = self.tower(level, number), self.box_tower(level, number)
            logits.append(self.logits(seen))
            exponent = (self.scales[number] * self.sides(boxed)).clamp(max=LARGEST)
            sides.append(exponent.exp() * stride)
            centreness.append(self.centreness(boxed))
        return _listed(logits), _listed(sides), _listed(centreness)[..., 0]


def _listed(levels: list[Tensor]) -> Tensor:
    """Return (B, C, H, W) of several levels as one (B, N, C), row by row."""
    return torch.cat([level.flatten(2).transpose(1, 2) for level in levels], dim=1)


class GroupNormTower(nn.Module):
    """Four convolutions with group normalisation, the same for all levels (Tian et al., 2019)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(4):
            layers += [
                nn.Conv2d(channels, channels, 3, padding=1, bias=False),
                nn.GroupNorm(32, channels),
                nn.ReLU(),
            ]
        self.layers = nn.Sequential(*layers)
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, std=0.01)

    def forward(self, level: Tensor, number: int) -> Tensor:
        """Return what a level (B, C, H, W) shows."""
        seen: Tensor = self.layers(level)
        return seen


class SeparableTower(nn.Module):
    """Two separable convolutions, the same for all levels, each level with its own normalisation.

    Levels differ in their statistics more than in what is to be seen, so they share the weights of
    the convolutions, but not those of the batch normalisation.
    """

    def __init__(self, channels: int, levels: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(separable(channels, channels) for _ in range(2))
        self.norms = nn.ModuleList(
            nn.ModuleList(nn.BatchNorm2d(channels) for _ in range(2)) for _ in range(levels)
        )

    def forward(self, level: Tensor, number: int) -> Tensor:
        """Return what the level (B, C, H, W) of a number shows."""
        norms = self.norms[number]
        assert isinstance(norms, nn.ModuleList)
        for convolution, norm in zip(self.convolutions, norms, strict=True):
            level = nn.functional.leaky_relu(norm(convolution(level)), 0.1)
        return level


def separable(before: int, channels: int) -> nn.Module:
    """Return a convolution of 3x3 on each channel, and one of 1x1 across them."""
    return nn.Sequential(
        nn.Conv2d(before, before, 3, padding=1, groups=before, bias=False),
        nn.Conv2d(before, channels, 1),
    )
