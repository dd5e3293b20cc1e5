# SPDX-License-Identifier: Apache-2.0
"""Which point is to find which object."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from bifuse_core.nets.detection.maps import Points

RADIUS = 1.5
"""Strides around the middle of an object within which points are to find it."""

NOTHING = -1
"""Stands for the object of a point that is to find none."""


class Assignment(NamedTuple):
    """What the N points are to say of one picture with M objects."""

    objects: Tensor
    """(N,) int64 number of the object of each point; -1 for none."""
    centreness: Tensor
    """(N,) in [0, 1]; 0 where there is no object."""


def assign(points: Points, boxes: Tensor) -> Assignment:
    """Give objects to points.

    A point gets an object if it lies inside its box, within 1.5 strides of its middle, and if the
    farthest side of the box is one of those of its level; of several objects the smallest. Besides,
    the point of its level that is nearest to the middle of an object always gets it, even if no
    point lies in the box: of small objects, many would be found by none otherwise. Where that point
    is the nearest of several objects, the smallest gets it.

    Source: Tian et al. (2019), sections 3.1 to 3.3, with their later centre sampling. Centre-ness
    is their eq. 3, and 1 for the nearest point.

    Args:
        points: of all levels.
        boxes: (M, 4) left, top, right, bottom, pixels.
    """
    count = len(points.centres)
    if not len(boxes):
        return Assignment(
            torch.full((count,), NOTHING, device=boxes.device), boxes.new_zeros(count)
        )
    size = boxes[:, 2:] - boxes[:, :2]
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    area = size.prod(dim=1)
    sides = sides_of(points.centres[:, None], boxes)
    farthest = sides.amax(dim=2)
    offset = (points.centres[:, None] - middle).abs().amax(dim=2)
    wanted = (
        (sides.amin(dim=2) > 0)
        & (offset < RADIUS * points.strides[:, None])
        & _of_level(points, farthest)
    )
    nearest = _nearest(points, middle, size)
    wanted[nearest, torch.arange(len(boxes))] = True
    # The smallest one, but none before the one that has no other point.
    cost = area.expand(count, -1).masked_fill(~wanted, torch.inf)
    cost[nearest, torch.arange(len(boxes))] -= 2 * area.max()
    least, objects = cost.min(dim=1)
    objects = objects.masked_fill(least.isinf(), NOTHING)
    chosen = objects.clamp_min(0)
    own = sides[torch.arange(count), chosen]
    across, down = own[:, 0::2], own[:, 1::2]
    ratio = (across.amin(1) / across.amax(1)) * (down.amin(1) / down.amax(1))
    centreness = ratio.clamp_min(0).sqrt()
    centreness[nearest[objects[nearest] == torch.arange(len(boxes), device=boxes.device)]] = 1
    return Assignment(objects, centreness.masked_fill(objects == NOTHING, 0))


def sides_of(centres: Tensor, boxes: Tensor) -> Tensor:
    """Return the distances (..., 4) from points (..., 2) to the sides of boxes (..., 4)."""
    return torch.cat([centres - boxes[..., :2], boxes[..., 2:] - centres], dim=-1)


def _of_level(points: Points, farthest: Tensor) -> Tensor:
    """Tell (N, M) whether a distance is one of those of the point's level."""
    return (farthest >= points.nearest[:, None]) & (farthest < points.farthest[:, None])


def _nearest(points: Points, middle: Tensor, size: Tensor) -> Tensor:
    """Return the number (M,) of the point nearest to each object's middle, on its level."""
    distance = (points.centres[:, None] - middle).norm(dim=2)
    of_level = _of_level(points, (size.amax(dim=1) / 2).expand(len(points.centres), -1))
    return distance.masked_fill(~of_level, torch.inf).argmin(dim=0)
