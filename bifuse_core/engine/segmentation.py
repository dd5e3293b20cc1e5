# SPDX-License-Identifier: Apache-2.0
"""A class for every pixel of a picture of any size, by a segmenter that sees a small one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bifuse_core.engine.place import Place
from bifuse_core.engine.tensors import download, tensor_of
from bifuse_core.nets.segmentation.segmenting import STEP, segment
from bifuse_core.nets.zoo import load_segmenter


@dataclass(frozen=True)
class SegmentationSettings:
    """The size at which the segmenter sees the picture; 0 by 0: about 320x256, in its own form.

    Attributes:
        width: columns, a multiple of 32.
        height: rows, a multiple of 32.

    Raises:
        ValueError: one of them is no such multiple, or only one of them is 0.
    """

    width: int = 0
    height: int = 0

    def __post_init__(self) -> None:
        for name, value in (("width", self.width), ("height", self.height)):
            if value < 0 or value % STEP:
                raise ValueError(
                    f"segmentation.{name} is {value}; it must be a multiple of {STEP} pixels"
                )
        if (self.width == 0) != (self.height == 0):
            raise ValueError(
                f"segmentation.width is {self.width}, segmentation.height {self.height}; give "
                "both, or 0 for both"
            )


class PictureSegmenter:
    """A segmenter with its weights on a device.

    Args:
        name: a name in `bifuse_core.nets.zoo.SEGMENTERS`.
        weights: weights file; the shipped one by default.
        place: where it runs.

    Attributes:
        name: as above.
        checksum: SHA-256 of its weights.
        classes: names of the classes 0, 1, ..., which come with its weights.
        net: what runs its network at the place.

    Raises:
        ValueError: there is no segmenter of that name; the message lists the names.
        CheckpointError: the weights cannot be used.
    """

    def __init__(self, name: str, weights: Path | None, place: Place) -> None:
        trained = load_segmenter(name, weights)
        self.name, self.checksum, self.classes = name, trained.checksum, trained.classes
        self.net = place.prepared(trained.net, memory_format=torch.preserve_format)
        self._place = place

    def __call__(
        self, picture: NDArray[np.uint8], settings: SegmentationSettings
    ) -> NDArray[np.uint8]:
        """Return the class numbers (H, W) of a picture (H, W, 3) of red, green, blue."""
        size = (settings.height, settings.width) if settings.width else None
        (mask,) = segment(
            self.net, tensor_of(picture, self._place.device, self._place.dtype), size=size
        )
        return download(mask)
