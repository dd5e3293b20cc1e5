# SPDX-License-Identifier: Apache-2.0
"""What a detector finds in several pictures of one moment, as one list of objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from bifuse_core.metrics.detection import FoundBoxes
from bifuse_core.nets.detection.boxes import iou

OVERLAP = 0.5
"""Least intersection over union of two boxes that are one object."""

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
    and that has no box of its picture yet, or is an object of its own.

    Args:
        found: of each picture.
        sure: score in [0, 1] from which an object found in one picture alone is one; with a lower
            one it is to be ignored.
    """
    corners = [np.asarray(one.boxes, np.float32).reshape(-1, 4) for one in found]
    boxes = np.concatenate(corners)
    scores = np.concatenate([np.asarray(one.scores, np.float32).reshape(-1) for one in found])
    labels = np.concatenate([np.asarray(one.labels, np.int64).reshape(-1) for one in found])
    pictures = np.repeat(np.arange(len(found)), [len(one) for one in corners])
    every = torch.from_numpy(boxes)
    same = iou(every[:, None], every[None]).numpy() >= OVERLAP
    same &= labels[:, None] == labels[None]

    objects: list[list[int]] = []
    for box in np.argsort(-scores, kind="stable").tolist():
        for members in objects:
            if same[members[0], box] and pictures[box] not in pictures[members]:
                members.append(box)
                break
        else:
            objects.append([box])
    surest = [members[0] for members in objects]
    agreement = np.array([len(members) for members in objects], np.int64)
    ignore = (agreement == 1) & (scores[surest] < sure)
    return Proposals(boxes[surest], scores[surest], labels[surest], agreement, ignore)
