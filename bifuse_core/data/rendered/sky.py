# SPDX-License-Identifier: Apache-2.0
"""The sky and the distant skyline, one wide picture that turns with the car."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from bifuse_core.data.rendered.camera import Floats, View
from bifuse_core.data.rendered.conditions import Condition
from bifuse_core.data.rendered.texture import fractal, linear, pack

_MARGIN = 0.5


class Sky:
    """Everything that is too far away to move but by turning.

    Attributes:
        light: What to multiply the reflectance of open sky by to get its brightness.
    """

    def __init__(
        self, rng: np.random.Generator, condition: Condition, width: int, height: int
    ) -> None:
        rows, columns = height, int(width * (1 + 2 * _MARGIN))
        elevation = (np.arange(rows, 0, -1, dtype=np.float32) / rows)[:, None]
        clouds = _clouds(rng, rows, columns) * np.clip(elevation * 3, 0.15, 1)
        if condition.fog > 0.01:
            clouds *= 0  # Fog hides them, and the hills.
        zenith = np.array(condition.zenith, np.float32)
        skyline = np.array(condition.skyline, np.float32)
        fade = np.exp(-elevation * 2.6)[..., None]
        colour = zenith + (skyline - zenith) * fade
        colour = np.broadcast_to(colour, (rows, columns, 3)).copy()
        white = skyline * 0.55 + float(zenith.mean()) * 0.9
        colour += (white - colour) * clouds[..., None] * 0.85
        warmer = (condition.warm_sky - condition.cold_sky) * fade[..., 0]
        celsius = np.asarray(condition.cold_sky + warmer, np.float32)
        # Clouds are nearer and warmer than clear sky.
        celsius = np.asarray(celsius + (condition.air - 6 - celsius) * clouds * 0.5, np.float32)
        self.light = float(colour.max())
        colour /= self.light
        hills = _hills(rng, rows, columns, width)
        if condition.fog > 0.01:
            hills[:] = False
        colour[hills] = linear((70, 84, 62)) * 0.8
        celsius[hills] = condition.foliage - 1.0
        self._panorama = pack(colour, celsius)
        self._open = np.where(hills, 0, 1).astype(np.uint8)
        self._focal = 0.9 * width

    def draw(self, view: View, rows: int) -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
        """Draw the topmost rows of the picture.

        Returns:
            (rows, W, 4) uint16 surface as in Canvas, and (rows, W) uint8, 1 where it is open sky.
        """
        turned = view.course.slope(view.s) * self._focal
        left = _MARGIN * view.width + np.clip(turned, -_MARGIN * view.width, _MARGIN * view.width)
        # The bottom row of the panorama sits at the horizon.
        shift = np.array([[1, 0, left], [0, 1, view.height - view.horizon]], np.float32)
        size = (view.width, rows)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        replicate = cv2.BORDER_REPLICATE
        surface = cv2.warpAffine(self._panorama, shift, size, flags=flags, borderMode=replicate)
        flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
        opened = cv2.warpAffine(self._open, shift, size, flags=flags, borderMode=replicate)
        return surface, opened


def _clouds(rng: np.random.Generator, rows: int, columns: int) -> Floats:
    tile = fractal(rng, 256, 512, (4, 8, 16, 32, 64))
    # Flat far away: clouds are stretched sideways.
    wide = cv2.resize(tile, (columns, rows), interpolation=cv2.INTER_CUBIC)
    return np.clip((wide - rng.uniform(-0.3, 0.6)) * 0.6, 0, 1).astype(np.float32)


def _hills(rng: np.random.Generator, rows: int, columns: int, width: int) -> NDArray[np.bool_]:
    position = np.arange(columns) / width
    ridge = np.zeros(columns)
    for frequency, size in ((5, 0.016), (13, 0.008), (61, 0.005), (150, 0.003)):
        ridge += size * np.sin(position * frequency + rng.uniform(0, 2 * np.pi))
    tops = (0.026 + ridge) * width
    above = np.arange(rows, 0, -1)[:, None]
    return above < tops[None, :]
