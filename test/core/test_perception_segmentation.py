# SPDX-License-Identifier: Apache-2.0
"""A segmenter learns the colours of things, and is scored where it is known what is there."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from squares import settings
from torch import Tensor, nn

from bifuse_core.data.classes import SEGMENTATION_CLASSES, SOME_STUFF
from bifuse_core.data.sample import Sample
from bifuse_core.metrics.unlabelled import UNLABELLED
from bifuse_core.perception.batch import collate
from bifuse_core.perception.crops import Crop, Crops
from bifuse_core.perception.inputs import rgb
from bifuse_core.perception.learning import learn
from bifuse_core.perception.segmentation import SegmentationLesson
from bifuse_core.perception.sources import Source

ROAD, SKY, PERSON = (SEGMENTATION_CLASSES.index(name) for name in ("road", "sky", "person"))
COLOURS = {ROAD: (40, 40, 40), SKY: (90, 140, 250), PERSON: (250, 200, 60)}


def picture(number: int) -> Sample:
    """Return sky over a road on which a person stands."""
    random = np.random.default_rng(number)
    mask = np.full((256, 320), ROAD, np.uint8)
    mask[: int(random.integers(80, 160))] = SKY
    left = int(random.integers(280))
    mask[120:220, left : left + 40] = PERSON
    rgb = np.zeros((256, 320, 3), np.uint8)
    for value, colour in COLOURS.items():
        rgb[mask == value] = colour
    return Sample(f"{number}", np.zeros((256, 320), np.uint8), rgb, mask=mask)


def source(count: int, first: int = 0) -> Source:
    return Source("streets", tuple(picture(first + number) for number in range(count)))


class Tinter(nn.Module):
    """Tells classes by the mean colour of cells of 4x4 pixels."""

    classes, multiple = 9, 32

    def __init__(self) -> None:
        super().__init__()
        self.cells = nn.AvgPool2d(4)
        self.first = nn.Conv2d(3, 16, 1)
        self.last = nn.Conv2d(16, 9, 1)

    def forward(self, rgb: Tensor) -> Tensor:
        logits: Tensor = self.last(torch.relu(self.first(self.cells(rgb) - 0.45)))
        return logits


class Lesson(SegmentationLesson):
    def backbone(self, net: Tinter) -> nn.Module:
        return net.first


def test_colours_are_learnt_and_only_classes_that_are_there_are_scored(tmp_path: Path) -> None:
    torch.manual_seed(0)
    run = settings(
        task="segmentation",
        network="segformer_b0",
        steps=60,
        average=0.9,
        crop={"size": [128, 160], "aimed": 0, "mosaic": 0.2, "scale": [0.8, 2], "vary": 0},
        optimiser={"learning_rate": 3e-2},
        backbone_rate=1,
    )
    net, scored = Tinter(), [source(3, first=50)]
    before = Lesson().measures(net.eval(), scored)["IoU"]
    scores = learn(run, net, Lesson(), Crops([source(6)], run.crop, rgb), scored, tmp_path)
    assert before["person"] < 0.5
    for name in ("road", "sky", "person"):
        assert scores[f"IoU {name}"] > 0.9
    assert math.isnan(scores["IoU bicycle"])


def batch_of(mask: np.ndarray, weight: float = 1.0) -> Crop:
    sample = replace(picture(0), mask=mask)
    return Crop(sample, Source("a", (sample,), weight=weight))


def test_masks_that_know_a_set_of_classes_speak_only_against_the_others() -> None:
    net = Tinter()
    unlabelled = np.full((256, 320), UNLABELLED, np.uint8)
    some_stuff = np.full((256, 320), SOME_STUFF, np.uint8)
    nothing = Lesson().losses(net, collate([batch_of(unlabelled)]))["entropy"]
    assert nothing == 0
    losses = Lesson().losses(net, collate([batch_of(some_stuff)]))["entropy"]
    things = [SEGMENTATION_CLASSES.index(name) for name in ("person", "bicycle", "vehicle")]
    probabilities = net(collate([batch_of(some_stuff)]).rgb)
    enlarged = nn.functional.interpolate(probabilities, size=(256, 320), mode="bilinear").softmax(1)
    expected = -(1 - enlarged[:, things].sum(1)).log().mean()
    assert losses.item() == pytest.approx(expected.item(), rel=1e-4)


def test_pictures_count_by_the_weight_of_their_source() -> None:
    net, mask = Tinter(), picture(0).mask
    assert mask is not None
    whole, half = (
        Lesson().losses(net, collate([batch_of(mask, weight)]))["entropy"].item()
        for weight in (1.0, 0.5)
    )
    assert half == pytest.approx(whole / 2)


def test_what_is_known_only_as_a_set_is_not_scored() -> None:
    class Everywhere(Tinter):
        def forward(self, rgb: Tensor) -> Tensor:
            return super().forward(rgb) * 0 + torch.eye(9)[PERSON].view(1, 9, 1, 1)

    sample = picture(0)
    assert sample.mask is not None
    night = replace(sample, mask=np.where(sample.mask == PERSON, PERSON, SOME_STUFF).astype("u1"))
    scores = Lesson().measures(Everywhere().eval(), [Source("night", (night,))])
    assert scores["IoU"]["person"] == 1
    assert math.isnan(scores["IoU"]["road"])
