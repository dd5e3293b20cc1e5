# SPDX-License-Identifier: Apache-2.0
"""The loss of a detector, against loops and other writings of it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from bifuse_core.nets.detection.assignment import NOTHING, assign
from bifuse_core.nets.detection.boxes import generalised_iou, iou
from bifuse_core.nets.detection.loss import Truth, detection_loss
from bifuse_core.nets.detection.maps import Maps, points_of

POINTS = points_of([(12, 16), (6, 8)], (8, 16), 4, torch.device("cpu"))
COUNT = len(POINTS.centres)
CLASSES = 3
ALL = torch.ones(CLASSES, dtype=torch.bool)
NO_BOXES = torch.zeros(0, 4)


def some_maps(pictures: int, seed: int = 0) -> Maps:
    random = torch.Generator().manual_seed(seed)
    return Maps(
        torch.randn(pictures, COUNT, CLASSES, generator=random).requires_grad_(),
        (2 * torch.randn(pictures, COUNT, 4, generator=random)).exp().mul(8).requires_grad_(),
        torch.randn(pictures, COUNT, generator=random).requires_grad_(),
        POINTS,
    )


def some_truth(**changes: object) -> Truth:
    truth = Truth(
        boxes=torch.tensor([[10.0, 10, 40, 70], [60, 20, 100, 50], [30, 60, 36, 66]]),
        labels=torch.tensor([0, 2, 1]),
        ignore=NO_BOXES,
        known=ALL,
    )
    return replace(truth, **changes)  # type: ignore[arg-type]


def loss_by_loops(maps: Maps, truths: list[Truth | None]) -> dict[str, float]:
    focal = box = centreness = points = centred = 0.0
    for number, truth in enumerate(truths):
        if truth is None:
            continue
        assignment = assign(maps.points, truth.boxes)
        for place in range(COUNT):
            x, y = maps.points.centres[place].tolist()
            chosen = int(assignment.objects[place])
            ignored = any(
                left <= x < right and top <= y < bottom
                for left, top, right, bottom in truth.ignore.tolist()
            )
            for k in range(CLASSES):
                p = 1 / (1 + math.exp(-float(maps.logits[number, place, k])))
                if chosen != NOTHING and int(truth.labels[chosen]) == k:
                    focal += truth.weight * -0.25 * (1 - p) ** 2 * math.log(p)
                elif chosen != NOTHING or (truth.known[k] and not ignored):
                    focal += truth.weight * -0.75 * p**2 * math.log(1 - p)
            if chosen == NOTHING:
                continue
            left, top, right, bottom = maps.sides[number, place].tolist()
            found = [x - left, y - top, x + right, y + bottom]
            weight = float(assignment.centreness[place])
            box += 2 * truth.weight * weight * (1 - giou(found, truth.boxes[chosen].tolist()))
            q = 1 / (1 + math.exp(-float(maps.centreness[number, place])))
            centreness -= truth.weight * (weight * math.log(q) + (1 - weight) * math.log(1 - q))
            points += 1
            centred += weight
    return {"focal": focal / points, "box": box / centred, "centreness": centreness / points}


def giou(a: list[float], b: list[float]) -> float:
    def area(c: list[float]) -> float:
        return max(c[2] - c[0], 0) * max(c[3] - c[1], 0)

    common = area([max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])])
    hull = area([min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])])
    union = area(a) + area(b) - common
    return common / union - (hull - union) / hull


def test_loss_is_that_of_the_definition() -> None:
    maps = Maps(*(part.detach() for part in some_maps(4)[:3]), POINTS)
    truths: list[Truth | None] = [
        some_truth(),
        None,
        some_truth(known=torch.tensor([True, False, False]), weight=0.3),
        some_truth(ignore=torch.tensor([[50.0, 10, 128, 96], [0, 0, 20, 20]])),
    ]
    found = {name: part.item() for name, part in detection_loss(maps, truths).items()}
    assert found == pytest.approx(loss_by_loops(maps, truths), rel=1e-4)


def test_a_batch_of_weak_pictures_weighs_less_than_one_of_true_ones() -> None:
    maps = some_maps(2)
    true, weak = (detection_loss(maps, [some_truth(weight=weight)] * 2) for weight in (1.0, 0.3))
    for name, part in true.items():
        assert weak[name].item() == pytest.approx(0.3 * part.item(), rel=1e-5)


def gradient_of_logits(maps: Maps, truths: list[Truth | None]) -> Tensor:
    (gradient,) = torch.autograd.grad(detection_loss(maps, truths)["focal"], [maps.logits])
    return gradient


def test_a_picture_without_labels_teaches_nothing() -> None:
    maps = some_maps(2)
    total = torch.stack(list(detection_loss(maps, [None, some_truth()]).values())).sum()
    for part in torch.autograd.grad(total, list(maps[:3])):
        assert not part[0].any()
        assert part[1].any()


def test_classes_that_are_not_all_labelled_have_no_background() -> None:
    truth = some_truth(known=torch.tensor([True, False, False]))
    gradient = gradient_of_logits(some_maps(1), [truth])[0]
    nothing = assign(POINTS, truth.boxes).objects == NOTHING
    assert gradient[nothing, 0].all()
    assert not gradient[nothing, 1:].any()
    # A person is no vehicle, whatever else is not labelled.
    assert gradient[~nothing].all()


def test_background_is_not_learnt_in_regions_to_ignore() -> None:
    truth = some_truth(ignore=torch.tensor([[0.0, 0, 128, 48]]))
    gradient = gradient_of_logits(some_maps(1), [truth])[0]
    nothing = assign(POINTS, truth.boxes).objects == NOTHING
    above = POINTS.centres[:, 1] < 48
    assert not gradient[nothing & above].any()
    assert gradient[nothing & ~above].all()
    assert gradient[~nothing].all()


def test_empty_pictures_teach_background_alone() -> None:
    maps = some_maps(1)
    empty = Truth(NO_BOXES, torch.zeros(0, dtype=torch.int64), NO_BOXES, ALL)
    parts = detection_loss(maps, [empty])
    assert parts["focal"] > 0
    assert parts["box"] == 0
    assert parts["centreness"] == 0
    sum(parts.values()).backward()  # type: ignore[union-attr]
    assert torch.isfinite(maps.logits.grad).all()  # type: ignore[arg-type]


def test_nothing_known_at_all_is_no_loss_and_not_nan() -> None:
    maps = some_maps(2)
    total = torch.stack(list(detection_loss(maps, [None, None]).values())).sum()
    assert total == 0
    assert all(not part.any() for part in torch.autograd.grad(total, list(maps[:3])))


def test_numbers_of_pictures_must_agree() -> None:
    with pytest.raises(ValueError, match="2 pictures, but 1 truths"):
        detection_loss(some_maps(2), [None])


def test_overlaps_against_counted_pixels() -> None:
    random = torch.Generator().manual_seed(3)
    corners = torch.randint(0, 20, (40, 2, 2), generator=random)
    first, second = (
        torch.cat([c, c + torch.randint(1, 12, (40, 2), generator=random)], dim=1).float()
        for c in corners.unbind(1)
    )
    for a, b, overlap, general in zip(
        first, second, iou(first, second), generalised_iou(first, second), strict=True
    ):
        grids = []
        for box in (a, b):
            grid = torch.zeros(40, 40, dtype=torch.bool)
            left, top, right, bottom = box.long().tolist()
            grid[top:bottom, left:right] = True
            grids.append(grid)
        union = (grids[0] | grids[1]).sum()
        assert overlap == pytest.approx(float((grids[0] & grids[1]).sum() / union))
        rows, columns = (grids[0] | grids[1]).nonzero(as_tuple=True)
        hull = (rows.max() - rows.min() + 1) * (columns.max() - columns.min() + 1)
        assert general == pytest.approx(float(overlap - (hull - union) / hull), abs=1e-6)
