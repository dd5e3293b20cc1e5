# SPDX-License-Identifier: Apache-2.0
"""A class for every pixel of a picture of any size, by a segmenter that sees a small one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bifuse_core.engine.cuda_graphs import CudaGraphs
from bifuse_core.engine.place import Place
from bifuse_core.engine.tensors import download, levels_to_unit, upload
from bifuse_core.nets.segmentation.segmenting import STEP, classify, require_known
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


def classify_levels(
    net: nn.Module, dtype: torch.dtype, picture: Tensor, *, size: tuple[int, int] | None
) -> Tensor:
    """Tell classes apart; nothing depends on what is shown but the values of the result.

    Args:
        net: a segmenter in evaluation mode, in that precision, or what takes its place.
        dtype: the precision to compute in.
        picture: (H, W, 3) uint8 red, green, blue.
        size: height and width of what the network sees; None: about 320x256.

    Returns:
        (1, H, W) uint8, see `bifuse_core.nets.segmentation.segmenting.classify`.
    """
    return classify(net, levels_to_unit(picture, dtype), size)


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
        graphs: its CUDA graphs; None where it runs without.

    Raises:
        ValueError: there is no segmenter of that name; the message lists the names.
        CheckpointError: the weights cannot be used.
    """

    def __init__(self, name: str, weights: Path | None, place: Place) -> None:
        trained = load_segmenter(name, weights)
        self.name, self.checksum, self.classes = name, trained.checksum, trained.classes
        net = place.prepared(name, trained.net, memory_format=torch.preserve_format)
        self._run, self._device = partial(classify_levels, net, place.dtype), place.device
        self.graphs = CudaGraphs(self._run, place.capture) if place.capture else None

    @torch.inference_mode()
    def __call__(
        self, picture: NDArray[np.uint8], settings: SegmentationSettings
    ) -> NDArray[np.uint8]:
        """Return the class numbers (H, W) of a picture (H, W, 3) of red, green, blue."""
        size = (settings.height, settings.width) if settings.width else None
        classes = download((self.graphs or self._run)(upload(picture, self._device), size=size))
        require_known(torch.from_numpy(classes))
        return classes[0]
