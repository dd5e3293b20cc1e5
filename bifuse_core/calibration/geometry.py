# SPDX-License-Identifier: Apache-2.0
"""Matrices between pictures of several sizes; pixel centres are whole numbers."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bifuse_core.imaging.alignment.methods import pixels_of
from bifuse_core.imaging.alignment.warp import Size

Matrix = NDArray[np.float64]
"""(3, 3), maps (column, row, 1)."""


def scaling(from_size: Size, to_size: Size) -> Matrix:
    """Return what maps pixels of a picture to those of the same picture in another size."""
    down, across = (to / of for to, of in zip(to_size, from_size, strict=True))
    return np.array(
        [[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2], [0, 0, 1]], np.float64
    )


def mapped(matrix: Matrix, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where points (N, 2) lie after a homography, (N, 2)."""
    moved = np.column_stack((points, np.ones(len(points)))) @ matrix.T
    return moved[:, :2] / moved[:, 2:]


def magnification(matrix: Matrix, size: Size) -> float:
    """Return how many pixels of the other camera one of the reference covers, in its middle.

    Args:
        matrix: maps pixels of the reference to pixels of the other camera.
        size: of the reference.
    """
    depth = float(matrix[2] @ ((size[1] - 1) / 2, (size[0] - 1) / 2, 1))
    return float(np.sqrt(abs(np.linalg.det(matrix) / depth**3)))


def resized(picture: NDArray[np.float32], size: Size) -> NDArray[np.float32]:
    """Return a picture in another size."""
    if picture.shape == size:
        return picture
    way = cv2.INTER_AREA if size[0] < picture.shape[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, size[::-1], interpolation=way), np.float32)


def looked_up(
    picture: NDArray[np.float32], matrix: Matrix, size: Size
) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """Return a picture in another grid, and where it shows something.

    Args:
        picture: (h, w).
        matrix: maps pixels of the grid to pixels of the picture.
        size: of the grid.

    Returns:
        (H, W) picture, its border going on; (H, W) bool, a pixel within its border.
    """
    shape = picture.shape[0], picture.shape[1]
    shrink = np.sqrt(abs(np.linalg.det(matrix[:2, :2] / matrix[2, 2])))
    if shrink > 1:
        # What the grid cannot hold would only disturb.
        smaller = tuple(max(8, round(side / shrink)) for side in shape)
        picture = resized(picture, (smaller[0], smaller[1]))
        matrix = scaling(shape, (smaller[0], smaller[1])) @ matrix
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpPerspective(
        picture, matrix, size[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    inside = np.zeros(picture.shape, np.uint8)
    inside[1:-1, 1:-1] = 1
    shown = cv2.warpPerspective(
        inside, matrix, size[::-1], flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    )
    return np.asarray(warped, np.float32), shown > 0


def distance(first: Matrix, second: Matrix, reference: Size, other: Size) -> float:
    """Return by how much two homographies differ, in pixels of the reference.

    The mean over its pixels that the other camera sees by the first.
    """
    pixels = pixels_of(reference)[:: max(1, reference[0] * reference[1] // 5000)]
    there = mapped(first, pixels)
    seen = ((there >= 0) & (there < other[::-1])).all(axis=1)
    if not seen.any():
        return float("inf")
    back = mapped(np.asarray(np.linalg.inv(second), np.float64), there[seen])
    return float(np.linalg.norm(back - pixels[seen], axis=1).mean())
