# SPDX-License-Identifier: Apache-2.0
"""Augmentation: pictures, boxes, regions and mask are moved as one, each camera varied alone."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bifuse_core.data.sample import Sample

Interval = tuple[float, float]


@dataclass(frozen=True)
class Augmentation:
    """Scale, crop, flip, and grey levels, in this order.

    Attributes:
        scale: factor of both sides, drawn with a uniform logarithm; raised where the crop would not
            fit otherwise.
        crop: height and width cut out at a random place, pixels; None keeps the whole picture.
        visible: least share of a box that a crop must leave for it to stay an object; one with less
            becomes a region to ignore, because what is left is no background either.
        flip: probability of left becoming right.
        vary: probability, for each camera, of its grey levels being varied.
        gain: factor of grey levels.
        offset: added to grey levels, as a share of the full range.
        gamma: exponent of grey levels, drawn with a uniform logarithm.

    Raises:
        ValueError: a value is outside its limits; the message names it.
    """

    scale: Interval = (1.0, 1.0)
    crop: tuple[int, int] | None = None
    visible: float = 0.3
    flip: float = 0.5
    vary: float = 0.7
    gain: Interval = (0.4, 1.2)
    offset: Interval = (-0.05, 0.08)
    gamma: Interval = (0.7, 1.4)

    def __post_init__(self) -> None:
        for name in ("visible", "flip", "vary"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be within 0..1")
        for name in ("scale", "gain", "gamma", "offset"):
            low, high = getattr(self, name)
            if not (low <= high and (name == "offset" or low > 0)):
                raise ValueError(f"{name} is {low}..{high}; it must rise, and be above 0")
        if self.crop and min(self.crop) < 1:
            raise ValueError(f"crop is {self.crop}; both sides must be 1 or more")

    def __call__(self, sample: Sample, random: np.random.Generator) -> Sample:
        """Return a varied sample; all arrays are new.

        Args:
            sample: thermal of float32 must be in [0, 1].
            random: where the choices come from; the same state gives the same result.
        """
        height, width = sample.thermal.shape
        least = max((c / n for c, n in zip(self.crop or (0, 0), (height, width), strict=True)))
        factor = max(_logarithmic(self.scale, random), least)
        sample = scaled(sample, factor) if factor != 1 else sample
        if self.crop:
            spare = [n - c for n, c in zip(sample.thermal.shape, self.crop, strict=True)]
            top, left = (int(random.integers(n + 1)) for n in spare)
            sample = cropped(sample, top, left, *self.crop, visible=self.visible)
        if random.random() < self.flip:
            sample = flipped(sample)
        thermal, rgb = (self._varied(picture, random) for picture in (sample.thermal, sample.rgb))
        return replace(sample, thermal=thermal, rgb=rgb)

    def _varied(self, picture: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
        if random.random() >= self.vary:
            return np.ascontiguousarray(picture)
        gamma = _logarithmic(self.gamma, random)
        return regraded(picture, random.uniform(*self.gain), random.uniform(*self.offset), gamma)


def scaled(sample: Sample, factor: float) -> Sample:
    """Return the sample at another size; sides are rounded up to whole pixels."""
    height, width = sample.thermal.shape
    size = scaled_size(height, width, factor)[::-1]
    smooth = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    stretch = np.array([size[0] / width, size[1] / height] * 2, np.float32)
    mask = sample.mask
    if mask is not None:
        # Only the exact form samples at the centres of pixels, as the others do.
        mask = np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)
    return replace(
        sample,
        thermal=cv2.resize(sample.thermal, size, interpolation=smooth),
        rgb=np.asarray(cv2.resize(sample.rgb, size, interpolation=smooth), np.uint8),
        boxes=None if sample.boxes is None else sample.boxes * stretch,
        ignore=sample.ignore * stretch,
        mask=mask,
    )


def scaled_size(height: int, width: int, factor: float) -> tuple[int, int]:
    """Return height and width of a picture that `scaled` returns."""
    return math.ceil(height * factor - 1e-6), math.ceil(width * factor - 1e-6)


def cropped(
    sample: Sample, top: int, left: int, height: int, width: int, *, visible: float
) -> Sample:
    """Return a part of the sample.

    Args:
        sample: holds the whole part.
        top: first row.
        left: first column.
        height: rows.
        width: columns.
        visible: least share of a box that must be left of it, see `Augmentation`.
    """
    rows, columns = slice(top, top + height), slice(left, left + width)
    boxes, labels = sample.boxes, sample.labels
    ignore, _ = _inside(sample.ignore, top, left, height, width)
    if boxes is not None and labels is not None:
        clipped, share = _inside(boxes, top, left, height, width)
        kept = (share >= visible) & (share > 0)
        partly = (share > 0) & ~kept
        ignore = np.concatenate([ignore, clipped[partly]])
        boxes, labels = clipped[kept], labels[kept]
    return replace(
        sample,
        thermal=np.ascontiguousarray(sample.thermal[rows, columns]),
        rgb=np.ascontiguousarray(sample.rgb[rows, columns]),
        boxes=boxes,
        labels=labels,
        ignore=ignore[_area(ignore) > 0],
        mask=None if sample.mask is None else np.ascontiguousarray(sample.mask[rows, columns]),
    )


def flipped(sample: Sample) -> Sample:
    """Return the sample mirrored left to right."""
    width = sample.thermal.shape[1]
    return replace(
        sample,
        thermal=np.ascontiguousarray(sample.thermal[:, ::-1]),
        rgb=np.ascontiguousarray(sample.rgb[:, ::-1]),
        boxes=None if sample.boxes is None else _mirrored(sample.boxes, width),
        ignore=_mirrored(sample.ignore, width),
        mask=None if sample.mask is None else np.ascontiguousarray(sample.mask[:, ::-1]),
    )


def regraded(picture: NDArray[Any], gain: float, offset: float, gamma: float) -> NDArray[Any]:
    """Return a picture as another exposure: gain * level ** gamma + offset, within its range.

    Args:
        picture: uint8 or uint16 of full range, or float32 in [0, 1].
        gain: factor.
        offset: added, as a share of the range.
        gamma: exponent.
    """
    if picture.dtype == np.uint8 and picture.size > 256:
        # Each of the few levels once, not each of the many pixels.
        return regraded(np.arange(256, dtype=np.uint8), gain, offset, gamma)[picture]
    full = 1.0 if picture.dtype.kind == "f" else float(np.iinfo(picture.dtype).max)
    level = np.clip(picture.astype(np.float32) / full, 0, 1) ** gamma * gain + offset
    level = np.clip(level, 0, 1) * full
    if picture.dtype.kind != "f":
        level = np.rint(level)
    return level.astype(picture.dtype)


def _inside(
    boxes: NDArray[np.float32], top: int, left: int, height: int, width: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return boxes clipped to a part of the picture, in its pixels, and the share left of each."""
    moved = boxes - np.array([left, top, left, top], np.float32)
    clipped = np.clip(moved, 0, np.array([width, height, width, height], np.float32))
    return clipped, _area(clipped) / np.maximum(_area(moved), np.float32(1e-6))


def _area(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def _mirrored(boxes: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    mirrored = boxes.copy()
    mirrored[:, [0, 2]] = width - boxes[:, [2, 0]]
    return mirrored


def _logarithmic(interval: Interval, random: np.random.Generator) -> float:
    low, high = interval
    return float(math.exp(random.uniform(math.log(low), math.log(high))))
