# SPDX-License-Identifier: Apache-2.0
"""From matched patches to the homography that they agree on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bifuse_core.calibration.geometry import Matrix, distance, scaling
from bifuse_core.calibration.patches import Patches, matched_patches
from bifuse_core.calibration.search import Grey
from bifuse_core.imaging.alignment.warp import Size

LEVELS = ((160, 8), (320, 8), (640, 6))
"""Columns of the reference, and farthest offset there, in turn; a smaller one is enlarged."""
PASSES = 3
"""Most times that a level is gone through."""
SETTLED = 0.1
"""Pixels of a level: a smaller step is the last."""
ROUNDS = 10
"""Of weighing patches by how well they agree with the others."""
TOLERANCE = 1.0
"""Pixels by which a patch may disagree before it counts half."""
FEWEST_OF_A_THIRD = 5
"""Patches that tell whether a third of the picture lies elsewhere than the rest."""
STIFFNESS = 0.002
"""How much stretching and perspective are doubted, beside the information of a good patch."""


def refined(pairs: Sequence[Grey], matrix: Matrix, levels: int = len(LEVELS)) -> Matrix:
    """Return a homography, improved until the patches of all pairs agree.

    Args:
        pairs: of one size each.
        matrix: first guess; maps pixels of the reference to those of the other picture.
        levels: how many of `LEVELS`, the last ones, are gone through.
    """
    full = pairs[0].reference.shape[0], pairs[0].reference.shape[1]
    for columns, reach in LEVELS[-levels:]:
        size = level_size(full, columns)
        for _ in range(PASSES):
            patches = matched_patches(pairs, matrix, size, reach)
            step = agreed_step(patches, size)
            matrix = matrix @ scaling(size, full) @ step @ scaling(full, size)
            if distance(np.eye(3), step, size, size) < SETTLED:
                break
    return matrix / matrix[2, 2]


def level_size(full: Size, columns: int) -> Size:
    """Return rows and columns in which the reference is looked at."""
    return round(full[0] * columns / full[1]), columns


def agreed_step(patches: Patches, size: Size) -> Matrix:
    """Return the small homography that explains the offsets of patches, by robust least squares.

    An infinitesimal homography moves (u, v) by (a0 + a1 u + a2 v + a6 u u + a7 u v,
    a3 + a4 u + a5 v + a6 u v + a7 v v). Each patch weighs by its information, so that one along a
    lone line says nothing about the shift along it; outliers fade (Geman and McClure).

    Args:
        patches: in pixels of a picture.
        size: rows and columns of that.

    Returns:
        (3, 3) to be applied before what the patches were matched with.
    """
    if not len(patches.points):
        return np.eye(3)
    scale = size[1] / 2
    middle = (np.array(size[::-1]) - 1) / 2
    u, v = ((patches.points - middle) / scale).T
    one, nil = np.ones_like(u), np.zeros_like(u)
    # (N, 2, 8)
    moves = np.stack(
        [
            np.stack([one, u, v, nil, nil, nil, u * u, u * v], axis=1),
            np.stack([nil, nil, nil, one, u, v, u * v, v * v], axis=1),
        ],
        axis=1,
    )
    information = patches.information / np.median(np.trace(patches.information, axis1=1, axis2=2))
    doubt = np.diag([0, 1, 1, 0, 1, 1, 10, 10]) * STIFFNESS * len(u)
    weights = one
    solution = np.zeros(8)
    for _ in range(ROUNDS):
        weighted = np.einsum("nki,nkl->nil", moves, weights[:, None, None] * information)
        normal = np.einsum("nil,nlj->ij", weighted, moves) + doubt * weights.mean()
        solution = np.linalg.solve(
            normal + 1e-9 * np.eye(8), np.einsum("nil,nl->i", weighted, patches.offsets)
        )
        misses = missed_by(patches, patches.offsets - moves @ solution)
        tolerance = max(TOLERANCE, float(np.median(misses)))
        weights = 1 / (1 + (misses / tolerance) ** 2) ** 2
    a = solution / scale
    step = np.eye(3) + np.array([[a[1], a[2], a[0]], [a[4], a[5], a[3]], [-a[6], -a[7], 0]])
    unit = np.array(
        [[1 / scale, 0, -middle[0] / scale], [0, 1 / scale, -middle[1] / scale], [0, 0, 1]]
    )
    return np.asarray(np.linalg.inv(unit) @ step @ unit)


def missed_by(patches: Patches, offsets: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the length of offsets (N, 2) as far as the patches tell, (N,) pixels.

    Across a lone line that is the whole offset, along it nothing.
    """
    squared = np.einsum("nk,nkl,nl->n", offsets, patches.information, offsets)
    return np.sqrt(squared / np.linalg.eigvalsh(patches.information)[:, -1])


def astray(patches: Patches) -> float:
    """Return the largest offset that the patches of a third of the picture have in common.

    A homography that is right here and wrong there leaves a small median over the whole picture.
    A few wrong matches move the mean of a third, lone lines its median: the smaller counts.

    Returns:
        Pixels, of the worst of six thirds (left to right, top to bottom).
    """
    worst = 0.0
    for places in patches.points.T:
        low, high = places.min(), places.max()
        thirds = np.digitize(places, low + (high - low) * np.array((1 / 3, 2 / 3)))
        for third in range(3):
            offsets = patches.offsets[thirds == third]
            information = patches.information[thirds == third]
            if len(offsets) < FEWEST_OF_A_THIRD:
                continue
            told = np.einsum("nij,nj->i", information, offsets)
            mean = np.linalg.solve(information.sum(axis=0), told)
            shared = min(np.linalg.norm(mean), np.linalg.norm(np.median(offsets, axis=0)))
            worst = max(worst, float(shared))
    return worst
