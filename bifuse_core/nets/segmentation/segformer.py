# SPDX-License-Identifier: Apache-2.0
"""SegFormer: a hierarchical transformer and a head of nothing but 1x1 convolutions."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from bifuse_core.nets.normalisation import IMAGENET_DEVIATION, IMAGENET_MEAN, Normalisation
from bifuse_core.nets.segmentation.decode_head import DecodeHead
from bifuse_core.nets.segmentation.mix_transformer import MixTransformer


class Widths(NamedTuple):
    """What the sizes of SegFormer differ in."""

    depths: tuple[int, ...]
    """Blocks of each of the four stages."""
    channels: tuple[int, ...]
    """Of each stage."""
    head: int
    """Channels to which the head brings all stages."""


NARROW, WIDE = (32, 64, 160, 256), (64, 128, 320, 512)

SIZES = {
    "b0": Widths((2, 2, 2, 2), NARROW, 256),
    "b1": Widths((2, 2, 2, 2), WIDE, 256),
    "b2": Widths((3, 4, 6, 3), WIDE, 768),
    "b3": Widths((3, 4, 18, 3), WIDE, 768),
    "b4": Widths((3, 8, 27, 3), WIDE, 768),
    "b5": Widths((3, 6, 40, 3), WIDE, 768),
}


class Segmenter(nn.Module):
    """SegFormer of one size, for pictures in [0, 1] (b0: 3.7 M parameters, b5: 84.6 M).

    Source: Xie et al., "SegFormer: Simple and Efficient Design for Semantic Segmentation with
    Transformers" (2021), with random weights. Nothing is dropped at random in training: trainings
    here are too short to overfit, and to make up for what dropout takes away.

    Attributes:
        classes: K.
        model: what the paper has; its parameters are named as in published checkpoints.
        multiple: what height and width of the pictures must be multiples of.
    """

    multiple = 32

    def __init__(self, size: str, classes: int) -> None:
        """Build the network.

        Args:
            size: a name in `SIZES`.
            classes: K.

        Raises:
            ValueError: unknown size.
        """
        super().__init__()
        if size not in SIZES:
            raise ValueError(f"no SegFormer of size {size!r}; choose from {', '.join(SIZES)}")
        self.classes = classes
        self.normalise = Normalisation(IMAGENET_MEAN, IMAGENET_DEVIATION)
        self.model = SegFormer(SIZES[size], classes)

    def forward(self, rgb: Tensor) -> Tensor:
        """Return the logits of all classes at a quarter of the size.

        Args:
            rgb: (B, 3, H, W) red, green, blue in [0, 1]; H and W multiples of 32.

        Returns:
            (B, K, H/4, W/4).
        """
        logits: Tensor = self.model(self.normalise(rgb))
        return logits


class SegFormer(nn.Module):
    """The network for pictures that are normalised.

    Args:
        widths: of its size.
        classes: K.
    """

    def __init__(self, widths: Widths, classes: int) -> None:
        super().__init__()
        self.segformer = MixTransformer(widths.depths, widths.channels)
        self.decode_head = DecodeHead(widths.channels, widths.head, classes)
        self.apply(_initialise)

    def forward(self, picture: Tensor) -> Tensor:
        """Return the logits (B, K, H/4, W/4) of pictures (B, 3, H, W) of any size."""
        logits: Tensor = self.decode_head(self.segformer(picture))
        return logits


def _initialise(module: nn.Module) -> None:
    # As the public code does; the norms already are as they shall be.
    if isinstance(module, nn.Linear | nn.Conv2d):
        nn.init.normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
