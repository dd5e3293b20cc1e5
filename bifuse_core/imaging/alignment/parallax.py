# SPDX-License-Identifier: Apache-2.0
"""By how much an alignment for one distance misses what is nearer or farther."""

from __future__ import annotations

from collections.abc import Iterable

RANGES = (5.0, 10.0, 20.0, 50.0)
"""Metres, as they are reported."""


def parallax_error(focal: float, baseline: float, distance: float, at: float) -> float:
    """Return the distance between the two pictures of one point, pixels of the reference.

    focal * baseline * |1/at - 1/distance|; exact for cameras that look in one direction.

    Args:
        focal: focal length of the reference camera, pixels.
        baseline: distance of the cameras across the line of sight, metres.
        distance: of the plane that is aligned, metres.
        at: range of the point, metres.
    """
    return focal * baseline * abs(1 / at - 1 / distance)


def parallax_table(
    focal: float, baseline: float, distance: float, ranges: Iterable[float] = RANGES
) -> dict[float, float]:
    """Return the error in pixels for each range in metres; see `parallax_error`."""
    return {at: parallax_error(focal, baseline, distance, at) for at in ranges}
