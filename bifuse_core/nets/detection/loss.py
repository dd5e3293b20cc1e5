# SPDX-License-Identifier: Apache-2.0
"""What a detector is trained by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bifuse_core.nets.detection.assignment import NOTHING, Assignment, assign
from bifuse_core.nets.detection.boxes import boxes_of, generalised_iou
from bifuse_core.nets.detection.maps import Maps, Points

BOX_WEIGHT = 2.0
ALPHA, GAMMA = 0.25, 2.0
"""Of the focal loss (Lin et al., 2017)."""


@dataclass(frozen=True, eq=False)
class Truth:
    """What is known of one picture.

    Attributes:
        boxes: (N, 4) left, top, right, bottom, pixels.
        labels: (N,) int64 classes, 0 to K - 1.
        ignore: (M, 4) regions that are neither object nor background.
        known: (K,) bool, classes of which every object has a box; elsewhere in the picture, nothing
            is learnt about the others.
        weight: of the picture in the loss.
    """

    boxes: Tensor
    labels: Tensor
    ignore: Tensor
    known: Tensor
    weight: float = 1.0


def detection_loss(maps: Maps, truth: Sequence[Truth | None]) -> dict[str, Tensor]:
    """Return the three parts of the loss of FCOS, weighted to be summed.

    `focal` judges the classes of all points, `box` (2 (1 - GIoU), weighted by centre-ness) and
    `centreness` (binary cross-entropy) those with an object. Each is a mean over the points with
    one; 0 where there is none, `focal` then a sum. The pictures' weights do not enter the mean's
    divisor: a batch of half the weight has half the loss.

    Source: Tian et al. (2019), eq. 2, with the generalised IoU of Rezatofighi et al. (2019).

    Args:
        maps: of B pictures.
        truth: B entries; None for a picture of which nothing is known, which adds nothing.

    Raises:
        ValueError: their numbers differ.
    """
    if len(truth) != len(maps.logits):
        raise ValueError(f"{len(maps.logits)} pictures, but {len(truth)} truths")
    none = maps.logits.new_zeros(())
    nought = sum((part.sum() * 0 for part in maps[:3]), none)
    focal, box, centreness, points, centred = nought, nought, nought, none, none
    for number, known in enumerate(truth):
        if known is None:
            continue
        logits, sides, middles = (part[number].float() for part in maps[:3])
        assignment = assign(maps.points, known.boxes)
        found = assignment.objects != NOTHING
        objects, weights = assignment.objects[found], assignment.centreness[found]
        focal = focal + known.weight * _focal(logits, known, assignment, maps.points)
        overlap = generalised_iou(
            boxes_of(maps.points.centres[found], sides[found]), known.boxes[objects]
        )
        box = box + known.weight * (weights * (1 - overlap)).sum()
        centreness = centreness + known.weight * (
            torch.nn.functional.binary_cross_entropy_with_logits(
                middles[found], weights, reduction="sum"
            )
        )
        points = points + found.sum()
        centred = centred + weights.sum()
    points = points.clamp_min(1)
    return {
        "focal": focal / points,
        "box": BOX_WEIGHT * box / centred.clamp_min(1e-6),
        "centreness": centreness / points,
    }


def _focal(logits: Tensor, truth: Truth, assignment: Assignment, points: Points) -> Tensor:
    """Return the focal loss of the points (N, K) of one picture, summed."""
    found = assignment.objects != NOTHING
    target = torch.zeros_like(logits)
    target[found, truth.labels[assignment.objects[found]]] = 1
    # What a point with an object shows is known, for every class.
    counted = found[:, None] | truth.known
    counted = counted & (found | ~_within(points.centres, truth.ignore))[:, None]
    surprise = torch.nn.functional.binary_cross_entropy_with_logits(
        logits, target, reduction="none"
    )
    missed = (logits.sigmoid() - target).abs()
    balance = torch.where(target == 1, ALPHA, 1 - ALPHA)
    return (balance * missed**GAMMA * surprise)[counted].sum()


def _within(centres: Tensor, regions: Tensor) -> Tensor:
    """Tell (N,) whether points (N, 2) lie in one of the regions (M, 4)."""
    inside = (centres[:, None] >= regions[:, :2]) & (centres[:, None] < regions[:, 2:])
    return inside.all(dim=2).any(dim=1)
