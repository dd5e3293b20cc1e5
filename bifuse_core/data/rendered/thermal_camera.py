# SPDX-License-Identifier: Apache-2.0
"""The thermal camera: lens blur, vignetting, fixed pattern, noise."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from bifuse_core.data.rendered.camera import Floats
from bifuse_core.data.rendered.conditions import Condition
from bifuse_core.data.rendered.texture import centikelvin, noise

_NETD = 6.5
_FIXED_PATTERN = 4.0
_VIGNETTING = 45.0


class ThermalCamera:
    """Turns temperatures into what an uncooled radiometric camera reports, in centikelvin."""

    def __init__(
        self, rng: np.random.Generator, condition: Condition, width: int, height: int
    ) -> None:
        self._extinction = np.float32(condition.infrared_fog)
        self._air = np.float32(centikelvin(condition.air))
        self._margin = 64
        shape = (height + self._margin, width + self._margin)
        self._noise = (_NETD * rng.standard_normal(shape)).astype(np.float32)
        columns = rng.standard_normal((1, width)) * _FIXED_PATTERN
        pixels = rng.standard_normal((height, width)) * _FIXED_PATTERN * 0.6
        drift = cv2.resize(noise(rng, 64, 64, 16), (width, height)) * _FIXED_PATTERN * 2
        x = (np.arange(width) + 0.5) / width - 0.5
        y = ((np.arange(height) + 0.5) / height - 0.5)[:, None]
        vignette = -_VIGNETTING * (x**2 + y**2)
        self._pattern = (columns + pixels + drift + vignette).astype(np.float32)

    def expose(self, heat: Floats, depth: Floats, rng: np.random.Generator) -> NDArray[np.uint16]:
        """Take a picture.

        Args:
            heat: (H, W) float32 temperatures, centikelvin.
            depth: (H, W) float32 metres; 0 where air in between does not count.
            rng: Decides the noise of this very frame.

        Returns:
            (H, W) uint16 centikelvin.
        """
        height, width = heat.shape
        clear = cv2.exp(depth * -self._extinction)
        seen = self._air + (heat - self._air) * clear
        size = width / 640
        sharp = cv2.GaussianBlur(seen, (0, 0), 0.75 * max(size, 0.6))
        halo = cv2.resize(seen, (width // 8, height // 8), interpolation=cv2.INTER_AREA)
        halo = cv2.resize(cv2.GaussianBlur(halo, (0, 0), 2.0 * size), (width, height))
        # A few per cent stray far, the faint glow around hot things in real pictures.
        picture = cv2.addWeighted(sharp, 0.95, halo, 0.05, 0)
        picture += self._pattern
        dy, dx = rng.integers(0, self._margin, 2)
        picture += self._noise[dy : dy + height, dx : dx + width]
        return np.clip(np.rint(picture), 0, 65535).astype(np.uint16)
