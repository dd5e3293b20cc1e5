# SPDX-License-Identifier: Apache-2.0
"""How bright a picture is, at a glance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bifuse_core.imaging.colour import LUMA_WEIGHTS

SPACING = 8
"""Of the pixels looked at, in rows and columns: one in 64 says as much of a mean as all."""


def mean_luminance(picture: NDArray[np.uint8]) -> float:
    """Return the mean luminance of a picture (H, W, 3), RGB uint8: 0 is black, 1 is white."""
    sample = picture[::SPACING, ::SPACING]
    return float(sample.mean(axis=(0, 1)) @ LUMA_WEIGHTS) / 255
