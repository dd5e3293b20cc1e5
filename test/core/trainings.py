# SPDX-License-Identifier: Apache-2.0
"""The smallest trainings: pictures in memory, a network of 25 numbers, and a second task."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from bifuse_core.bilevel.batch import Batch, collate
from bifuse_core.bilevel.crops import Crops, Source
from bifuse_core.bilevel.learner import Learner, Task
from bifuse_core.bilevel.objectives.contents import vsm
from bifuse_core.bilevel.objectives.visual import VisualTask
from bifuse_core.bilevel.settings import Settings
from bifuse_core.bilevel.splits import Splits
from bifuse_core.bilevel.trainer import train
from bifuse_core.data.sample import Sample
from bifuse_core.imaging.thermal import Limits, ThermalSettings

SIZE = 48
BRIGHT = 0.55

PLAIN = {"name": "sgd", "momentum": 0.0, "weight_decay": 0.0, "schedule": "constant", "clip": 1e9}
"""An optimiser whose step is the gradient times the learning rate."""


@dataclass(frozen=True)
class Pictures:
    """A `PairDataset` in memory: blots, not at the same places in both cameras."""

    count: int = 6
    seed: int = 0
    height: int = 56
    width: int = 64
    classes: tuple[str, ...] = ()
    mask_classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> Sample:
        return drawn(self.seed, number, self.height, self.width)

    def thermal_limits(self, number: int, settings: ThermalSettings) -> Limits | None:
        return None


@cache
def drawn(seed: int, number: int, height: int, width: int) -> Sample:
    random = np.random.default_rng((seed, number))
    shades = (gaussian_filter(random.normal(size=(height, width)), x) for x in (4, 3, 3, 3))
    levels = [np.rint(110 + 70 * x / x.std()).clip(0, 255).astype(np.uint8) for x in shades]
    return Sample(f"{seed}/{number}", levels[0], np.dstack(levels[1:]))


class Blend(nn.Module):
    """A share of each camera for every pixel, from one convolution and one more number."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.look = nn.Conv2d(2, 1, 3, padding=1)
        self.dropout = nn.Dropout(dropout)
        self.bias = nn.Parameter(torch.tensor(-3.0))

    def forward(self, thermal: Tensor, luma: Tensor) -> Tensor:
        seen = self.dropout(self.look(torch.cat((thermal, luma), dim=1)))
        return torch.lerp(luma, thermal, (seen + self.bias).sigmoid().to(luma))


class Critic(nn.Module):
    """A small critic that is not linear in the picture."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 4, 4, stride=4), nn.LeakyReLU(0.2), nn.Conv2d(4, 1, 3)
        )

    def forward(self, picture: Tensor) -> Tensor:
        scores: Tensor = self.layers(picture)
        return scores


@dataclass
class BrightPixels:
    """A task P: find in the fused picture what is bright in the target."""

    net: nn.Module = field(default_factory=lambda: nn.Conv2d(1, 1, 3, padding=1))
    name: str = "bright_pixels"

    def lower(self, fused: Tensor, batch: Batch) -> Tensor:
        bright = (batch.target > BRIGHT).float()
        return F.binary_cross_entropy_with_logits(self.net(fused), bright)

    def upper(self, fused: Tensor, batch: Batch) -> Tensor:
        return 2 * self.lower(fused, batch)


def settings(**changes: Any) -> Settings:
    """Return settings of a short run on small crops."""
    return Settings.model_validate(
        {
            "network": "edge",
            "data": {"sources": [{"path": "in memory"}], "batch": 2, "crop": SIZE},
            "content": {"name": "vsm"},
            "steps": 4,
            **changes,
        }
    )


def crops(count: int = 6, seed: int = 0, **options: Any) -> Crops:
    return Crops([Source(Pictures(count, seed))], SIZE, seed=seed, **options)


def splits() -> Splits:
    return Splits(crops(8, 0), crops(6, 1), crops(3, 2))


def tasks() -> list[Task]:
    return [VisualTask(Critic(), vsm), BrightPixels()]


def learner(average: float = 0.0) -> Learner:
    return Learner(Blend(), tasks(), torch.float32, average)


def batch(seed: int = 0, size: int = 2) -> Batch:
    drawn = crops(seed=seed)
    return collate([drawn[number] for number in range(size)])


def numbers(net: nn.Module) -> Tensor:
    """Return all parameters of a network in one vector of their own."""
    return nn.utils.parameters_to_vector(net.parameters()).detach().clone()


@dataclass
class Trained:
    """What a run leaves."""

    fusion: nn.Module
    tasks: list[Task]
    figures: dict[str, float]

    def numbers(self) -> Tensor:
        return torch.cat([numbers(net) for net in (self.fusion, *(t.net for t in self.tasks))])


def run(chosen: Settings, out: Path, *, dropout: float = 0.0) -> Trained:
    """Train, from the same start every time."""
    torch.manual_seed(11)
    fusion, chosen_tasks = Blend(dropout), tasks()
    figures = train(chosen, fusion, chosen_tasks, splits(), out)
    return Trained(fusion, chosen_tasks, figures)
