# SPDX-License-Identifier: Apache-2.0
"""What things are made of: paint in both spectra, whose it is, and the polygons that carry it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from bifuse_core.data.classes import SEGMENTATION_CLASSES
from bifuse_core.data.rendered.camera import Floats
from bifuse_core.data.rendered.texture import ALBEDO_SCALE, linear

GLOW_SCALE = 20.0


class Tag(NamedTuple):
    """Whose pixels these are.

    Attributes:
        mask_id: Their value in the mask; see tag().
        instance: 1 and up for an object that gets a box, 0 for everything else.
    """

    mask_id: int
    instance: int


def tag(name: str, instance: int = 0) -> Tag:
    """Make a tag for a class named in SEGMENTATION_CLASSES."""
    return Tag(SEGMENTATION_CLASSES.index(name), instance)


@dataclass(frozen=True)
class Paint:
    """One flat colour in both spectra.

    Attributes:
        albedo: Linear reflectance, red, green, blue, 0 to 1.
        celsius: Temperature.
        glow: Own light, in multiples of a white surface in full daylight.
    """

    albedo: tuple[float, float, float]
    celsius: float
    glow: float = 0.0

    def shaded(self, factor: float, warmer: float = 0.0) -> Paint:
        """The same paint under more or less light, and warmer by some degrees."""
        red, green, blue = self.albedo
        lit = (red * factor, green * factor, blue * factor)
        return Paint(lit, self.celsius + warmer, self.glow)

    @cached_property
    def stored(self) -> tuple[float, float, float, float]:
        """Its pixel in Canvas.surface."""
        red, green, blue = (min(part, 1.0) * ALBEDO_SCALE for part in self.albedo)
        return red, green, blue, (self.celsius + 273.15) * 100

    @cached_property
    def glow_stored(self) -> float:
        """Its own light in Canvas.optics."""
        return min(self.glow * GLOW_SCALE, 65535.0)


def paint(colour: tuple[int, int, int], celsius: float, glow: float = 0.0) -> Paint:
    """Paint of an sRGB colour."""
    red, green, blue = (float(v) for v in linear(colour))
    return Paint((red, green, blue), celsius, glow)


Face = tuple[Floats, Paint]


class Mesh:
    """Polygons of a thing in one block, the lowest first.

    Attributes:
        points: (M, 3) corners of all of them, metres.
        parts: Where each polygon begins and ends in points, and its paint.
    """

    def __init__(self, faces: list[Face]) -> None:
        self.points = np.concatenate([outline for outline, _ in faces]).astype(np.float32)
        ends = np.cumsum([len(outline) for outline, _ in faces]).tolist()
        self.parts = [
            (begin, end, paint)
            for begin, end, (_, paint) in zip([0, *ends[:-1]], ends, faces, strict=True)
        ]
