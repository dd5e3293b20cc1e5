# SPDX-License-Identifier: Apache-2.0
"""What a detector finds in several pictures of one moment, as one list of objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bifuse_core.metrics.detection import FoundBoxes
from bifuse_core.nets.detection.boxes import area_of, iou

OVERLAP = 0.5
"""Least intersection over union of two boxes that are one object."""

INSIDE = 0.8
"""Least share of the smaller of two boxes in the larger at which it is a part of that object."""

PART = 0.5
"""Largest area, of that of the larger box, of a part where the picture shows both: somebody who
stands before somebody is about as large."""

COVERED = 0.5
"""Share of a region to ignore in a surer object above which it says nothing of its own."""

LEAST = 0.4
"""Least score of what not every picture shows; nearly all with less are nothing."""

SURE = 0.5
"""Least score, by default, of an object that is found in one picture alone."""


class Proposals(NamedTuple):
    """The N objects of one moment, surest first."""

    boxes: NDArray[np.float32]
    """(N, 4) left, top, right, bottom in pixels: the surest box of each object."""
    scores: NDArray[np.float32]
    """(N,) in [0, 1], that of this box."""
    labels: NDArray[np.int64]
    """(N,) class numbers."""
    agreement: NDArray[np.int64]
    """(N,) in how many of the pictures the object was found."""
    ignore: NDArray[np.bool_]
    """(N,) whether it is too doubtful to be an object, or to be none."""


def agreed(found: Sequence[FoundBoxes], sure: float) -> Proposals:
    """Merge what was found in pictures of one moment.

    From the surest box on, each joins the surest object of its class that it overlaps by `OVERLAP`
    and that has no box of its picture yet. Where one lies in the other by `INSIDE` it is left out,
    as a part or a hull, which is no sign of agreement: a window does not show the car. If the
    object has a box of its picture, it is left out only where their areas differ as `PART` says.
    Else it is an object of its own. What not every picture shows, by `LEAST`, is left out as well.

    Args:
        found: of each picture.
        sure: score in [0, 1] from which an object found in one picture alone is one; with a lower
            one it is to be ignored, and where it lies in a surer object of any class by more than
            `COVERED`, left out.
    """
    corners = [np.asarray(one.boxes, np.float32).reshape(-1, 4) for one in found]
    boxes = np.concatenate(corners)
    scores = np.concatenate([np.asarray(one.scores, np.float32).reshape(-1) for one in found])
    labels = np.concatenate([np.asarray(one.labels, np.int64).reshape(-1) for one in found])
    pictures = np.repeat(np.arange(len(found)), [len(one) for one in corners])
    every = torch.from_numpy(boxes)
    kin = labels[:, None] == labels[None]
    same = kin & (iou(every[:, None], every[None]).numpy() >= OVERLAP)
    inside, areas = _inside(every), area_of(every).numpy()
    nested = kin & (np.maximum(inside, inside.T) >= INSIDE)
    unlike = np.minimum(areas[:, None], areas) <= PART * np.maximum(areas[:, None], areas)

    objects: list[list[int]] = []
    for box in np.argsort(-scores, kind="stable").tolist():
        for members in objects:
            surer, new = members[0], pictures[box] not in pictures[members]
            if same[surer, box] and new:
                members.append(box)
                break
            if nested[surer, box] and (unlike[surer, box] or new):
                break
        else:
            objects.append([box])
    surest = np.array([members[0] for members in objects], np.int64)
    agreement = np.array([len(members) for members in objects], np.int64)
    ignore = (agreement == 1) & (scores[surest] < sure)
    # Row i, column j: i lies in j, which is a surer object.
    covered = np.tril(inside[np.ix_(surest, surest)] > COVERED, -1) & ~ignore
    likely = ((agreement == len(found)) & ~ignore) | (scores[surest] >= LEAST)
    stays = likely & ~(ignore & covered.any(axis=1))
    surest = surest[stays]
    return Proposals(boxes[surest], scores[surest], labels[surest], agreement[stays], ignore[stays])


def _inside(boxes: Tensor) -> NDArray[np.float32]:
    """Return of boxes (N, 4) the share of the area of each, row, in each, column: (N, N)."""
    corners = torch.maximum(boxes[:, None, :2], boxes[:, :2])
    ends = torch.minimum(boxes[:, None, 2:], boxes[:, 2:])
    common = area_of(torch.cat([corners, ends], dim=-1))
    return (common / area_of(boxes)[:, None].clamp_min(1e-9)).numpy()
