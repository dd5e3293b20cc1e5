# SPDX-License-Identifier: Apache-2.0
"""Edges as a thermal and a colour camera have them in common: directions without a sign."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bifuse_core.imaging.thermal import ThermalNormaliser, ThermalSettings

SMOOTHING = 1.0
"""Pixels (sigma) by which noise is smoothed before edges are looked for."""
SURROUNDINGS = 8.0
"""Pixels (sigma) within which edges compete: a strong one shall not drown all others."""
FAINT = 0.3
"""Share of the mean strength of a picture below which edges count for less."""
LEAST = 1e-3
"""Steps between pixels, in a picture of [0, 1], below which there is no edge but rounding."""


def grey(picture: NDArray[Any]) -> NDArray[np.float32]:
    """Return a picture of either camera as float32 (H, W) in [0, 1].

    Args:
        picture: (H, W) thermal counts, stretched between percentiles; or (H, W, 3) uint8 colours.

    Raises:
        ValueError: a thermal picture has no finite pixel.
    """
    if picture.ndim == 3:
        return np.divide(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), 255, dtype=np.float32)
    stretch = ThermalSettings(range="percentile", minimum_span=1.0)
    return ThermalNormaliser(stretch)(picture, 0)


def edge_field(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the edges of a picture as vectors of twice their angle.

    What is brighter in one spectrum may be darker in the other: an edge keeps its place and its
    line, but not its sign. The product of two such vectors is m1 m2 cos(2 (a1 - a2)); edges of
    unrelated directions cancel out.

    Args:
        picture: (H, W) in [0, 1].

    Returns:
        (H, W, 2) strength, relative to that of the surroundings, times (cos 2a, sin 2a).
    """
    smooth = cv2.GaussianBlur(picture, (0, 0), SMOOTHING)
    across, down = (
        cv2.Sobel(smooth, cv2.CV_32F, *d, ksize=3, scale=1 / 8) for d in ((1, 0), (0, 1))
    )
    strength = cv2.magnitude(across, down)
    around = np.sqrt(cv2.GaussianBlur(strength * strength, (0, 0), SURROUNDINGS))
    share = 1 / ((strength + 1e-12) * (around + FAINT * float(strength.mean()) + LEAST))
    return np.dstack(((across * across - down * down) * share, 2 * across * down * share))
