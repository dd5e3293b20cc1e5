# SPDX-License-Identifier: Apache-2.0
"""The endless draw of random crops around labelled objects, each crop known by its number.

The two cameras of a pair are varied first, each for itself, then seen: a day of which the colour
camera is left in the dark becomes a night, with all labels of the day.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from bifuse_core.data.augmentation import cropped, flipped, regraded, scaled, scaled_size
from bifuse_core.data.classes import SOME_STUFF
from bifuse_core.data.sample import Sample
from bifuse_core.metrics.unlabelled import UNLABELLED
from bifuse_core.perception.inputs import Input, seen
from bifuse_core.perception.settings import CropSettings
from bifuse_core.perception.sources import Source

VISIBLE = 0.3
"""Least share of a box that a crop must leave for it to stay an object."""

OFFSET, GAMMA = (-0.05, 0.08), (0.6, 1.6)
"""Intervals in which grey levels are varied."""

GAIN = (0.7, 1.3)
"""The interval of factors of grey levels."""

DARK = (0.1, 0.7)
"""Those of a colour picture that becomes one of dusk or night."""

GREY = 114
"""What a crop shows beyond its picture: the mean of pictures, which networks see as 0."""

DIVIDED = (0.3, 0.7)
"""Interval of the place where a mosaic is divided, as a share of its sides."""


@dataclass(frozen=True, eq=False)
class Crop:
    """A crop with what is known of it.

    Attributes:
        sample: the crop, as the network sees it.
        source: what it comes from.
    """

    sample: Sample
    source: Source


@dataclass(frozen=True)
class Crops(Dataset[Crop]):
    """Random crops; the one of a number is always the same, so a run goes on where it stopped.

    A source is drawn, one of the classes in it (rarer ones more often than they appear), a picture
    with that class, and one of its objects, which the crop is laid around; where there is a mask
    instead of boxes, one of its pixels. The rest are crops of any place of any picture. Those of a
    mosaic come from one source, since what is known differs.

    Attributes:
        sources: at least one, each with at least one sample.
        settings: see `CropSettings`.
        see: makes the input of the network.
        seed: of all random choices.
    """

    sources: Sequence[Source]
    settings: CropSettings
    see: Input
    seed: int = 0

    def __getitem__(self, number: int) -> Crop:
        """Return a crop."""
        random = np.random.default_rng((self.seed, number))
        shares = np.array([source.share for source in self.sources])
        chosen = int(random.choice(len(self.sources), p=shares / shares.sum()))
        if random.random() < self.settings.mosaic:
            sample = self._mosaic(chosen, random)
        else:
            sample = self._part(chosen, self.settings.size, 1.0, random)
        if random.random() < self.settings.flip:
            sample = flipped(sample)
        return Crop(sample, self.sources[chosen])

    @cached_property
    def _shown(self) -> list[dict[int, list[int]]]:
        """For each source, the numbers of the pictures that show a class, by class."""
        found: list[dict[int, list[int]]] = []
        for source in self.sources:
            by_class: dict[int, list[int]] = {}
            for number, sample in enumerate(source.samples):
                for label in _classes(sample):
                    by_class.setdefault(label, []).append(number)
            found.append(by_class)
        return found

    def _mosaic(self, chosen: int, random: np.random.Generator) -> Sample:
        """Return four crops as one; they show things smaller, since each has a part of the room."""
        height, width = self.settings.size
        y, x = (round(side * random.uniform(*DIVIDED)) for side in (height, width))
        rows = []
        for rise in (y, height - y):
            size_left, size_right = (rise, x), (rise, width - x)
            left = self._part(chosen, size_left, math.sqrt(0.5), random)
            right = self._part(chosen, size_right, math.sqrt(0.5), random)
            rows.append(_joined(left, right, axis=1))
        return _joined(rows[0], rows[1], axis=0)

    def _part(
        self, chosen: int, size: tuple[int, int], shrink: float, random: np.random.Generator
    ) -> Sample:
        """Return a crop of some size from a source, its picture scaled for a whole crop."""
        sample, box = self._aim(chosen, random)
        low, high = np.log(self.settings.scale)
        height, width = sample.rgb.shape[:2]
        fit = min(self.settings.size[0] / height, self.settings.size[1] / width)
        factor = fit * shrink * math.exp(random.uniform(low, high))
        spans = [None, None] if box is None else [factor * box[1::2], factor * box[0::2]]
        sides = scaled_size(height, width, factor)
        top, left = (
            _place(side, room, span, random)
            for side, room, span in zip(sides, size, spans, strict=True)
        )
        # Only what will be shown is varied, seen and scaled; seen before it is scaled, as a robot
        # fuses what its cameras give.
        above, beside = (max(0, math.floor(place / factor)) for place in (top, left))
        part = _window(sample, above, beside, [math.ceil(room / factor) + 1 for room in size])
        part = scaled(seen(self._varied(part, random), self.see), factor)
        return _cut(
            part, math.floor(top - factor * above), math.floor(left - factor * beside), size
        )

    def _varied(self, sample: Sample, random: np.random.Generator) -> Sample:
        """Return a pair as other exposures and other thermal ranges would show it."""
        thermal, rgb = sample.thermal, sample.rgb
        if random.random() < self.settings.vary:
            thermal = regraded(thermal, random.uniform(*GAIN), *_bent(random))
        if random.random() < self.settings.dark:
            rgb = regraded(rgb, random.uniform(*DARK), *_bent(random))
        elif random.random() < self.settings.vary:
            rgb = regraded(rgb, random.uniform(*GAIN), *_bent(random))
        return replace(sample, thermal=thermal, rgb=rgb)

    def _aim(
        self, chosen: int, random: np.random.Generator
    ) -> tuple[Sample, NDArray[np.float32] | None]:
        """Choose a picture of a source, and the box of what the crop shall show."""
        samples, shown = self.sources[chosen].samples, self._shown[chosen]
        if not shown or random.random() >= self.settings.aimed:
            return samples[int(random.integers(len(samples)))], None
        often = np.sqrt([len(numbers) for numbers in shown.values()])
        label = list(shown)[int(random.choice(len(often), p=often / often.sum()))]
        sample = samples[int(random.choice(shown[label]))]
        if sample.boxes is not None:
            return sample, random.choice(sample.boxes[sample.labels == label])
        assert sample.mask is not None
        y, x = random.choice(np.argwhere(sample.mask == label))
        return sample, np.array([x, y, x + 1, y + 1], np.float32)


def _bent(random: np.random.Generator) -> tuple[float, float]:
    """Choose an offset and an exponent of grey levels."""
    return random.uniform(*OFFSET), math.exp(random.uniform(*np.log(GAMMA)))


def _classes(sample: Sample) -> list[int]:
    """Return the classes that are known to be in a picture."""
    if sample.labels is not None:
        return np.unique(sample.labels).tolist()
    if sample.mask is not None:
        return np.unique(sample.mask[sample.mask < SOME_STUFF]).tolist()
    return []


def _place(
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


def _window(sample: Sample, top: int, left: int, size: Sequence[int]) -> Sample:
    """Return a part of the pictures; boxes are moved along, and none is cut or left out."""
    rows, columns = slice(top, top + size[0]), slice(left, left + size[1])
    part = replace(
        sample,
        thermal=sample.thermal[rows, columns],
        rgb=np.ascontiguousarray(sample.rgb[rows, columns]),
        mask=None if sample.mask is None else sample.mask[rows, columns],
    )
    return _moved(part, -top, -left)


def _cut(sample: Sample, top: int, left: int, size: tuple[int, int]) -> Sample:
    """Return the part of a sample that begins at a place; grey, unlabelled beyond the picture."""
    height, width = sample.rgb.shape[:2]
    inside = (min(size[0], height), min(size[1], width))
    part = cropped(sample, max(top, 0), max(left, 0), *inside, visible=VISIBLE)
    if inside == size:
        return part
    above, beside = max(-top, 0), max(-left, 0)
    rows, columns = slice(above, above + inside[0]), slice(beside, beside + inside[1])
    rgb = np.full((*size, 3), GREY, np.uint8)
    rgb[rows, columns] = part.rgb
    mask = None
    if part.mask is not None:
        mask = np.full(size, UNLABELLED, np.uint8)
        mask[rows, columns] = part.mask
    moved = _moved(replace(part, rgb=rgb, mask=mask), above, beside)
    return replace(moved, thermal=np.zeros(size, np.uint8))


def _moved(sample: Sample, down: int, right: int) -> Sample:
    shift = np.array([right, down, right, down], np.float32)
    boxes = None if sample.boxes is None else sample.boxes + shift
    return replace(sample, boxes=boxes, ignore=sample.ignore + shift)


def _joined(first: Sample, second: Sample, axis: int) -> Sample:
    """Return two samples beside each other (axis 1), or one above the other (axis 0)."""
    height, width = first.rgb.shape[:2]
    second = _moved(second, 0 if axis else height, width if axis else 0)

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
