# SPDX-License-Identifier: Apache-2.0
"""A detector of plain colours, and pictures for it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from bifuse_core.data.sample import Sample
from bifuse_core.nets.detection.maps import Maps, points_of

STRIDE = 8


class Seer(nn.Module):
    """Finds what is red (class 0), green (1) or blue (2), and bright: as sure as it is bright.

    Every point whose cell has such a colour tells the extent of that colour in the whole picture.
    """

    classes, multiple = 3, 32

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(()))
        self.sizes: list[tuple[int, int]] = []

    def forward(self, rgb: Tensor) -> Maps:
        height, width = rgb.shape[-2:]
        self.sizes.append((height, width))
        points = points_of([(height // STRIDE, width // STRIDE)], (STRIDE,), 8, rgb.device)
        logits = torch.full((1, len(points.centres), 3), -20.0)
        sides = torch.ones(1, len(points.centres), 4)
        for colour in range(3):
            others = rgb[0, [c for c in range(3) if c != colour]].amax(0)
            rows, columns = torch.nonzero(rgb[0, colour] - others > 0.2, as_tuple=True)
            if not len(rows):
                continue
            box = torch.stack([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
            middle = (box[:2] + box[2:]) / 2
            point = (points.centres - middle).square().sum(1).argmin()
            logits[0, point, colour] = torch.logit(rgb[0, colour].max().clamp(max=0.99))
            centre = points.centres[point]
            sides[0, point] = torch.cat([centre - box[:2], box[2:] - centre])
        return Maps(logits, sides, torch.full(logits.shape[:2], 20.0), points)


def drawn(*things: tuple[int, int, tuple[int, int, int, int]], boxes: object = None) -> Sample:
    """Return a picture of things (class, level, corners), with their boxes, or others."""
    rgb = np.full((240, 320, 3), 20, np.uint8)
    for label, level, (left, top, right, bottom) in things:
        rgb[top:bottom, left:right, label] = level
    true = [(label, corners) for label, _, corners in things] if boxes is None else boxes
    return Sample(
        "drawn",
        np.zeros((240, 320), np.uint8),
        rgb,
        np.array([corners for _, corners in true], np.float32).reshape(-1, 4),
        np.array([label for label, _ in true], np.int64),
    )
