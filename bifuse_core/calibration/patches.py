# SPDX-License-Identifier: Apache-2.0
"""Where patches of the reference lie in the other camera's pictures, and how surely."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from bifuse_core.calibration.edges import edge_field
from bifuse_core.calibration.geometry import Matrix, looked_up, resized, scaling
from bifuse_core.calibration.search import Grey
from bifuse_core.imaging.alignment.warp import Size

HALF = 24
"""Half the side of a patch, pixels."""
SPACING = 48
"""Pixels between the centres of patches."""
SHOWN = 0.75
"""Least share of a patch that the other camera shows."""
SURE = 0.12
"""Least correlation of the edges of a patch: unrelated ones mostly stay below 0.09."""


class Patches(NamedTuple):
    """Patches that both cameras show with edges."""

    points: NDArray[np.float64]
    """(N, 2) their centres, column and row."""
    offsets: NDArray[np.float64]
    """(N, 2) where the other camera has them, beside where it should."""
    information: NDArray[np.float64]
    """(N, 2, 2) how sharply the agreement falls off: along a lone line it does not."""
    tried: int
    """How many the other camera shows, with or without edges."""


def matched_patches(pairs: Sequence[Grey], matrix: Matrix, size: Size, reach: int) -> Patches:
    """Match the patches of all pairs together.

    Args:
        pairs: of one size each.
        matrix: maps pixels of the reference to those of the other picture.
        size: rows and columns that the reference is looked at in.
        reach: farthest offset, pixels of that size.

    Returns:
        The patches in pixels of that size.
    """
    full = pairs[0].reference.shape[0], pairs[0].reference.shape[1]
    from_small = matrix @ scaling(size, full)
    references, others = [], []
    shown: NDArray[np.float32] = np.zeros(size, np.float32)
    for pair in pairs:
        references.append(edge_field(resized(pair.reference, size)))
        warped, seen = looked_up(pair.other, from_small, size)
        shown = seen.astype(np.float32)
        others.append(edge_field(warped) * shown[..., None])
    border = (reach,) * 4
    others = [cv2.copyMakeBorder(other, *border, cv2.BORDER_CONSTANT) for other in others]
    energy = sum((other**2).sum(axis=2) for other in others)
    found, tried = [], 0
    for row in range(HALF, size[0] - HALF + 1, SPACING):
        for column in range(HALF, size[1] - HALF + 1, SPACING):
            patch = np.s_[row - HALF : row + HALF, column - HALF : column + HALF]
            if shown[patch].mean() < SHOWN:
                continue
            tried += 1
            window = np.s_[
                row - HALF : row + HALF + 2 * reach, column - HALF : column + HALF + 2 * reach
            ]
            peak = _peak(
                [r[patch] for r in references], [o[window] for o in others], energy[window]
            )
            if peak:
                found.append(((column, row), *peak))
    parts = zip(*found, strict=True) if found else ((), (), ())
    points, offsets, information = (np.array(part, np.float64) for part in parts)
    return Patches(
        points.reshape(-1, 2), offsets.reshape(-1, 2), information.reshape(-1, 2, 2), tried
    )


def _peak(
    patches: Sequence[NDArray[np.float32]],
    windows: Sequence[NDArray[np.float32]],
    energy: NDArray[np.float32],
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return offset and information of the best agreement; None where it is not sure."""
    product = sum(
        cv2.matchTemplate(window, patch, cv2.TM_CCORR)
        for window, patch in zip(windows, patches, strict=True)
    )
    own = sum(float((patch**2).sum()) for patch in patches)
    theirs = cv2.matchTemplate(energy, np.ones((2 * HALF, 2 * HALF), np.float32), cv2.TM_CCORR)
    agreement = np.asarray(product / np.sqrt(own * theirs.clip(0) + 1e-9), np.float64)
    row, column = (int(n) for n in np.unravel_index(int(np.argmax(agreement)), agreement.shape))
    last = agreement.shape[0] - 1
    if not (0 < row < last and 0 < column < last):
        return None
    if agreement[row, column] < SURE:
        return None
    centre = (last / 2, last / 2)
    return _parabola(agreement[row - 1 : row + 2, column - 1 : column + 2], (column, row), centre)


def _parabola(
    near: NDArray[np.float64], peak: tuple[int, int], centre: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit a parabola to the 3x3 values at a peak; return its top and its curvature."""
    slope = np.array([near[1, 2] - near[1, 0], near[2, 1] - near[0, 1]]) / 2
    mixed = (near[2, 2] + near[0, 0] - near[0, 2] - near[2, 0]) / 4
    curvature = np.array(
        [
            [2 * near[1, 1] - near[1, 0] - near[1, 2], -mixed],
            [-mixed, 2 * near[1, 1] - near[0, 1] - near[2, 1]],
        ]
    )
    values, vectors = np.linalg.eigh(curvature)
    values = values.clip(1e-6, None)
    curvature = vectors * values @ vectors.T
    step = np.linalg.solve(curvature, slope).clip(-0.5, 0.5)
    return np.array(peak) - centre + step, curvature
