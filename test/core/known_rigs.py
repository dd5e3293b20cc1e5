# SPDX-License-Identifier: Apache-2.0
"""Aligned pairs as two cameras would have taken them that lie on each other in a known way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from bifuse_core.data.pairs import ImagePair

Matrix = np.ndarray[Any, Any]
MARGIN = 0.1
"""Share of the width and height by which the RGB camera sees less on each side."""
SPAN = 2000
"""Counts of 10 mK that an 8-bit thermal picture is taken to show."""
NOISE = 5.0
"""Counts of 10 mK (sigma) of a small uncooled camera."""


def known_matrix(seed: int, rgb: tuple[int, int], thermal: tuple[int, int]) -> Matrix:
    """Return a homography from RGB to thermal pixels: zoom, turn, shift and some perspective."""
    random = np.random.default_rng(seed)
    (rows, columns), (thermal_rows, thermal_columns) = rgb, thermal
    zoom, turn = random.uniform(0.8, 1.2), np.deg2rad(random.uniform(-4, 4))
    across, down = random.uniform(-0.06, 0.06, 2) * (thermal_columns, thermal_rows)
    scale = thermal_columns / columns / zoom
    cosine, sine = scale * np.cos(turn), scale * np.sin(turn)
    centred = np.array([[1, 0, -(columns - 1) / 2], [0, 1, -(rows - 1) / 2], [0, 0, 1]])
    bent = np.array([[1, 0, 0], [0, 1, 0], [*random.uniform(-5e-5, 5e-5, 2), 1]])
    turned = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    x, y = (thermal_columns - 1) / 2 + across, (thermal_rows - 1) / 2 + down
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]]) @ turned @ bent @ centred


def seen_by_rig(
    pairs: Sequence[ImagePair], seed: int, thermal_share: float
) -> tuple[list[ImagePair], Matrix]:
    """Return pairs of a rig, and its homography from RGB to thermal pixels.

    Args:
        pairs: aligned, of one size.
        seed: of the homography.
        thermal_share: rows and columns of the thermal pictures, by those of the RGB pictures.
    """
    full = pairs[0].rgb.shape[:2]
    top, left = (round(MARGIN * side) for side in full)
    rgb = full[0] - 2 * top, full[1] - 2 * left
    thermal = round(thermal_share * rgb[0]), round(thermal_share * rgb[1])
    matrix = known_matrix(seed, rgb, thermal)
    from_full = matrix @ np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]])
    seen = [
        ImagePair(
            pair.name,
            cv2.warpPerspective(
                pair.thermal, from_full, thermal[::-1], borderMode=cv2.BORDER_REFLECT
            ),
            np.ascontiguousarray(pair.rgb[top : full[0] - top, left : full[1] - left]),
        )
        for pair in pairs
    ]
    return seen, matrix


def with_small_thermal(
    pairs: Sequence[ImagePair], matrix: Matrix, columns: int, field: float
) -> tuple[list[ImagePair], Matrix]:
    """Return pairs as if their thermal camera had fewer, larger pixels, a narrow field and noise.

    Args:
        pairs: of a rig.
        matrix: maps its RGB pixels to thermal pixels.
        columns: of the new thermal pictures.
        field: share of the width and height that they keep, the middle.

    Returns:
        The pairs, thermal uint16 in 10 mK; the homography to the new thermal pixels.
    """
    random = np.random.default_rng(columns)
    rows, width = pairs[0].thermal.shape
    top, left = (round((1 - field) / 2 * side) for side in (rows, width))
    size = columns, round(columns * (rows - 2 * top) / (width - 2 * left))
    across, down = size[0] / (width - 2 * left), size[1] / (rows - 2 * top)
    small = []
    for pair in pairs:
        counts = pair.thermal.astype(np.float32)
        if pair.thermal.dtype == np.uint8:
            counts = 29000 + counts * (SPAN / 255)
        kept = counts[top : rows - top, left : width - left]
        seen = cv2.GaussianBlur(cv2.resize(kept, size, interpolation=cv2.INTER_AREA), (0, 0), 0.5)
        noisy = (seen + random.normal(0, NOISE, seen.shape)).round().astype(np.uint16)
        small.append(ImagePair(pair.name, noisy, pair.rgb))
    cropped = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]])
    shrunk = np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2], [0, 0, 1]])
    return small, shrunk @ cropped @ matrix


def error_of(found: Matrix, known: Matrix, rgb: tuple[int, int], thermal: tuple[int, int]) -> float:
    """Return the mean distance of two homographies in RGB pixels, where the thermal camera sees."""
    grid = np.stack(np.meshgrid(np.arange(0, rgb[1], 8), np.arange(0, rgb[0], 8)), -1)
    points = grid.reshape(-1, 1, 2).astype(np.float64)
    there = cv2.perspectiveTransform(points, known)
    inside = ((there >= 0) & (there < thermal[::-1])).all(axis=(1, 2))
    back = cv2.perspectiveTransform(there[inside], np.linalg.inv(found))
    return float(np.linalg.norm(back - points[inside], axis=2).mean())
