# SPDX-License-Identifier: Apache-2.0
"""How bright a picture is, at a glance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SPACING = 8
"""Of the pixels looked at, in rows and columns: one in 64 says as much of a mean as all."""

_WEIGHTS = np.array((0.299, 0.587, 0.114))
"""Luminance of red, green and blue; source: ITU-R BT.601, as in YCbCr."""


def mean_luminance(picture: NDArray[np.uint8]) -> float:
    """Return the mean luminance of a picture (H, W, 3), RGB uint8: 0 is black, 1 is white."""
    sample = picture[::SPACING, ::SPACING]
    return float(sample.mean(axis=(0, 1)) @ _WEIGHTS) / 255
