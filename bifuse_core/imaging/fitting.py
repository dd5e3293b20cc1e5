# SPDX-License-Identifier: Apache-2.0
"""Pictures brought to the size that a network looks at, and boxes brought back."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray


class Fitted(NamedTuple):
    """A picture as large as it fits within a size, in its own form."""

    picture: NDArray[np.uint8]
    """(H', W', 3)."""
    back: NDArray[np.float32]
    """(4,) factors that bring left, top, right, bottom back to the original picture."""


def fit_within(picture: NDArray[np.uint8], height: int, width: int) -> Fitted:
    """Scale a picture (H, W, 3) so that it just fits within a size; small ones are enlarged."""
    rows, columns = picture.shape[:2]
    scale = min(height / rows, width / columns)
    new_rows, new_columns = (max(1, round(side * scale)) for side in (rows, columns))
    if (new_rows, new_columns) != (rows, columns):
        smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        resized = cv2.resize(picture, (new_columns, new_rows), interpolation=smooth)
        picture = np.asarray(resized, np.uint8)
    return Fitted(picture, np.array([columns / new_columns, rows / new_rows] * 2, np.float32))
