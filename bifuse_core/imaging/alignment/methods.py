# SPDX-License-Identifier: Apache-2.0
"""The ways to know where a pixel of the reference camera lies in the picture of the other one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bifuse_core.imaging.alignment.camera import Camera
from bifuse_core.imaging.alignment.extrinsics import Extrinsics
from bifuse_core.imaging.alignment.warp import Size

RETURNS = 0.5
"""Pixels within which a projected point must lead back to its ray."""


class Alignment(Protocol):
    """One way; equal ones are interchangeable."""

    def points(self, reference: Size, other: Size, /) -> NDArray[np.float64]:
        """Return where each pixel of the reference lies in the other picture.

        Args:
            reference: rows and columns of the reference picture.
            other: rows and columns of the other picture.

        Returns:
            (H, W, 2) column and row, not limited to the picture; NaN where there is none.

        Raises:
            ValueError: the sizes do not fit what is known of the cameras.
        """


@dataclass(frozen=True)
class HomographyAlignment:
    """One plane, or a scene far away.

    Attributes:
        matrix: nine entries row by row; maps (column, row, 1) of the reference to the other.
    """

    matrix: tuple[float, ...]

    def points(self, reference: Size, other: Size) -> NDArray[np.float64]:
        """See `Alignment`; sizes do not matter."""
        pixels = np.column_stack((pixels_of(reference), np.ones(reference[0] * reference[1])))
        mapped = pixels @ np.reshape(self.matrix, (3, 3)).T
        depth = mapped[:, 2:]
        # What lies behind the camera would be mirrored into the picture.
        ahead = depth * depth[len(depth) // 2] > 0
        flat = np.where(ahead, mapped[:, :2] / np.where(ahead, depth, 1), np.nan)
        return flat.reshape(*reference, 2)


@dataclass(frozen=True)
class CalibratedAlignment:
    """Two calibrated cameras, and a plane that faces the reference.

    Attributes:
        reference: its intrinsics and distortion.
        other: likewise.
        extrinsics: where the other camera is.
        distance: of the plane from the reference camera, metres.
    """

    reference: Camera
    other: Camera
    extrinsics: Extrinsics
    distance: float

    def points(self, reference: Size, other: Size) -> NDArray[np.float64]:
        """See `Alignment`.

        Raises:
            ValueError: a picture has another size than its camera_info says.
        """
        for camera, (rows, columns) in ((self.reference, reference), (self.other, other)):
            if (camera.height, camera.width) != (rows, columns):
                raise ValueError(
                    f"a picture is {columns}x{rows}, its camera_info is for "
                    f"{camera.width}x{camera.height}"
                )
        on_plane = self.reference.rays(pixels_of(reference)) * self.distance
        points = self.extrinsics.seen_by_other(on_plane)
        pixels = self.other.project(points)
        # Beyond the field that they were fitted for, distortions fold back into the picture.
        inside = ((pixels > -1) & (pixels < (self.other.width, self.other.height))).all(axis=1)
        if not inside.any():
            return np.full((*reference, 2), np.nan)
        rays = self.other.rays(pixels[inside])
        away = np.linalg.norm(rays[:, :2] - points[inside, :2] / points[inside, 2:], axis=1)
        folded = ~(away * max(self.other.focal_lengths) < RETURNS)
        pixels[np.flatnonzero(inside)[folded]] = np.nan
        return pixels.reshape(*reference, 2)


def pixels_of(size: Size) -> NDArray[np.float64]:
    """Return column and row of all pixels of a picture, (H * W, 2), row by row."""
    rows, columns = np.indices(size, np.float64)
    return np.column_stack((columns.ravel(), rows.ravel()))
