# SPDX-License-Identifier: Apache-2.0
"""Textures: noise to make them from, and smaller versions of them for things far away."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from bifuse_core.data.rendered.camera import Floats

ALBEDO_SCALE = 60000.0


def linear(colour: tuple[int, int, int] | NDArray[np.uint8]) -> Floats:
    """Turn sRGB values 0 to 255 into linear reflectance 0 to 1."""
    return ((np.asarray(colour, np.float32) / 255) ** 2.2).astype(np.float32)


def centikelvin(celsius: Floats | float) -> Floats:
    """Turn degrees Celsius into centikelvin."""
    return np.asarray((np.asarray(celsius) + 273.15) * 100, np.float32)


def noise(rng: np.random.Generator, height: int, width: int, cell: int) -> Floats:
    """Smooth noise that tiles, (height, width), about zero mean and unit deviation.

    Args:
        rng: Where the randomness comes from.
        height: Rows; a multiple of cell.
        width: Columns; a multiple of cell.
        cell: Size of its blobs, pixels.
    """
    rows, columns = max(height // cell, 1), max(width // cell, 1)
    grid = np.pad(rng.standard_normal((rows, columns)), 2, mode="wrap").astype(np.float32)
    full = cv2.resize(grid, None, fx=cell, fy=cell, interpolation=cv2.INTER_CUBIC)
    inner = full[2 * cell : 2 * cell + height, 2 * cell : 2 * cell + width]
    return np.ascontiguousarray(inner / max(float(inner.std()), 1e-3), np.float32)


def fractal(rng: np.random.Generator, height: int, width: int, cells: tuple[int, ...]) -> Floats:
    """Noise of several sizes, the larger the stronger; see noise()."""
    layers = [noise(rng, height, width, cell) * np.sqrt(cell) for cell in cells]
    total = np.sum(layers, axis=0)
    return (total / total.std()).astype(np.float32)


def pack(albedo: Floats, celsius: Floats) -> NDArray[np.uint16]:
    """Join (h, w, 3) linear reflectance and (h, w) temperatures into one (h, w, 4) array."""
    packed = np.dstack([np.clip(albedo, 0, 1) * ALBEDO_SCALE, centikelvin(celsius)])
    return packed.astype(np.uint16)


@dataclass
class Texture:
    """A flat patch of the world in both spectra.

    Attributes:
        surface: (h, w, 4) uint16, reflectance and temperature as in Canvas.
        alpha: (h, w) uint8, 0 where one sees through.
        glow: (h, w) uint16, own light as in Canvas, or None where nothing shines.
    """

    surface: NDArray[np.uint16]
    alpha: NDArray[np.uint8]
    glow: NDArray[np.uint16] | None = None
    _smaller: dict[tuple[int, int], Texture] = field(default_factory=dict, repr=False)

    def fitting(self, width: float, height: float) -> Texture:
        """The version whose texels are just finer than width x height pixels ask for."""
        rows, columns = self.alpha.shape
        across = _halvings(columns, width)
        down = _halvings(rows, height)
        if (across, down) == (0, 0):
            return self
        if (across, down) not in self._smaller:
            size = (max(columns >> across, 1), max(rows >> down, 1))
            self._smaller[across, down] = Texture(
                _shrink_opaque(self.surface, self.alpha, size),
                cv2.resize(self.alpha, size, interpolation=cv2.INTER_AREA),
                None
                if self.glow is None
                else cv2.resize(self.glow, size, interpolation=cv2.INTER_AREA),
            )
        return self._smaller[across, down]


def _halvings(texels: int, pixels: float) -> int:
    return int(np.clip(np.floor(np.log2(texels / max(pixels, 1.0))), 0, 8))


def _shrink_opaque(
    surface: NDArray[np.uint16], alpha: NDArray[np.uint8], size: tuple[int, int]
) -> NDArray[np.uint16]:
    """Average only what is opaque, or edges would take the colour of nothing."""
    weight = (alpha.astype(np.float32) / 255 + 1e-4)[..., None]
    total = cv2.resize(surface * weight, size, interpolation=cv2.INTER_AREA)
    share = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    return (total / share[..., None]).astype(np.uint16)
