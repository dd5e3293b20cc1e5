# SPDX-License-Identifier: Apache-2.0
"""What the engine makes of a pair: the fused picture, and what is seen in it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Objects(NamedTuple):
    """The N objects that are seen in a picture, surest first."""

    boxes: NDArray[np.float32]
    """(N, 4) left, top, right, bottom, pixels of the full picture."""
    scores: NDArray[np.float32]
    """(N,) in (0, 1]."""
    labels: NDArray[np.int64]
    """(N,) class numbers."""


NOTHING = Objects(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))
"""No objects."""


class Perception(NamedTuple):
    """A fused picture of H rows and W columns, and what is seen in it."""

    fused: NDArray[np.uint8]
    """(H, W, 3) red, green, blue."""
    boxes: NDArray[np.float32]
    """(N, 4), see `Objects`."""
    scores: NDArray[np.float32]
    """(N,), see `Objects`."""
    labels: NDArray[np.int64]
    """(N,), see `Objects`."""
    mask: NDArray[np.uint8] | None
    """(H, W) class numbers; None where no mask was asked for, or there is no segmenter."""
