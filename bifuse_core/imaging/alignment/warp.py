# SPDX-License-Identifier: Apache-2.0
"""A picture brought into the grid of another camera, by tables that are made once."""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from bifuse_core.imaging.thermal import finite

Size = tuple[int, int]
"""Rows and columns."""
SEEN = 255


class Aligned(NamedTuple):
    """A picture of one camera in the grid of another."""

    picture: NDArray[Any]
    """(H, W) or (H, W, 3), of the type of the camera; beyond what it sees its border goes on."""
    valid: NDArray[np.uint8]
    """(H, W), 255 where the camera sees something, else 0."""


class Warp:
    """Looks up each pixel of a grid where it lies in a picture.

    Args:
        points: (H, W, 2) column and row in the picture for each pixel of the grid; not a number
            where it does not lie before the camera.
        size: of the pictures that will be warped.

    Attributes:
        valid: (H, W) uint8, 255 where the picture shows something, else 0.
    """

    def __init__(self, points: NDArray[np.float64], size: Size) -> None:
        rows, columns = size
        # A pixel reaches half a pixel around its centre.
        low, high = np.array((-0.5, -0.5)), np.array((columns - 0.5, rows - 0.5))
        with np.errstate(invalid="ignore"):
            inside = ((points >= low) & (points <= high)).all(axis=2)
        self.valid = np.where(inside, SEEN, 0).astype(np.uint8)
        near = np.nan_to_num(points, nan=-1.0, posinf=-1.0, neginf=-1.0).clip(-1, (columns, rows))
        table = near.astype(np.float32)
        # In fixed point OpenCV looks up twice as fast, to the same 1/32 of a pixel.
        self._tables = cv2.convertMaps(table, None, cv2.CV_16SC2)

    def __call__(self, picture: NDArray[Any]) -> Aligned:
        """Warp a picture of the size named above, linearly between its pixels.

        Args:
            picture: (h, w) or (h, w, 3) uint8, uint16, int16 or float32; a float that is no
                reading becomes NaN, as do the pixels that are mixed with it.
        """
        if picture.dtype.kind == "f":
            # Mixed with a reading, a camera's sign for none would pass for a reading.
            picture = np.where(finite(picture), picture, np.float32(np.nan))
        warped = cv2.remap(
            picture, *self._tables, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return Aligned(warped, self.valid)
