# SPDX-License-Identifier: Apache-2.0
"""The other camera's pictures aligned one after another, with tables kept while nothing changes."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from bifuse_core.imaging.alignment.methods import Alignment
from bifuse_core.imaging.alignment.warp import Aligned, Size, Warp


class Aligner:
    """Keeps the tables of the last alignment; for use by one thread at a time."""

    def __init__(self) -> None:
        self._key: tuple[Alignment, Size, Size] | None = None
        self._warp: Warp | None = None

    def __call__(self, alignment: Alignment, other: NDArray[Any], reference: Size) -> Aligned:
        """Warp a picture of the other camera into the grid of the reference.

        Args:
            alignment: how the two cameras lie.
            other: (h, w) or (h, w, 3), see `Warp`.
            reference: rows and columns of the reference picture.

        Raises:
            ValueError: the sizes do not fit what is known of the cameras.
        """
        size = other.shape[0], other.shape[1]
        key = (alignment, reference, size)
        if self._warp is None or key != self._key:
            self._warp, self._key = Warp(alignment.points(reference, size), size), key
        return self._warp(other)
