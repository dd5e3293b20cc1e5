# SPDX-License-Identifier: Apache-2.0
"""From what a detector says of every point to the objects of a picture."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from bifuse_core.nets.detection.boxes import area_of, boxes_of
from bifuse_core.nets.detection.fcos import Fcos
from bifuse_core.nets.detection.maps import Maps
from bifuse_core.nets.detection.suppression import suppress

CANDIDATES = 1000
"""Surest boxes of a picture that are compared with each other."""

GREY = 0.45
"""What a picture is padded with: the mean of pictures, which networks see as 0."""


class Found(NamedTuple):
    """The objects of one picture, surest first."""

    boxes: Tensor
    """(N, 4) float32 left, top, right, bottom, pixels, within the picture."""
    scores: Tensor
    """(N,) float32 in (0, 1]."""
    labels: Tensor
    """(N,) int64 classes."""


@torch.no_grad()
def detect(
    net: Fcos, rgb: Tensor, *, threshold: float = 0.05, overlap: float = 0.6, most: int = 100
) -> list[Found]:
    """Find the objects in pictures.

    Args:
        net: the detector, in evaluation mode.
        rgb: (B, 3, H, W) in [0, 1], of any size; padded at the bottom and on the right.
        threshold: least score.
        overlap: intersection over union above which the less sure of two boxes of a class goes.
        most: objects a picture.

    Raises:
        FloatingPointError: see `decode`.
    """
    height, width = rgb.shape[-2:]
    below, beside = -height % net.multiple, -width % net.multiple
    padded = torch.nn.functional.pad(rgb, (0, beside, 0, below), value=GREY)
    return decode(net(padded), (height, width), threshold=threshold, overlap=overlap, most=most)


def decode(
    maps: Maps, size: tuple[int, int], *, threshold: float, overlap: float, most: int
) -> list[Found]:
    """Return the objects of each picture; see `detect`.

    The score of a class is the geometric mean of its probability and of the centre-ness, as in the
    later code of Tian et al. (2019).

    Args:
        maps: what the detector said.
        size: height and width of the pictures, to which boxes are clipped.
        threshold: see `detect`.
        overlap: see `detect`.
        most: see `detect`.

    Raises:
        FloatingPointError: the maps hold NaN, so that it is not known what is there.
    """
    scores = (maps.logits.float().sigmoid() * maps.centreness.float().sigmoid()[..., None]).sqrt()
    boxes = boxes_of(maps.points.centres, maps.sides.float())
    bounds = boxes.new_tensor([size[1], size[0]]).repeat(2)
    boxes = torch.minimum(boxes.clamp_min(0), bounds)
    if not (scores.isfinite().all() and boxes.isfinite().all()):
        raise FloatingPointError("what the detector says of the picture is not a number")
    return [
        _objects(*of_one, threshold, overlap, most) for of_one in zip(boxes, scores, strict=True)
    ]


def _objects(boxes: Tensor, scores: Tensor, threshold: float, overlap: float, most: int) -> Found:
    # A box in the padding has nothing left of it.
    shown = (area_of(boxes) > 0)[:, None]
    places, labels = (shown & (scores > threshold)).nonzero(as_tuple=True)
    sure = scores[places, labels]
    surest = sure.topk(min(CANDIDATES, len(sure))).indices
    places, labels, sure = places[surest], labels[surest], sure[surest]
    stay = suppress(boxes[places], sure, labels, overlap)[:most]
    return Found(boxes[places[stay]], sure[stay], labels[stay])
