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

from bifuse_core.data.augmentation import flipped, regraded, scaled, scaled_size
from bifuse_core.data.classes import SOME_STUFF
from bifuse_core.data.sample import Sample
from bifuse_core.perception.cuts import cut, joined, place, window
from bifuse_core.perception.inputs import Input, seen
from bifuse_core.perception.settings import CropSettings
from bifuse_core.perception.sources import Source

OFFSET, GAMMA = (-0.05, 0.08), (0.6, 1.6)
"""Intervals in which grey levels are varied."""

GAIN = (0.7, 1.3)
"""The interval of factors of grey levels."""

DARK = (0.1, 0.7)
"""Those of a colour picture that becomes one of dusk or night."""

MARGIN = 32
"""Pixels around a crop that are fused with it, since a fusion looks around each pixel."""

PHASE = 16
"""Pixels that such a part begins at multiples of: `edge` decides for blocks of this size."""

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
            rows.append(joined(left, right, axis=1))
        return joined(rows[0], rows[1], axis=0)

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
            place(side, room, span, random)
            for side, room, span in zip(sides, size, spans, strict=True)
        )
        # Seen before it is scaled, as a robot fuses what its cameras give.
        above, beside = (max(0, math.floor(start / factor)) for start in (top, left))
        room = (math.ceil(size[0] / factor) + 1, math.ceil(size[1] / factor) + 1)
        part = scaled(self._seen(sample, above, beside, room, random), factor)
        return cut(part, math.floor(top - factor * above), math.floor(left - factor * beside), size)

    def _seen(
        self,
        sample: Sample,
        top: int,
        left: int,
        size: tuple[int, int],
        random: np.random.Generator,
    ) -> Sample:
        """Return a part of a pair, varied and seen; what lies around it is seen with it."""
        first, second = (max(0, start - MARGIN) // PHASE * PHASE for start in (top, left))
        around = (top + size[0] + MARGIN - first, left + size[1] + MARGIN - second)
        whole = seen(self._varied(window(sample, first, second, around), random), self.see)
        return window(whole, top - first, left - second, size)

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
        pixels = np.flatnonzero(sample.mask == label)
        y, x = divmod(int(random.choice(pixels)), sample.mask.shape[1])
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
