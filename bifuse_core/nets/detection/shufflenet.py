# SPDX-License-Identifier: Apache-2.0
"""ShuffleNetV2 1.0x, as the backbone of a detector."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from bifuse_core.nets.normalisation import Normalisation
from bifuse_core.nets.public_weights import Fit, fit_public_weights

MEAN = (103.53, 116.28, 123.675)
DEVIATION = (57.375, 57.12, 58.395)
"""Of blue, green and red grey levels, with which its public weights were trained."""

STEM = 24
STAGES = ((116, 4), (232, 8), (464, 4))
"""Channels and units of stages 2, 3 and 4."""


class ShuffleNet(nn.Module):
    """See features at strides 8, 16 and 32 (769,354 parameters).

    Source: Ma et al., "ShuffleNet V2" (2018), in the form of NanoDet-Plus: LeakyReLU, and its batch
    normalisation folded into the convolutions, which so have a bias. Parameters are named as in
    torchvision.
    """

    channels = tuple(channels for channels, _ in STAGES)
    strides = (8, 16, 32)

    def __init__(self) -> None:
        super().__init__()
        mean, deviation = ([level / 255 for level in reversed(x)] for x in (MEAN, DEVIATION))
        self.normalisation = Normalisation(mean, deviation)
        self.conv1 = nn.Sequential(_Stem(3, STEM, 3, stride=2, padding=1), _activation())
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        before = STEM
        for number, (channels, units) in enumerate(STAGES, start=2):
            first = Unit(before, channels, stride=2)
            others = [Unit(channels, channels, stride=1) for _ in range(units - 1)]
            self.add_module(f"stage{number}", nn.Sequential(first, *others))
            before = channels

    def forward(self, rgb: Tensor) -> list[Tensor]:
        """Return the features of each stage.

        Args:
            rgb: (B, 3, H, W) in [0, 1].
        """
        features = self.maxpool(self.conv1(self.normalisation(rgb)))
        stages = []
        for number in range(2, 2 + len(STAGES)):
            features = self.get_submodule(f"stage{number}")(features)
            stages.append(features)
        return stages

    def load_public(self, file: Path) -> Fit:
        """Take over public weights; see `fit_public_weights`."""
        return fit_public_weights(self, file)


class Unit(nn.Module):
    """Half of the channels pass, the others are convolved; then the halves are shuffled.

    With stride 2, all channels go both ways.
    """

    def __init__(self, before: int, channels: int, stride: int) -> None:
        super().__init__()
        half = channels // 2
        self.stride = stride
        entering = before if stride == 2 else half
        if stride == 2:
            self.branch1 = nn.Sequential(
                _depthwise(before, stride), nn.Identity(), nn.Conv2d(before, half, 1), _activation()
            )
        # The places of folded normalisations are kept, since names in public weights count them.
        self.branch2 = nn.Sequential(
            nn.Conv2d(entering, half, 1),
            nn.Identity(),
            _activation(),
            _depthwise(half, stride),
            nn.Identity(),
            nn.Conv2d(half, half, 1),
            _activation(),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Convolve features (B, C, H, W)."""
        if self.stride == 2:
            halves = (self.branch1(features), self.branch2(features))
        else:
            kept, changed = features.chunk(2, dim=1)
            halves = (kept, self.branch2(changed))
        # As `channel_shuffle` of both, but written once, and in the order in which they lie.
        if features.is_contiguous():
            return torch.stack(halves, dim=2).flatten(1, 2)
        tokens = [half.permute(0, 2, 3, 1) for half in halves]
        return torch.stack(tokens, dim=-1).flatten(3).permute(0, 3, 1, 2)


class _Stem(nn.Conv2d):
    """A convolution of red, green and blue, whose weights are of blue, green and red."""

    def forward(self, rgb: Tensor) -> Tensor:
        # There are fewer weights than pixels to turn round.
        return self._conv_forward(rgb, self.weight.flip(1), self.bias)


def _depthwise(channels: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, 3, stride=stride, padding=1, groups=channels)


def _activation() -> nn.LeakyReLU:
    return nn.LeakyReLU(0.1, inplace=True)
