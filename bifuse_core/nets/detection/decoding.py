# SPDX-License-Identifier: Apache-2.0
"""From what a detector says of every point to the objects of a picture."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

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

    Returns:
        On the CPU, the objects of each picture.

    Raises:
        FloatingPointError: see `decode`.
    """
    return chosen(look(net, rgb).cpu(), threshold=threshold, overlap=overlap, most=most)


def decode(
    maps: Maps, size: tuple[int, int], *, threshold: float, overlap: float, most: int
) -> list[Found]:
    """Return the objects of each picture; see `detect`.

    Args:
        maps: what the detector said.
        size: height and width of the pictures, to which boxes are clipped.
        threshold: see `detect`.
        overlap: see `detect`.
        most: see `detect`.

    Raises:
        FloatingPointError: the maps hold NaN, so that it is not known what is there.
    """
    return chosen(surest(maps, size).cpu(), threshold=threshold, overlap=overlap, most=most)


def look(net: Fcos, rgb: Tensor) -> Tensor:
    """Return the surest boxes of pictures (B, 3, H, W) in [0, 1]; see `surest`."""
    height, width = rgb.shape[-2:]
    below, beside = -height % net.multiple, -width % net.multiple
    return surest(net(pad(rgb, (0, beside, 0, below), value=GREY)), (height, width))


def surest(maps: Maps, size: tuple[int, int]) -> Tensor:
    """Return the boxes of each picture that are compared, before any is dropped.

    The score of a class is the geometric mean of its probability and of the centre-ness, as in the
    later code of Tian et al. (2019).

    Nothing here waits for the device, and what it makes has one shape whatever is seen.

    Args:
        maps: what the detector said.
        size: height and width of the pictures, to which boxes are clipped.

    Returns:
        (B, M, 6) float32, surest first, M at most `CANDIDATES`: left, top, right, bottom, pixels;
        score, 0 where nothing of the box is within the picture; class. All NaN where the maps
        hold NaN.
    """
    classes = maps.logits.shape[-1]
    scores = (maps.logits.float().sigmoid() * maps.centreness.float().sigmoid()[..., None]).sqrt()
    boxes = boxes_of(maps.points.centres, maps.sides.float()).clamp_min(0)
    boxes = torch.stack(
        [side.clamp_max(size[1 - n % 2]) for n, side in enumerate(boxes.unbind(-1))], dim=-1
    )
    known = scores.isfinite().all() & boxes.isfinite().all()
    # A box in the padding has nothing left of it.
    shown = (scores * (area_of(boxes) > 0)[..., None]).flatten(1)
    best = shown.topk(min(CANDIDATES, shown.shape[1]))
    places = (best.indices // classes)[..., None].expand(-1, -1, 4)
    labels = best.indices % classes
    listed = torch.cat(
        [boxes.gather(1, places), best.values[..., None], labels[..., None].float()], dim=-1
    )
    return listed.where(known, torch.nan)


def chosen(listed: Tensor, *, threshold: float, overlap: float, most: int) -> list[Found]:
    """Return the objects of each picture among its surest boxes; see `detect`.

    Args:
        listed: (B, M, 6) as of `surest`, on the CPU.
        threshold: see `detect`.
        overlap: see `detect`.
        most: see `detect`.

    Raises:
        FloatingPointError: see `decode`.
    """
    if listed.isnan().any():
        raise FloatingPointError("what the detector says of the picture is not a number")
    return [_objects(of_one, threshold, overlap, most) for of_one in listed]


def _objects(listed: Tensor, threshold: float, overlap: float, most: int) -> Found:
    sure = listed[listed[:, 4] > threshold]
    boxes, scores, labels = sure[:, :4], sure[:, 4], sure[:, 5].long()
    stay = suppress(boxes, scores, labels, overlap)[:most]
    return Found(boxes[stay], scores[stay], labels[stay])
