# SPDX-License-Identifier: Apache-2.0
"""From maps to objects: decoding, suppression, and pictures of any size."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from bifuse_core.nets.detection import decoding
from bifuse_core.nets.detection.boxes import iou
from bifuse_core.nets.detection.decoding import decode, detect
from bifuse_core.nets.detection.fcos import fcos_small
from bifuse_core.nets.detection.maps import Maps, points_of
from bifuse_core.nets.detection.suppression import suppress

POINTS = points_of([(4, 5), (2, 3)], (8, 16), 4, torch.device("cpu"))
COUNT = len(POINTS.centres)


def logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


def silent_maps() -> Maps:
    return Maps(
        torch.full((1, COUNT, 3), -20.0),
        torch.full((1, COUNT, 4), 4.0),
        torch.full((1, COUNT), 20.0),
        POINTS,
    )


def test_an_object_is_where_its_point_says() -> None:
    maps = silent_maps()
    place = 7  # second row, third column of stride 8: x 20, y 12
    maps.logits[0, place, 2] = logit(0.81)
    maps.centreness[0, place] = logit(0.49)
    maps.sides[0, place] = torch.tensor([3.0, 5.0, 7.0, 2.0])
    (found,) = decode(maps, (32, 40), threshold=0.1, overlap=0.5, most=10)
    assert found.boxes.tolist() == [[17, 7, 27, 14]]
    assert found.scores.tolist() == pytest.approx([0.63])
    assert found.labels.tolist() == [2]


def test_objects_are_clipped_to_the_picture() -> None:
    maps = silent_maps()
    maps.logits[0, 0, 0] = 5.0
    maps.sides[0, 0] = torch.tensor([30.0, 1, 300, 300])
    (found,) = decode(maps, (30, 37), threshold=0.1, overlap=0.5, most=10)
    assert found.boxes.tolist() == [[0, 3, 37, 30]]


def test_nothing_is_found_beyond_the_picture() -> None:
    maps = silent_maps()
    maps.logits[0, :, 1] = 5.0
    (found,) = decode(maps, (14, 40), threshold=0.1, overlap=0.9, most=COUNT)
    # Only the rows whose boxes, of 4 pixels to each side, begin above row 14.
    assert len(found.boxes) == 2 * 5 + 3
    assert (found.boxes[:, 2:] > found.boxes[:, :2]).all()


@pytest.mark.parametrize("part", ["logits", "sides", "centreness"])
def test_what_is_not_a_number_is_not_taken_for_an_empty_road(part: str) -> None:
    maps = silent_maps()
    getattr(maps, part)[0, 3] = math.nan
    with pytest.raises(FloatingPointError, match="not a number"):
        decode(maps, (32, 40), threshold=0.1, overlap=0.5, most=10)


def test_threshold_and_number_of_objects() -> None:
    maps = silent_maps()
    for place in range(6):
        maps.logits[0, place, 0] = logit(0.3 + 0.1 * place)
    maps.centreness[:] = 20.0
    (found,) = decode(maps, (32, 40), threshold=math.sqrt(0.45), overlap=0.9, most=10)
    assert found.scores.tolist() == pytest.approx([math.sqrt(p) for p in (0.8, 0.7, 0.6, 0.5)])
    (found,) = decode(maps, (32, 40), threshold=math.sqrt(0.45), overlap=0.9, most=2)
    assert len(found.boxes) == 2


def greedy(boxes: Tensor, scores: Tensor, labels: Tensor, overlap: float) -> list[int]:
    """Take the surest, drop its rivals, and again."""
    left = sorted(range(len(boxes)), key=lambda n: (-float(scores[n]), n))
    stay = []
    while left:
        best = left.pop(0)
        stay.append(best)
        left = [
            n for n in left if labels[n] != labels[best] or iou(boxes[n], boxes[best]) <= overlap
        ]
    return stay


@pytest.mark.parametrize("overlap", [0.3, 0.6])
@pytest.mark.parametrize("seed", range(5))
def test_suppression_is_greedy(seed: int, overlap: float) -> None:
    random = torch.Generator().manual_seed(seed)
    corners = 40 * torch.rand(150, 2, generator=random)
    boxes = torch.cat([corners, corners + 5 + 30 * torch.rand(150, 2, generator=random)], dim=1)
    scores = torch.randint(0, 60, (150,), generator=random) / 60  # some are equal
    labels = torch.randint(0, 3, (150,), generator=random)
    expected = greedy(boxes, scores, labels, overlap)
    assert suppress(boxes, scores, labels, overlap).tolist() == expected
    assert 3 < len(expected) < 150


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.7])
@pytest.mark.parametrize("candidates", [20, 1000])
def test_objects_are_those_that_greed_leaves_of_the_surest(
    monkeypatch: pytest.MonkeyPatch, threshold: float, candidates: int
) -> None:
    monkeypatch.setattr(decoding, "CANDIDATES", candidates)
    random = torch.Generator().manual_seed(candidates)
    maps = Maps(
        2 * torch.randn(2, COUNT, 3, generator=random),
        12 * torch.rand(2, COUNT, 4, generator=random),
        2 * torch.randn(2, COUNT, generator=random),
        POINTS,
    )
    width, height = 37, 29
    found = decode(maps, (height, width), threshold=threshold, overlap=0.4, most=15)
    for picture, objects in enumerate(found):
        listed = []
        for point, (x, y) in enumerate(POINTS.centres.tolist()):
            left, top, right, bottom = maps.sides[picture, point].tolist()
            box = [
                max(x - left, 0),
                max(y - top, 0),
                min(x + right, width),
                min(y + bottom, height),
            ]
            for label in range(3):
                logits = maps.logits[picture, point, label], maps.centreness[picture, point]
                score = math.sqrt(math.prod(1 / (1 + math.exp(-x)) for x in logits))
                if score > threshold and box[0] < box[2] and box[1] < box[3]:
                    listed.append((score, label, box))
        listed = sorted(listed, reverse=True)[:candidates]
        scores, labels, boxes = (torch.tensor(part) for part in zip(*listed, strict=True))
        stay = greedy(boxes, scores, labels, 0.4)[:15]
        torch.testing.assert_close(objects.boxes, boxes[stay])
        torch.testing.assert_close(objects.scores, scores[stay])
        assert objects.labels.tolist() == labels[stay].tolist()
    assert min(len(objects.boxes) for objects in found) > 1


def test_suppression_of_a_chain() -> None:
    # Each overlaps its neighbours only: 1st stays, 2nd goes, 3rd stays...
    boxes = torch.tensor([[4.0 * n, 0, 4 * n + 10, 10] for n in range(30)])
    stay = suppress(boxes, torch.linspace(1, 0.1, 30), torch.zeros(30, dtype=torch.int64), 0.4)
    assert stay.tolist() == list(range(0, 30, 2))


def test_suppression_of_nothing() -> None:
    assert suppress(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0).long(), 0.5).tolist() == []


@pytest.mark.parametrize("size", [(64, 96), (61, 75), (32, 33)])
def test_pictures_of_any_size(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    net = fcos_small(3).eval()
    found = detect(net, torch.rand(2, 3, *size), threshold=0.0, most=20)
    assert len(found) == 2
    for picture in found:
        assert len(picture.boxes) == 20
        assert (picture.boxes >= 0).all()
        assert (picture.boxes <= torch.tensor([size[1], size[0]] * 2)).all()
        assert (picture.scores.diff() <= 0).all()


def test_a_network_refuses_sizes_that_its_levels_cannot_share() -> None:
    with pytest.raises(ValueError, match="75x61; both sides must be multiples of 32"):
        fcos_small(3)(torch.rand(1, 3, 61, 75))
