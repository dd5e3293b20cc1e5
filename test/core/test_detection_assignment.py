# SPDX-License-Identifier: Apache-2.0
"""Points and their objects, against loops over the definition of FCOS."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from bifuse_core.nets.detection.assignment import NOTHING, RADIUS, assign
from bifuse_core.nets.detection.maps import Points, points_of

STRIDES = (8, 16, 32)
SIZES = [(16, 20), (8, 10), (4, 5)]
CPU = torch.device("cpu")


def some_points(reach: float = 4) -> Points:
    return points_of(SIZES, STRIDES, reach, CPU)


def some_boxes(seed: int, count: int) -> Tensor:
    random = np.random.default_rng(seed)
    corners = random.uniform([0, 0], [150, 118], (count, 2))
    sizes = np.exp(random.uniform(np.log(3), np.log(120), (count, 2)))
    ends = np.minimum(corners + sizes, [160, 128])
    return torch.tensor(np.concatenate([corners, ends], axis=1), dtype=torch.float32)


def assigned_by_loops(points: Points, boxes: Tensor) -> tuple[list[int], list[float]]:
    """Go through points and objects one by one, as the paper tells it."""
    objects, centreness = [], []
    # The nearest point of each object on the level of its size; of rivals the smallest has it.
    owner: dict[int, int] = {}
    areas = [float((b[2] - b[0]) * (b[3] - b[1])) for b in boxes]
    for number, (left, top, right, bottom) in enumerate(boxes.tolist()):
        half = max(right - left, bottom - top) / 2
        best, least = -1, math.inf
        for place, (x, y) in enumerate(points.centres.tolist()):
            if not points.nearest[place] <= half < points.farthest[place]:
                continue
            distance = math.hypot(x - (left + right) / 2, y - (top + bottom) / 2)
            if distance < least - 1e-4:
                best, least = place, distance
        if best not in owner or areas[number] < areas[owner[best]]:
            owner[best] = number
    for place, (x, y) in enumerate(points.centres.tolist()):
        chosen, smallest = NOTHING, math.inf
        for number, (left, top, right, bottom) in enumerate(boxes.tolist()):
            sides = (x - left, y - top, right - x, bottom - y)
            offset = max(abs(x - (left + right) / 2), abs(y - (top + bottom) / 2))
            if (
                min(sides) > 0
                and offset < RADIUS * points.strides[place]
                and points.nearest[place] <= max(sides) < points.farthest[place]
                and areas[number] < smallest
            ):
                chosen, smallest = number, areas[number]
        chosen = owner.get(place, chosen)
        objects.append(chosen)
        if chosen == NOTHING:
            centreness.append(0.0)
        elif place in owner:
            centreness.append(1.0)
        else:
            left, top, right, bottom = boxes[chosen].tolist()
            across, down = (x - left, right - x), (y - top, bottom - y)
            ratio = min(across) / max(across) * min(down) / max(down)
            centreness.append(math.sqrt(ratio))
    return objects, centreness


@pytest.mark.parametrize("seed", range(8))
def test_objects_and_centreness_are_those_of_the_definition(seed: int) -> None:
    points, boxes = some_points(), some_boxes(seed, 14)
    found = assign(points, boxes)
    objects, centreness = assigned_by_loops(points, boxes)
    assert found.objects.tolist() == objects
    assert found.centreness.numpy() == pytest.approx(np.array(centreness), abs=1e-5)


def test_points_are_the_middles_of_cells_row_by_row() -> None:
    points = points_of([(2, 3), (1, 2)], (8, 16), 8, CPU)
    assert points.centres.tolist() == [
        [4, 4],
        [12, 4],
        [20, 4],
        [4, 12],
        [12, 12],
        [20, 12],
        [8, 8],
        [24, 8],
    ]
    assert points.strides.tolist() == [8] * 6 + [16] * 2


def test_levels_share_sizes_as_the_paper_says() -> None:
    points = points_of([(1, 1)] * 5, (8, 16, 32, 64, 128), 8, CPU)
    assert points.nearest.tolist() == [0, 64, 128, 256, 512]
    assert points.farthest.tolist() == [64, 128, 256, 512, math.inf]


def test_an_object_between_all_points_is_found_by_the_nearest() -> None:
    # 2 x 2 pixels around the corner of four cells.
    box = torch.tensor([[39.5, 39.5, 41.0, 41.5]])
    found = assign(some_points(), box)
    places = (found.objects == 0).nonzero().flatten().tolist()
    assert len(places) == 1
    assert some_points().centres[places[0]].tolist() == [44, 44]
    assert found.centreness[places[0]] == 1


def test_every_object_of_a_crowd_with_its_own_nearest_point_is_found() -> None:
    # Heads in a row, under one large box that contains them all.
    heads = torch.tensor([[8.0 * n + 1, 41, 8 * n + 7, 47] for n in range(10)])
    crowd = torch.tensor([[0.0, 38, 84, 50]])
    found = assign(some_points(), torch.cat([crowd, heads]))
    assert set(found.objects.tolist()) >= set(range(1, 11))


def test_nothing_is_found_where_nothing_is() -> None:
    found = assign(some_points(), torch.zeros(0, 4))
    assert (found.objects == NOTHING).all()
    assert not found.centreness.any()
