# SPDX-License-Identifier: Apache-2.0
"""Class numbers of all pixels of pictures of any size."""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bifuse_core.nets.segmentation.loss import UNLABELLED
from bifuse_core.nets.segmentation.segformer import Segmenter

STEP = Segmenter.multiple

SEEN = 320 * 256
"""Pixels of a picture that a segmenter sees; a picture of 640x480 is seen at 320x256."""


def size_seen(height: int, width: int) -> tuple[int, int]:
    """Return the size at which a picture is seen: about 320x256 pixels in about its own form."""
    scale = math.sqrt(SEEN / (height * width))
    return _rounded(height * scale), _rounded(width * scale)


@torch.inference_mode()
def segment(net: nn.Module, rgb: Tensor, *, size: tuple[int, int] | None = None) -> Tensor:
    """Return the class of every pixel; see `classify`.

    Raises:
        ValueError: see `classify`.
        FloatingPointError: see `require_known`.
    """
    classes = classify(net, rgb, size)
    require_known(classes)
    return classes


def classify(net: nn.Module, rgb: Tensor, size: tuple[int, int] | None = None) -> Tensor:
    """Return the class of every pixel, as far as it is known.

    The logits, not the classes, are enlarged: with classes enlarged from half the size one pixel in
    fifty, all along outlines, is another (and it is no faster).

    Nothing here waits for the device.

    Args:
        net: pictures (B, 3, h, w) in [0, 1] to logits (B, K, h/4, w/4), at most 255 classes; in
            evaluation mode.
        rgb: (B, 3, H, W) red, green, blue in [0, 1].
        size: height and width of what the network sees; see `size_seen` for the default.

    Returns:
        (B, H, W) uint8 class numbers; all 255 where the network's logits hold NaN.

    Raises:
        ValueError: `size` is no multiple of 32.
    """
    height, width = rgb.shape[-2:]
    size = size_seen(height, width) if size is None else size
    if any(side < STEP or side % STEP for side in size):
        raise ValueError(f"size is {size}; both sides must be multiples of {STEP} pixels")
    if size != (height, width):
        # In single precision: CPUs cannot do it in another.
        seen = F.interpolate(rgb.float(), size=size, mode="bilinear", antialias=True)
        rgb = seen.to(rgb.dtype)
    logits = net(rgb)
    classes_of = _classes_on_cpu if logits.device.type == "cpu" else _classes_of
    return classes_of(logits, (height, width)).masked_fill_(logits.isnan().any(), UNLABELLED)


def require_known(classes: Tensor) -> None:
    """Refuse classes, (B, H, W) as of `classify`, that are not known.

    Raises:
        FloatingPointError: the network's logits held NaN.
    """
    if (classes[:, 0, 0] == UNLABELLED).any():
        raise FloatingPointError("what the segmenter says of the picture is not a number")


def _classes_of(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the classes (B, H, W) of logits (B, K, h, w) that are enlarged to a size."""
    first, *others = logits.split(1, dim=1)
    highest = F.interpolate(first, size=size, mode="bilinear")
    classes = torch.zeros_like(highest, dtype=torch.uint8)
    # One after another: all at once, large pictures take hundreds of megabytes, and no less time.
    for number, other in enumerate(others, start=1):
        enlarged = F.interpolate(other, size=size, mode="bilinear")
        classes.masked_fill_(enlarged > highest, number)
        torch.maximum(highest, enlarged, out=highest)
    return classes[:, 0]


def _classes_on_cpu(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """Do what `_classes_of` does, several times as fast."""
    height, width = size
    classes = np.zeros((len(logits), height, width), np.uint8)
    for planes, found in zip(logits.float().numpy(), classes, strict=True):
        enlarged = (cv2.resize(p, (width, height), interpolation=cv2.INTER_LINEAR) for p in planes)
        highest = next(enlarged)
        for number, other in enumerate(enlarged, start=1):
            higher = (other > highest).view(np.uint8)
            # The last class that was higher than all before it has the largest number of them.
            np.maximum(found, higher * np.uint8(number), out=found)
            np.maximum(highest, other, out=highest)
    return torch.from_numpy(classes)


def _rounded(side: float) -> int:
    return max(STEP, round(side / STEP) * STEP)
