# SPDX-License-Identifier: Apache-2.0
"""The homography of a rig, with how far it can be trusted, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bifuse_core.calibration.edges import grey
from bifuse_core.calibration.geometry import Matrix, distance, magnification
from bifuse_core.calibration.patches import Patches, matched_patches
from bifuse_core.calibration.refinement import LEVELS, astray, level_size, missed_by, refined
from bifuse_core.calibration.search import Grey, first_guess
from bifuse_core.data.pairs import ImagePair
from bifuse_core.data.pictures import size_of
from bifuse_core.imaging.alignment.methods import HomographyAlignment
from bifuse_core.imaging.alignment.warp import Size, Warp

FEWEST_PAIRS = 4
"""Pairs, half of which find the homography that the other half measures."""
FEWEST_PATCHES = 12
"""Patches with edges that both cameras show, of each half."""
LEAST_SHARE = 0.25
"""Of the patches that the other camera shows, those in which edges must be found."""
COARSE = 0.5
"""Pixels of the coarser camera below which no limit goes."""

UNIT = "pixels of the reference"


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
        limit: largest residual, largest offset of a third of the picture, and largest difference
            between the halves: pixels of the finer camera, or half a pixel of the coarser one where
            that is more.

    Raises:
        CalibrationError: pairs are too few or differ in size, edges are too few, the halves
            disagree, or the residual or that of a third of the picture is above the limit.
    """
    greys = _greys(pairs, reference)
    halves = greys[::2], greys[1::2]
    first, second = (refined(half, first_guess(half)) for half in halves)
    one = greys[0]
    size, other = ((picture.shape[0], picture.shape[1]) for picture in (one.reference, one.other))
    checks = _patches(halves[1], first), _patches(halves[0], second)
    scale = size[1] / LEVELS[-1][0]
    residual = scale * max(float(np.median(missed_by(p, p.offsets))) for p in checks)
    spread = distance(first, second, size, other)
    most, told = _limit(limit, first, size)
    if not spread <= most:
        raise CalibrationError(
            f"two halves of the pairs find homographies that differ by {spread:.1f} {UNIT}, more "
            f"than {told}: do the pairs show scenes with edges, and is the rig rigid?"
        )
    if not residual <= most:
        raise CalibrationError(f"the residual is {residual:.1f} {UNIT}, more than {told}")
    matrix = refined(greys, first, levels=1)
    elsewhere = scale * astray(_patches(greys, matrix))
    if not elsewhere <= most:
        raise CalibrationError(
            f"edges in a third of the picture lie {elsewhere:.1f} {UNIT} off, more than {told}: "
            "are some of them much nearer than the others?"
        )
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


def _limit(limit: float, matrix: Matrix, size: Size) -> tuple[float, str]:
    """Return a limit in pixels of the reference, and with its origin; see `calibrated`."""
    other_pixel = 1 / magnification(matrix, size)
    finer, coarser = limit * min(1.0, other_pixel), COARSE * max(1.0, other_pixel)
    most = max(finer, coarser)
    if f"{most:.3g}" == f"{limit:.3g}":
        return most, f"--limit {limit:g}"
    origin = f"--limit {limit:g}, in pixels of the finer camera"
    if coarser > finer:
        origin = f"half a pixel of the coarser camera, which is more than --limit {limit:g}"
    return most, f"{most:.3g} ({origin})"


def _patches(pairs: Sequence[Grey], matrix: Matrix) -> Patches:
    """Return where the edges of pairs lie beside a homography that others have found.

    Raises:
        CalibrationError: they have too few edges in common.
    """
    columns, reach = LEVELS[-1]
    full = pairs[0].reference.shape[0], pairs[0].reference.shape[1]
    patches = matched_patches(pairs, matrix, level_size(full, columns), reach)
    found = len(patches.points)
    least = max(FEWEST_PATCHES, LEAST_SHARE * patches.tried)
    if found < least:
        raise CalibrationError(
            f"edges of both cameras agree in {found} of {patches.tried} places; at least "
            f"{least:.0f} are needed: is there something warm with contours in the pairs?"
        )
    return patches
