# SPDX-License-Identifier: Apache-2.0
"""Networks that see nothing but red and blue, so that what they must find is known to the pixel."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bifuse_core.nets.detection.maps import Maps, points_of

NAMES = ("red", "blue")
STRIDE = 8


class ColourDetector(nn.Module):
    """Boxes around all that is red (class 0, score 0.9) and all that is blue (class 1, 0.6)."""

    classes, multiple = 2, 32

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, ...]] = []

    def forward(self, rgb: Tensor) -> Maps:
        self.seen.append(tuple(rgb.shape[-2:]))
        height, width = rgb.shape[-2:]
        points = points_of([(height // STRIDE, width // STRIDE)], [STRIDE], 8, rgb.device)
        columns, rows = (points.centres[:, axis].long() for axis in (0, 1))
        picture = rgb[0].float()
        logits = torch.full((len(rows), 2), -20.0)
        sides = torch.ones(len(rows), 4)
        for label, (channel, probability) in enumerate(((0, 0.9), (2, 0.6))):
            coloured = picture[channel] > 0.5 + picture[1]
            if coloured.any():
                y, x = coloured.nonzero(as_tuple=True)
                inside = coloured[rows, columns]
                # The score is the root of probability times centre-ness, which is 1 here.
                logits[inside, label] = torch.logit(torch.tensor(probability**2))
                left, top = points.centres[inside].T
                sides[inside] = torch.stack(
                    [left - x.min(), top - y.min(), x.max() + 1 - left, y.max() + 1 - top], dim=1
                )
        centreness = torch.full((len(rows),), 20.0)
        return Maps(logits[None], sides[None], centreness[None], points)


class ColourSegmenter(nn.Module):
    """Class 1 where it is red, 2 where it is blue, 0 elsewhere."""

    classes, multiple = 3, 32

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, ...]] = []

    def forward(self, rgb: Tensor) -> Tensor:
        self.seen.append(tuple(rgb.shape[-2:]))
        red, green, blue = nn.functional.avg_pool2d(rgb, 4).unbind(dim=1)
        return torch.stack([torch.full_like(red, 0.5), red - green, blue - green], dim=1)


def painted(width: int, height: int, **boxes: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """Return a grey picture with boxes (left, top, right, bottom) in the colours they are named."""
    picture = np.full((height, width, 3), 90, np.uint8)
    for name, (left, top, right, bottom) in boxes.items():
        colour = {"red": (250, 0, 0), "blue": (0, 0, 250)}[name]
        picture[top:bottom, left:right] = colour
    return picture
