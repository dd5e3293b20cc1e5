# SPDX-License-Identifier: Apache-2.0
"""Where crops are laid, and what becomes of pictures, boxes and masks there."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bifuse_core.data.augmentation import cropped
from bifuse_core.data.sample import Sample
from bifuse_core.metrics.unlabelled import UNLABELLED

VISIBLE = 0.3
"""Least share of a box that a crop must leave for it to stay an object."""

GREY = 114
"""What a crop shows beyond its picture: the mean of pictures, which networks see as 0."""


def place(
    side: int, room: int, span: NDArray[np.float32] | None, random: np.random.Generator
) -> int:
    """Return where a crop begins along one side of a picture; below 0 where it is the larger.

    Args:
        side: of the picture, pixels.
        room: of the crop, pixels.
        span: where an object begins and ends; all of it is shown, or it fills the crop.
        random: chooses among the places there are.
    """
    low, high = sorted((0, side - room))
    if span is not None and side > room:
        first, last = sorted((math.ceil(span[1]) - room, math.floor(span[0])))
        low, high = (min(max(end, low), high) for end in (first, last))
    return int(random.integers(low, high + 1))


def window(sample: Sample, top: int, left: int, size: tuple[int, int]) -> Sample:
    """Return a part of a sample; boxes are moved along, and none is cut or left out.

    Args:
        sample: any.
        top: first row, in the picture.
        left: first column, in the picture.
        size: rows and columns; the part is smaller where the picture ends.
    """
    rows, columns = slice(top, top + size[0]), slice(left, left + size[1])
    part = replace(
        sample,
        thermal=sample.thermal[rows, columns],
        rgb=np.ascontiguousarray(sample.rgb[rows, columns]),
        mask=None if sample.mask is None else sample.mask[rows, columns],
        valid=None if sample.valid is None else sample.valid[rows, columns],
    )
    return moved(part, -top, -left)


def cut(sample: Sample, top: int, left: int, size: tuple[int, int]) -> Sample:
    """Return a part of a sample; grey and unlabelled beyond the picture.

    Boxes are cut, and those of which too little is left become regions to ignore.

    Args:
        sample: as the network sees it.
        top: first row; below 0, so many rows of the part are above the picture. Where the picture
            is large enough for the part, the part lies inside it.
        left: first column, likewise.
        size: rows and columns.
    """
    height, width = sample.rgb.shape[:2]
    inside = (min(size[0], height), min(size[1], width))
    first = min(max(top, 0), height - inside[0]), min(max(left, 0), width - inside[1])
    part = cropped(sample, *first, *inside, visible=VISIBLE)
    if inside == size:
        return part
    above, beside = min(max(-top, 0), size[0] - inside[0]), min(max(-left, 0), size[1] - inside[1])
    rows, columns = slice(above, above + inside[0]), slice(beside, beside + inside[1])
    rgb = np.full((*size, 3), GREY, np.uint8)
    rgb[rows, columns] = part.rgb
    mask = None
    if part.mask is not None:
        mask = np.full(size, UNLABELLED, np.uint8)
        mask[rows, columns] = part.mask
    shifted = moved(replace(part, rgb=rgb, mask=mask), above, beside)
    return replace(shifted, thermal=np.zeros(size, np.uint8))


def moved(sample: Sample, down: int, right: int) -> Sample:
    """Return the sample with boxes and regions moved by pixels; its pictures stay."""
    shift = np.array([right, down, right, down], np.float32)
    boxes = None if sample.boxes is None else sample.boxes + shift
    return replace(sample, boxes=boxes, ignore=sample.ignore + shift)


def joined(first: Sample, second: Sample, axis: int) -> Sample:
    """Return two samples beside each other (axis 1), or one above the other (axis 0)."""
    height, width = first.rgb.shape[:2]
    second = moved(second, 0 if axis else height, width if axis else 0)

    def both(name: str, along: int) -> NDArray:
        return np.concatenate([getattr(first, name), getattr(second, name)], axis=along)

    return Sample(
        f"{first.name}, {second.name}",
        both("thermal", axis),
        both("rgb", axis),
        None if first.boxes is None else both("boxes", 0),
        None if first.labels is None else both("labels", 0),
        both("ignore", 0),
        None if first.mask is None else both("mask", axis),
    )
