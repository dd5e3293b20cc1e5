# SPDX-License-Identifier: Apache-2.0
"""FCOS: an object is found at the points near its middle, each of which tells its four sides."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, cast

from torch import Tensor, nn

from bifuse_core.nets.detection.head import FcosHead, GroupNormTower, SeparableTower, separable
from bifuse_core.nets.detection.maps import Maps, points_of
from bifuse_core.nets.detection.pyramid import Pyramid
from bifuse_core.nets.detection.resnet import ResNet50
from bifuse_core.nets.detection.shufflenet import ShuffleNet
from bifuse_core.nets.public_weights import Fit


class Backbone(Protocol):
    """What sees the picture."""

    channels: tuple[int, ...]
    strides: tuple[int, ...]

    def forward(self, rgb: Tensor) -> list[Tensor]:
        """Return the features of each level, fine to coarse, of pictures (B, 3, H, W) in [0, 1]."""

    def load_public(self, file: Path) -> Fit:
        """Take over the weights of a public file that fit, and tell which did not."""


class Fcos(nn.Module):
    """Source: Tian et al., "FCOS: Fully Convolutional One-Stage Object Detection" (2019).

    Args:
        backbone: see `Backbone`.
        pyramid: of its levels.
        head: on the levels of the pyramid.
        reach: how far levels see, see `points_of`.

    Attributes:
        classes: K.
        multiple: height and width of a picture must be multiples of this, pixels.
    """

    def __init__(self, backbone: nn.Module, pyramid: Pyramid, head: FcosHead, reach: float) -> None:
        super().__init__()
        self.backbone, self.pyramid, self.head, self.reach = backbone, pyramid, head, reach
        self.classes = head.logits.out_channels
        self.multiple = max(cast(Backbone, backbone).strides)

    def forward(self, rgb: Tensor) -> Maps:
        """Look at pictures.

        Args:
            rgb: (B, 3, H, W) in [0, 1], H and W multiples of `multiple`.

        Raises:
            ValueError: the size is no such multiple.
        """
        height, width = rgb.shape[-2:]
        if height % self.multiple or width % self.multiple:
            raise ValueError(
                f"the picture is {width}x{height}; both sides must be multiples of {self.multiple}"
            )
        levels = self.pyramid(self.backbone(rgb))
        sizes = [(level.shape[-2], level.shape[-1]) for level in levels]
        points = points_of(sizes, self.head.strides, self.reach, rgb.device)
        logits, sides, centreness = self.head(levels)
        return Maps(logits, sides, centreness, points)

    def load_public(self, file: Path) -> Fit:
        """Start the backbone from public weights.

        Raises:
            CheckpointError: the file cannot be read, or nothing in it fits.
        """
        return cast(Backbone, self.backbone).load_public(file)


def fcos(classes: int) -> Fcos:
    """Return the detector of the paper: ResNet-50, levels P3 to P7 of 256 channels."""
    strides = (8, 16, 32, 64, 128)
    backbone = ResNet50()
    pyramid = Pyramid(backbone.channels, 256, lambda a, b: nn.Conv2d(a, b, 3, padding=1), 2)
    head = FcosHead(classes, GroupNormTower(256), GroupNormTower(256), 256, strides, 3)
    return Fcos(backbone, pyramid, head, reach=8)


def fcos_small(classes: int) -> Fcos:
    """Return a detector for small machines: ShuffleNetV2, levels P3 to P5 of 96 channels.

    Its levels reach half as far as the paper's: pictures of road cameras show objects smaller than
    those of photographs.
    """
    backbone = ShuffleNet()
    strides = backbone.strides
    pyramid = Pyramid(backbone.channels, 96, separable)
    tower, box_tower = (SeparableTower(96, len(strides)) for _ in range(2))
    head = FcosHead(classes, tower, box_tower, 96, strides, 1)
    return Fcos(backbone, pyramid, head, reach=4)
