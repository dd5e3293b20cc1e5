# SPDX-License-Identifier: Apache-2.0
"""How the pictures of two cameras come to lie on each other: values that are checked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from bifuse_core.imaging.alignment.extrinsics import Extrinsics

Method = Literal["none", "homography", "calibrated"]
IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
NOWHERE = (0.0, 0.0, 0.0)
SINGULAR = 1e-15
"""Determinants below this, of a matrix scaled to entries of at most 1, map a picture to a line."""


@dataclass(frozen=True)
class AlignmentSettings:
    """How the other camera is brought into the grid of the reference.

    Attributes:
        method: `none`: the pictures have one size and lie on each other already; `homography`: by
            a matrix; `calibrated`: by camera_info of both, their extrinsics and a plane.
        homography: nine entries row by row; maps (column, row, 1) of the reference's pixels to
            pixels of the other camera.
        translation: position of the other camera in the optical frame of the reference (x to the
            right, y down, z forward), metres.
        rotation: its roll, pitch and yaw there, radians; see `Extrinsics`.
        distance: from the reference camera to the plane that is aligned exactly, metres.

    Raises:
        ValueError: a value is outside its limits; the message names it.
    """

    method: Method = "none"
    homography: Sequence[float] = IDENTITY
    translation: Sequence[float] = NOWHERE
    rotation: Sequence[float] = NOWHERE
    distance: float = 20.0

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            raise ValueError(
                f"alignment.method is {self.method!r}; choose from {', '.join(get_args(Method))}"
            )
        for name, count in (("homography", 9), ("translation", 3), ("rotation", 3)):
            values = tuple(float(value) for value in getattr(self, name))
            if len(values) != count or not all(map(math.isfinite, values)):
                raise ValueError(
                    f"alignment.{name} is {list(values)}; it takes {count} finite numbers"
                )
            object.__setattr__(self, name, values)
        matrix = np.reshape(self.homography, (3, 3))
        largest = np.abs(matrix).max()
        if largest == 0 or abs(np.linalg.det(matrix / largest)) < SINGULAR:
            raise ValueError(f"alignment.homography {list(self.homography)} is not invertible")
        if not 0 < self.distance < math.inf:
            raise ValueError(f"alignment.distance is {self.distance} m; it must be above 0")

    @property
    def extrinsics(self) -> Extrinsics:
        """Where the other camera is."""
        return Extrinsics(tuple(self.translation), tuple(self.rotation))  # type: ignore[arg-type]
