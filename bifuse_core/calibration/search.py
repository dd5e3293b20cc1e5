# SPDX-License-Identifier: Apache-2.0
"""The first guess: every zoom, shift and small turn of a small picture is tried."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from bifuse_core.calibration.edges import edge_field
from bifuse_core.calibration.geometry import Matrix, resized, scaling
from bifuse_core.imaging.alignment.warp import Size

WIDTH = 112
"""Columns of the reference picture in which it is looked for."""
ZOOMS = tuple(float(z) for z in np.geomspace(0.45, 2.0, 19))
"""Width of what the other camera sees, by that of the reference."""
TURNS = (-6.0, -3.0, 3.0, 6.0)
"""Degrees, tried at the best zooms; between them the refinement finds its way."""
OVERLAP = 0.6
"""Least share of the smaller picture, of each side, that both must show."""


class Grey(NamedTuple):
    """A pair as float32 pictures in [0, 1]."""

    reference: NDArray[np.float32]
    """(H, W)."""
    other: NDArray[np.float32]
    """(h, w)."""


class _Guess(NamedTuple):
    score: float
    matrix: Matrix


def first_guess(pairs: Sequence[Grey]) -> Matrix:
    """Return the similarity at which the edges of all pairs agree best.

    Args:
        pairs: of one size each.

    Returns:
        Maps pixels of the reference to pixels of the other picture.
    """
    full = _size(pairs[0].reference)
    small = max(8, round(full[0] * WIDTH / full[1])), WIDTH
    references = [edge_field(resized(pair.reference, small)) for pair in pairs]
    others = [pair.other for pair in pairs]
    upright = {zoom: _fitted(references, others, zoom, 0.0) for zoom in ZOOMS}
    best = sorted(ZOOMS, key=lambda zoom: upright[zoom].score)[-3:]
    guesses: Iterable[_Guess] = (
        *upright.values(),
        *(_fitted(references, others, zoom, turn) for zoom in best for turn in TURNS),
    )
    found = max(guesses, key=lambda guess: guess.score).matrix
    return np.asarray(np.linalg.inv(found) @ scaling(full, small))


def _fitted(
    references: Sequence[NDArray[np.float32]],
    others: Sequence[NDArray[np.float32]],
    zoom: float,
    turn: float,
) -> _Guess:
    """Return the best shift of the other pictures at a zoom and turn.

    Its matrix maps pixels of the other picture to those of the small reference.
    """
    rows, columns = references[0].shape[:2]
    full = _size(others[0])
    width = max(8, round(columns * zoom))
    size = max(8, round(width * full[0] / full[1])), width
    rotation = cv2.getRotationMatrix2D(((size[1] - 1) / 2, (size[0] - 1) / 2), turn, 1)
    mask = np.asarray(cv2.warpAffine(np.ones(size, np.float32), rotation, size[::-1]), np.float32)
    margins = [
        side - int(OVERLAP * min(side, of)) for side, of in zip(size, (rows, columns), strict=True)
    ]
    agreement: NDArray[np.float64] | float = 0.0
    energy, other_energy = (np.zeros(s, np.float32) for s in ((rows, columns), size))
    for reference, other in zip(references, others, strict=True):
        upright = resized(other, size)
        turned = cv2.warpAffine(upright, rotation, size[::-1], borderMode=cv2.BORDER_REPLICATE)
        field = edge_field(np.asarray(turned, np.float32)) * mask[..., None]
        agreement = agreement + _shifted(reference, field, margins)
        energy += (reference**2).sum(axis=2)
        other_energy += (field**2).sum(axis=2)
    energies = _shifted(energy, mask, margins) * _shifted(
        np.ones_like(energy), other_energy, margins
    )
    # Chance makes a correlation of 1/sqrt(area): by that it is judged.
    area = _shifted(np.ones_like(energy), mask, margins)
    score = agreement * np.sqrt(area.clip(0) / energies.clip(1e-9))
    row, column = np.unravel_index(int(np.argmax(score)), score.shape)
    shift = np.eye(3)
    shift[:2, 2] = column - margins[1], row - margins[0]
    matrix = shift @ np.vstack((rotation, (0, 0, 1))) @ scaling(full, size)
    return _Guess(float(score[row, column]) if math.isfinite(score[row, column]) else 0.0, matrix)


def _shifted(
    picture: NDArray[np.float32], template: NDArray[np.float32], margins: Sequence[int]
) -> NDArray[np.float64]:
    """Return the sum of products of two pictures at every shift that leaves enough overlap."""
    down, across = margins
    padded = cv2.copyMakeBorder(picture, down, down, across, across, cv2.BORDER_CONSTANT)
    return np.asarray(cv2.matchTemplate(padded, template, cv2.TM_CCORR), np.float64)


def _size(picture: NDArray[np.float32]) -> Size:
    return picture.shape[0], picture.shape[1]
