# SPDX-License-Identifier: Apache-2.0
"""A calibrated camera, as sensor_msgs/CameraInfo describes it: directions to pixels and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

COEFFICIENTS = {
    "": (0,),
    "plumb_bob": (0, 4, 5),
    "rational_polynomial": (0, 8, 12, 14),
    "equidistant": (4,),
}
"""How many coefficients each distortion model may have."""
CORRECTIONS = 30
"""Steps of the fixed-point iteration that inverts a distortion; it ends within 1e-6 pixels for
lenses in use."""


@dataclass(frozen=True)
class Camera:
    """Intrinsics and distortion of a camera.

    Attributes:
        width: of its pictures, pixels.
        height: of its pictures, pixels.
        matrix: the nine entries of K, row by row.
        model: a name of `COEFFICIENTS` (sensor_msgs/distortion_models); empty: no distortion.
        coefficients: of that model, in the order of CameraInfo.

    Raises:
        ValueError: there is no focal length, the model is unknown, or has another number of
            coefficients.
    """

    width: int
    height: int
    matrix: tuple[float, ...]
    model: str = ""
    coefficients: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        focal = self.focal_lengths
        if not (np.isfinite(self.matrix).all() and min(focal) > 0):
            raise ValueError(
                f"focal lengths are {focal[0]:g} and {focal[1]:g} pixels; they must be above 0"
            )
        counts = COEFFICIENTS.get(self.model)
        if counts is None:
            raise ValueError(
                f"distortion model is {self.model!r}; choose from "
                f"{', '.join(name for name in COEFFICIENTS if name)}"
            )
        if len(self.coefficients) not in counts:
            raise ValueError(
                f"distortion model {self.model!r} has {len(self.coefficients)} coefficients; it "
                f"takes {' or '.join(map(str, counts))}"
            )

    @property
    def focal_lengths(self) -> tuple[float, float]:
        """Horizontal and vertical focal length, pixels."""
        return self.matrix[0], self.matrix[4]

    def project(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the pixels of points in the camera's optical frame; NaN for those behind it.

        Args:
            points: (N, 3) x to the right, y down, z forward (REP-103), metres.

        Returns:
            (N, 2) column and row; pixel centres are whole numbers.
        """
        ahead = points[:, 2] > 0
        seen = np.where(ahead[:, None], points, (0.0, 0.0, 1.0))
        still = np.zeros(3)
        if self.model == "equidistant":
            pixels, _ = cv2.fisheye.projectPoints(
                seen[None], still, still, self._k, np.array(self.coefficients)
            )
        else:
            pixels, _ = cv2.projectPoints(
                seen, still, still, self._k, np.array(self.coefficients or (0.0,) * 4)
            )
        return np.where(ahead[:, None], pixels.reshape(-1, 2), np.nan)

    def rays(self, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the points at which the rays of pixels pass z = 1, (N, 3); inverse of `project`.

        Args:
            pixels: (N, 2) column and row.
        """
        focal = np.array(self.focal_lengths)
        if self.model == "equidistant":
            flat = cv2.fisheye.undistortPoints(
                pixels[:, None], self._k, np.array(self.coefficients)
            ).reshape(-1, 2)
            return _at_unit_depth(flat)
        flat = (pixels - np.array((self.matrix[2], self.matrix[5]))) / focal
        for _ in range(CORRECTIONS if self.coefficients else 1):
            flat = flat + (pixels - self.project(_at_unit_depth(flat))) / focal
        return _at_unit_depth(flat)

    @property
    def _k(self) -> NDArray[np.float64]:
        return np.array(self.matrix, np.float64).reshape(3, 3)


def camera_of(info: Any) -> Camera:
    """Return the camera that a message describes.

    Args:
        info: sensor_msgs/CameraInfo, of whatever library.

    Raises:
        ValueError: it is none of a calibrated camera.
    """
    return Camera(
        int(info.width),
        int(info.height),
        tuple(map(float, info.k)),
        info.distortion_model if len(info.d) else "",
        tuple(map(float, info.d)),
    )


def _at_unit_depth(flat: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack((flat, np.ones(len(flat))))
