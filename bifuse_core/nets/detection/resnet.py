# SPDX-License-Identifier: Apache-2.0
"""ResNet-50, as the backbone of a detector."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from bifuse_core.nets.normalisation import IMAGENET_DEVIATION, IMAGENET_MEAN, Normalisation
from bifuse_core.nets.public_weights import Fit, fit_public_weights

STEM = 64
STAGES = ((256, 3), (512, 4), (1024, 6), (2048, 3))
"""Channels and blocks of each stage."""

NARROWER = 4
"""Channels of a block for each one within it."""


class ResNet50(nn.Module):
    """See features at strides 8, 16 and 32 (23,508,032 parameters).

    Source: He et al., "Deep Residual Learning for Image Recognition" (2016), with the stride in the
    convolution of 3x3, as all public weights have it. Parameters are named as in
    `microsoft/resnet-50`.
    """

    channels = tuple(channels for channels, _ in STAGES[1:])
    strides = (8, 16, 32)

    def __init__(self) -> None:
        super().__init__()
        self.normalisation = Normalisation(IMAGENET_MEAN, IMAGENET_DEVIATION)
        stages: list[nn.Module] = []
        before = STEM
        for number, (channels, count) in enumerate(STAGES):
            first = _Block(before, channels, stride=2 if number else 1)
            others = [_Block(channels, channels, stride=1) for _ in range(count - 1)]
            stages.append(nn.ModuleDict({"layers": nn.Sequential(first, *others)}))
            before = channels
        self.resnet = nn.ModuleDict(
            {
                "embedder": nn.ModuleDict({"embedder": _Layer(3, STEM, 7, stride=2)}),
                "encoder": nn.ModuleDict({"stages": nn.ModuleList(stages)}),
            }
        )

    def forward(self, rgb: Tensor) -> list[Tensor]:
        """Return the features of the last three stages.

        Args:
            rgb: (B, 3, H, W) in [0, 1].
        """
        embedded = self.resnet.get_submodule("embedder.embedder")(self.normalisation(rgb)).relu()
        features, stages = max_pool2d(embedded, 3, stride=2, padding=1), []
        for number in range(len(STAGES)):
            features = self.resnet.get_submodule(f"encoder.stages.{number}.layers")(features)
            stages.append(features)
        return stages[1:]

    def load_public(self, file: Path) -> Fit:
        """Take over weights of `microsoft/resnet-50`; see `fit_public_weights`."""
        return fit_public_weights(self, file, lambda name: f"resnet.{name.removeprefix('resnet.')}")


class _Layer(nn.Module):
    """A convolution and its normalisation."""

    def __init__(self, before: int, channels: int, side: int, stride: int = 1) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(before, channels, side, stride, side // 2, bias=False)
        self.normalization = nn.BatchNorm2d(channels)
        nn.init.kaiming_normal_(self.convolution.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, features: Tensor) -> Tensor:
        normed: Tensor = self.normalization(self.convolution(features))
        return normed


class _Block(nn.Module):
    """Three layers in few channels, beside which the features pass."""

    def __init__(self, before: int, channels: int, stride: int) -> None:
        super().__init__()
        few = channels // NARROWER
        changes = before != channels or stride != 1
        self.shortcut = _Layer(before, channels, 1, stride) if changes else nn.Identity()
        self.layer = nn.ModuleList(
            [_Layer(before, few, 1), _Layer(few, few, 3, stride), _Layer(few, channels, 1)]
        )

    def forward(self, features: Tensor) -> Tensor:
        reduce, mix, enlarge = self.layer
        changed: Tensor = enlarge(mix(reduce(features).relu()).relu())
        return (changed + self.shortcut(features)).relu()
