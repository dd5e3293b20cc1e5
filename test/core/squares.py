# SPDX-License-Identifier: Apache-2.0
"""The smallest detection there is: grey noise with bright squares, and a detector for it."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor, nn

from bifuse_core.data.sample import Sample
from bifuse_core.nets.detection.fcos import Fcos
from bifuse_core.nets.detection.head import FcosHead, SeparableTower, separable
from bifuse_core.nets.detection.pyramid import Pyramid
from bifuse_core.perception.settings import TaskSettings
from bifuse_core.perception.sources import Source

SQUARE, BAR = 0, 2


def picture(number: int, seed: int = 0, height: int = 96, width: int = 128) -> Sample:
    """Return a picture with one or two bright squares (class 0), on odd numbers a dark bar (2)."""
    random = np.random.default_rng((seed, number))
    rgb = random.integers(90, 120, (height, width, 3)).astype(np.uint8)
    boxes, labels = [], []
    for half in range(int(random.integers(1, 3))):
        side = int(random.integers(16, 30))
        top = int(random.integers(height - side))
        left = int(random.integers(width // 2 - side)) + half * width // 2
        rgb[top : top + side, left : left + side] = 250
        boxes.append((left, top, left + side, top + side))
        labels.append(SQUARE)
    if number % 2 and len(boxes) == 1:
        top = int(random.integers(height - 12))
        rgb[top : top + 12, width - 40 : width - 4] = 5
        boxes.append((width - 40, top, width - 4, top + 12))
        labels.append(BAR)
    return Sample(
        f"{number:02d}",
        np.zeros((height, width), np.uint8),
        rgb,
        np.array(boxes, np.float32),
        np.array(labels, np.int64),
    )


def source(count: int = 12, seed: int = 0, **changes: Any) -> Source:
    pictures = tuple(picture(number, seed) for number in range(count))
    return Source(**{"name": "squares", "samples": pictures, **changes})


class Eyes(nn.Module):
    """A backbone of three convolutions."""

    channels = (16, 16, 16)
    strides = (8, 16, 32)

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 16, 9, stride=8, padding=4)
        self.others = nn.ModuleList(nn.Conv2d(16, 16, 3, stride=2, padding=1) for _ in range(2))

    def forward(self, rgb: Tensor) -> list[Tensor]:
        levels = [nn.functional.leaky_relu(self.first(4 * (rgb - 0.45)), 0.1)]
        for convolution in self.others:
            levels.append(nn.functional.leaky_relu(convolution(levels[-1]), 0.1))
        return levels


def detector(classes: int = 3) -> Fcos:
    eyes = Eyes()
    pyramid = Pyramid(eyes.channels, 16, separable)
    towers = [SeparableTower(16, 3) for _ in range(2)]
    return Fcos(eyes, pyramid, FcosHead(classes, *towers, 16, eyes.strides, 1), reach=4)


def settings(**changes: Any) -> TaskSettings:
    """Return settings of a short run on small crops."""
    content: dict[str, Any] = {
        "task": "detection",
        "network": "fcos_small",
        "sources": [{"path": "in memory"}],
        "crop": {"size": [64, 96], "vary": 0},
        "batch": 4,
        "steps": 8,
    }
    return TaskSettings.model_validate(content | changes)
