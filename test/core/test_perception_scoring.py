# SPDX-License-Identifier: Apache-2.0
"""Scores of a detector whose answers are known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import squares
import torch
from seer import Seer, drawn

from bifuse_core.data.sample import Sample, no_boxes
from bifuse_core.perception.scoring import find, score_detector
from bifuse_core.perception.sources import Source


def source(*samples: Sample, known: tuple[bool, ...] = (True,) * 3) -> Source:
    return Source("drawn", samples, known)


PERSON = (0, 250, (40, 60, 72, 140))
VEHICLE = (2, 250, (160, 80, 280, 160))


@pytest.mark.parametrize(
    ("height", "width", "seen"),
    [
        (240, 320, (480, 640)),
        (480, 640, (480, 640)),
        (300, 500, (384, 640)),
        (768, 1024, (480, 640)),
    ],
)
def test_pictures_are_seen_as_large_as_they_fit_and_boxes_are_in_their_own_pixels(
    height: int, width: int, seen: tuple[int, int]
) -> None:
    rgb = np.full((height, width, 3), 20, np.uint8)
    box = [width // 4, height // 4, width // 2, height // 2]
    rgb[box[1] : box[3], box[0] : box[2], 2] = 250
    net = Seer().eval()
    found = find(net, rgb, threshold=0.3)
    assert net.sizes == [seen]
    assert np.asarray(found.labels).tolist() == [2]
    assert np.abs(np.asarray(found.boxes)[0] - box).max() < 1.5


def test_who_finds_everything_has_a_precision_of_one() -> None:
    scores = score_detector(Seer().eval(), [source(drawn(PERSON, VEHICLE), drawn())])
    assert scores.ap50["person"] == scores.ap50["vehicle"] == pytest.approx(1)
    assert math.isnan(scores.ap50["bicycle"])
    assert scores.map50 == pytest.approx(1)


def test_what_is_surely_wrong_costs_and_what_lies_in_regions_to_ignore_does_not() -> None:
    # Surer than the true one, in another picture: precision 1/2 at every recall.
    wrong = drawn((2, 255, (10, 10, 90, 90)), boxes=[])
    right = drawn((2, 200, (160, 80, 280, 160)))
    net = Seer().eval()
    assert score_detector(net, [source(right, wrong)]).ap50["vehicle"] == pytest.approx(0.5)
    ignored = replace(wrong, ignore=np.array([[0, 0, 100, 100]], np.float32))
    assert score_detector(net, [source(right, ignored)]).ap50["vehicle"] == pytest.approx(1)


def test_a_class_is_scored_only_where_all_of_it_is_known() -> None:
    unlabelled_vehicle = drawn(PERSON, (2, 255, (160, 80, 280, 160)), boxes=[(0, PERSON[2])])
    persons_only = source(unlabelled_vehicle, known=(True, False, False))
    net = Seer().eval()
    alone = score_detector(net, [persons_only])
    assert alone.ap50["person"] == pytest.approx(1)
    assert math.isnan(alone.ap50["vehicle"])
    together = score_detector(net, [persons_only, source(drawn((2, 200, VEHICLE[2])))])
    assert together.ap50["vehicle"] == pytest.approx(1)
    as_if_known = score_detector(net, [source(unlabelled_vehicle, drawn((2, 200, VEHICLE[2])))])
    assert as_if_known.ap50["vehicle"] == pytest.approx(0.5)


def test_an_untrained_detector_scores_near_nothing() -> None:
    torch.manual_seed(0)
    pictures = squares.source(4)
    assert all(len(sample.ignore) == len(no_boxes()) for sample in pictures.samples)
    scores = score_detector(squares.detector().eval(), [pictures])
    assert scores.ap50["person"] < 0.05
