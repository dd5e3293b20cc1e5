# SPDX-License-Identifier: Apache-2.0
"""A picture brought into the room that somebody has for it, in its own form."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def fitted(
    picture: NDArray[np.uint8], width: int, height: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Scale a picture to be as large as it can be in a room.

    Args:
        picture: (H, W, 3).
        width: of the room, pixels.
        height: of the room, pixels.

    Returns:
        The picture, its sides rounded to whole pixels and 1 at least, and the factors (4,) that
        bring boxes (left, top, right, bottom) in it back into the pixels of the one given.
    """
    rows, columns = picture.shape[:2]
    scale = min(width / columns, height / rows)
    size = max(1, round(columns * scale)), max(1, round(rows * scale))
    back = np.array([columns / size[0], rows / size[1]] * 2, np.float32)
    if size == (columns, rows):
        return picture, back
    smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, size, interpolation=smooth), np.uint8), back
