# SPDX-License-Identifier: Apache-2.0
"""Where the other camera is, as seen from the reference."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Extrinsics:
    """Pose of the other camera's optical frame in that of the reference (REP-103: z forward).

    The same numbers as for static_transform_publisher with the reference as parent.

    Attributes:
        translation: where the other camera is: to the right, down, forward, metres.
        rotation: roll, pitch and yaw of it about the fixed axes x, y and z, in this order, radians.
    """

    translation: tuple[float, float, float] = (0.0, 0.0, 0.0)
    rotation: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def matrix(self) -> NDArray[np.float64]:
        """(3, 3) rotation that brings directions of the other camera into the reference."""
        turned = np.eye(3)
        for axis, angle in enumerate(self.rotation):
            turned = _about(axis, angle) @ turned
        return turned

    @property
    def baseline(self) -> float:
        """Distance of the cameras across the line of sight, metres: what makes parallax."""
        return math.hypot(*self.translation[:2])

    def seen_by_other(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return points (N, 3) of the reference's frame in the frame of the other, metres."""
        return (points - np.array(self.translation)) @ self.matrix


def _about(axis: int, angle: float) -> NDArray[np.float64]:
    first, second = (axis + 1) % 3, (axis + 2) % 3
    turn = np.eye(3)
    turn[first, first] = turn[second, second] = math.cos(angle)
    turn[second, first], turn[first, second] = math.sin(angle), -math.sin(angle)
    return turn
