# SPDX-License-Identifier: Apache-2.0
"""Where things of the road land in the picture.

The world is written in road coordinates (u, y, s) in metres: u to the right of the centre line,
y above the ground, s along the road. The road bends by shearing, which keeps every image row of
the ground at one distance and makes the ground cheap to draw.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

CAMERA_HEIGHT = 1.4
FARTHEST = 650.0
NEAREST = 1.0


class Course:
    """The centre line of the road: a sum of two slow sines, straight for some seeds."""

    def __init__(self, rng: np.random.Generator) -> None:
        strength = rng.choice([0.0, 0.5, 1.0, 1.2], p=[0.15, 0.25, 0.35, 0.25])
        self._amplitudes = np.array([11.0, 2.5]) * strength
        self._lengths = np.array([82.0, 36.0])
        self._phases = rng.uniform(0, 2 * np.pi, 2)

    def offset(self, s: Floats | float) -> Floats:
        """Sideways position of the centre line at s, metres."""
        angle = np.asarray(s, np.float64)[..., None] / self._lengths + self._phases
        return (np.sin(angle) @ self._amplitudes).astype(np.float32)

    def slope(self, s: float) -> float:
        """Heading of the centre line at s, as a tangent."""
        return float((np.cos(s / self._lengths + self._phases) / self._lengths) @ self._amplitudes)


@dataclass(frozen=True)
class View:
    """A pinhole camera at one place of the road, looking along it.

    Attributes:
        width: Picture width, pixels.
        height: Picture height, pixels.
        course: The road it drives on.
        s: Where the camera is along the road, metres.
        u: Where it is across the road, metres.
        pitch: Nose-up angle from the springs of the car, radians.
    """

    width: int
    height: int
    course: Course
    s: float
    u: float
    pitch: float = 0.0

    @property
    def focal(self) -> float:
        """Focal length, pixels."""
        return 0.9 * self.width

    @property
    def horizon(self) -> float:
        """The image row of infinitely far ground."""
        return 0.45 * self.height + self.pitch * self.focal

    def supersampled(self, factor: int) -> View:
        """The same view with factor times the pixels each way."""
        return View(
            self.width * factor, self.height * factor, self.course, self.s, self.u, self.pitch
        )

    @cached_property
    def _bends(self) -> Floats:
        depth = np.arange(0, FARTHEST + 5, 0.5, dtype=np.float32)
        straight = self.course.offset(self.s) + self.course.slope(self.s) * depth
        return np.asarray(self.course.offset(self.s + depth) - straight, np.float32)

    def bend(self, depth: Floats) -> Floats:
        """How far the road has swung to the right at depths from 0 to FARTHEST, metres."""
        steps = np.minimum(depth * np.float32(2), np.float32(2 * FARTHEST))
        index = steps.astype(np.int32)
        here, there = self._bends[index], self._bends[index + 1]
        return np.asarray(here + (there - here) * (steps - index), np.float32)

    def project(self, points: Floats) -> tuple[Floats, Floats]:
        """Project road coordinates.

        Args:
            points: (..., 3) road coordinates (u, y, s), metres.

        Returns:
            (..., 2) pixel positions and (...) depths in metres. Depths are kept in front of the
            camera: lines along the road stay where they are by that.
        """
        # Relative to the camera first: single precision would run out on long drives.
        depth = np.maximum(points[..., 2] - self.s, NEAREST).astype(np.float32)
        scale = np.float32(self.focal) / depth
        pixels = np.empty((*depth.shape, 2), np.float32)
        pixels[..., 0] = (points[..., 0] + self.bend(depth) - self.u) * scale + self.width / 2
        pixels[..., 1] = (CAMERA_HEIGHT - points[..., 1]) * scale + self.horizon
        return pixels, depth

    def foot(self, u: float, s: float) -> tuple[float, float, float]:
        """Pixel position of a spot on the ground, and the scale there in pixels per metre."""
        depth = max(s - self.s, NEAREST)
        step = min(2 * depth, 2 * FARTHEST)
        index = int(step)
        here, there = float(self._bends[index]), float(self._bends[index + 1])
        scale = self.focal / depth
        x = (u + here + (there - here) * (step - index) - self.u) * scale + self.width / 2
        return x, CAMERA_HEIGHT * scale + self.horizon, scale
