# SPDX-License-Identifier: Apache-2.0
"""The colour camera: bloom, blur, exposure curve, noise."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from bifuse_core.data.rendered.camera import Floats
from bifuse_core.data.rendered.conditions import Condition

_BRIGHTEST = 1.8


class ColourCamera:
    """Turns light into an 8-bit picture."""

    def __init__(
        self, rng: np.random.Generator, condition: Condition, width: int, height: int
    ) -> None:
        self._condition = condition
        self._curve = _tone_curve()
        self._margin = 64
        shape = (height + self._margin, width + self._margin)
        grey = 0.6 * rng.standard_normal(shape, np.float32)
        self._noise = [grey + 0.8 * rng.standard_normal(shape, np.float32) for _ in range(3)]
        x = (np.arange(width) + 0.5) / width - 0.5
        y = ((np.arange(height) + 0.5) / height - 0.5)[:, None]
        self._vignette = (1 - 0.45 * (x**2 + y**2)).astype(np.float32)

    def expose(self, light: list[Floats], rng: np.random.Generator) -> NDArray[np.uint8]:
        """Take a picture.

        Args:
            light: Three (H, W) float32 planes, red, green, blue.
            rng: Decides the noise of this very frame.

        Returns:
            (H, W, 3) uint8 sRGB.
        """
        height, width = light[0].shape
        dy, dx = rng.integers(0, self._margin, 2)
        window = (slice(dy, dy + height), slice(dx, dx + width))
        shot, read = self._condition.shot_noise, self._condition.read_noise
        planes = []
        for plane, noise in zip(light, self._noise, strict=True):
            seen = self._scatter(cv2.GaussianBlur(plane, (3, 3), 0.6))
            seen *= self._vignette
            deviation = cv2.sqrt(cv2.addWeighted(seen, shot, seen, 0, read**2))
            deviation *= noise[window]
            seen += deviation
            # The root spends the eight bits evenly to the eye; the curve does the rest.
            root = cv2.sqrt(np.maximum(seen, 0))
            codes = cv2.convertScaleAbs(root, alpha=255 / np.sqrt(_BRIGHTEST))
            planes.append(cv2.LUT(codes, self._curve))
        return np.asarray(cv2.merge(planes), np.uint8)

    def _scatter(self, light: Floats) -> Floats:
        """Spread a share of what is brighter than white around it, as lenses do."""
        height, width = light.shape
        small, tiny = (width // 4 or 1, height // 4 or 1), (width // 12 or 1, height // 12 or 1)
        quarter = cv2.resize(light, small, interpolation=cv2.INTER_AREA)
        quarter = np.maximum(quarter - 1, 0)
        twelfth = cv2.resize(quarter, tiny, interpolation=cv2.INTER_AREA)
        size = width / 640
        near = cv2.GaussianBlur(quarter, (0, 0), 1.6 * size)
        wide = cv2.GaussianBlur(twelfth, (0, 0), 2.0 * size)
        veil = cv2.GaussianBlur(twelfth, (0, 0), 7.0 * size)
        halo = cv2.addWeighted(wide, 0.4, veil, 0.3, 0)
        halo = cv2.addWeighted(
            cv2.resize(halo, small, interpolation=cv2.INTER_CUBIC), 1, near, 0.3, 0
        )
        halo = cv2.resize(halo, (width, height), interpolation=cv2.INTER_LINEAR)
        share = self._condition.bloom
        return np.asarray(cv2.addWeighted(light, 1, halo, share, 0), np.float32)


def _tone_curve() -> NDArray[np.uint8]:
    """Codes of the root of light to sRGB: straight in the darks, with a soft shoulder."""
    light = (np.arange(256) / 255) ** 2 * _BRIGHTEST
    knee = 0.6
    excess = np.maximum(light - knee, 0)
    rolled = np.minimum(light, knee) + (1 - knee) * (1 - np.exp(-excess / (1 - knee) * 1.4))
    return np.rint(255 * np.clip(rolled, 0, 1) ** (1 / 2.2)).astype(np.uint8)
