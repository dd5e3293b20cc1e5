# SPDX-License-Identifier: Apache-2.0
"""The homography of a rig, with how far it can be trusted, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bifuse_core.calibration.edges import grey
from bifuse_core.calibration.geometry import Matrix, distance
from bifuse_core.calibration.patches import SPACING, matched_patches
from bifuse_core.calibration.refinement import LEVELS, level_size, missed_by, refined
from bifuse_core.calibration.search import Grey, first_guess
from bifuse_core.data.pairs import ImagePair
from bifuse_core.data.pictures import size_of
from bifuse_core.imaging.alignment.methods import HomographyAlignment
from bifuse_core.imaging.alignment.warp import Warp

FEWEST_PAIRS = 4
"""Pairs, half of which find the homography that the other half measures."""
FEWEST_PATCHES = 12
"""Patches with edges that both cameras show, of each half."""
LEAST_SHARE = 0.25
"""Of the patches that the other camera shows, those in which edges must be found."""


class CalibrationError(ValueError):
    """The pairs do not tell how the cameras lie; the message says why."""


class Calibration(NamedTuple):
    """How two cameras lie on each other."""

    matrix: Matrix
    """Maps pixels of the reference to pixels of the other camera."""
    residual: float
    """Median offset of edges in pairs that were not used to find it, pixels of the reference."""
    spread: float
    """By how much the estimates of the two halves of the pairs differ, likewise."""
    pairs: int
    """How many were used."""
    overlap: float
    """Share of the reference picture that the other camera sees."""


def calibrated(pairs: Sequence[ImagePair], reference: str, limit: float) -> Calibration:
    """Find the homography of a rig.

    Each half of the pairs, every other one, finds it by itself; the edges of the other half measure
    its residual. The result is that of all pairs.

    Args:
        pairs: taken by one rig; the two cameras may differ in size.
        reference: `rgb` or `thermal`.
        limit: largest residual, and largest difference between the halves, pixels of the reference.

    Raises:
        CalibrationError: pairs are too few or differ in size, edges are too few, the halves
            disagree, or the residual is above the limit.
    """
    greys = _greys(pairs, reference)
    halves = greys[::2], greys[1::2]
    first, second = (refined(half, first_guess(half)) for half in halves)
    one = greys[0]
    size, other = ((picture.shape[0], picture.shape[1]) for picture in (one.reference, one.other))
    residual = max(_residual(halves[1], first), _residual(halves[0], second))
    spread = distance(first, second, size, other)
    if not spread <= limit:
        raise CalibrationError(
            f"two halves of the pairs find homographies that differ by {spread:.1f} pixels, more "
            f"than {limit:g}: do the pairs show scenes with edges, and is the rig rigid?"
        )
    if not residual <= limit:
        raise CalibrationError(f"the residual is {residual:.1f} pixels, more than {limit:g}")
    matrix = refined(greys, first, levels=1)
    points = HomographyAlignment(tuple(matrix.ravel())).points(size, other)
    overlap = float((Warp(points, other).valid > 0).mean())
    return Calibration(matrix, residual, spread, len(pairs), overlap)


def _greys(pairs: Sequence[ImagePair], reference: str) -> list[Grey]:
    if len(pairs) < FEWEST_PAIRS:
        raise CalibrationError(f"there are {len(pairs)} pairs; at least {FEWEST_PAIRS} are needed")
    for side, pictures in (
        ("thermal", [pair.thermal for pair in pairs]),
        ("RGB", [pair.rgb for pair in pairs]),
    ):
        sizes = sorted({size_of(picture) for picture in pictures})
        if len(sizes) > 1:
            raise CalibrationError(f"{side} pictures are {' and '.join(sizes)}: not of one rig")
    both = [(grey(pair.thermal), grey(pair.rgb)) for pair in pairs]
    return [Grey(*(pair if reference == "thermal" else pair[::-1])) for pair in both]


def _residual(pairs: Sequence[Grey], matrix: Matrix) -> float:
    """Return the median offset that the edges of pairs have from a homography.

    Raises:
        CalibrationError: they have too few edges in common.
    """
    full = pairs[0].reference.shape[0], pairs[0].reference.shape[1]
    columns, reach = LEVELS[-1]
    size = level_size(full, columns)
    places = (size[0] // SPACING) * (size[1] // SPACING)
    if places < FEWEST_PATCHES:
        raise CalibrationError(
            f"a reference of {full[1]}x{full[0]} pixels has room for {places} places to compare; "
            f"at least {FEWEST_PATCHES} are needed: take the other camera as the reference"
        )
    patches = matched_patches(pairs, matrix, size, reach)
    found = len(patches.points)
    if found < max(FEWEST_PATCHES, LEAST_SHARE * patches.tried):
        raise CalibrationError(
            f"edges of both cameras agree in {found} of {patches.tried} places; at least "
            f"{max(FEWEST_PATCHES, LEAST_SHARE * patches.tried):.0f} are needed: is there "
            "something warm with contours in the pairs?"
        )
    return float(np.median(missed_by(patches, patches.offsets))) * full[1] / size[1]
