# SPDX-License-Identifier: Apache-2.0
"""A camera that gives one picture over and over, as during a flat-field correction."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

EQUAL = 4
"""Equal pictures in a row that no live sensor gives: each has noise of its own. Drivers of sensors
that are slower than their interface (FLIR Lepton: 9 Hz at 27) give each picture three times."""

STRIDE = 4099
"""Distance of the bytes that are compared first. Odd, so that of 16-bit pixels it is each in turn:
the low byte has the noise."""


class FrozenDetector:
    """Is told every picture of one camera, and tells whether it is frozen.

    Not thread-safe; call it from one thread. It keeps the last picture, so that must not change.

    Attributes:
        frozen: the last picture was the last of `EQUAL` equal ones or more.
    """

    def __init__(self) -> None:
        self.frozen = False
        self._last: NDArray[np.uint8] | None = None
        self._stamp = 0
        self._equal = 0

    def see(self, stamp: int, data: Any) -> bool:
        """Take in the next picture and return `frozen`.

        Args:
            stamp: of the picture, nanoseconds; under one stamp it is the same message once more,
                which says nothing about the sensor.
            data: its bytes, anything with the buffer protocol; not empty.
        """
        if self._last is not None and stamp == self._stamp:
            return self.frozen
        picture = np.frombuffer(data, np.uint8)
        equal = self._last is not None and _equal(self._last, picture)
        self._last, self._stamp = picture, stamp
        self._equal = self._equal + 1 if equal else 1
        self.frozen = self._equal >= EQUAL
        return self.frozen


def _equal(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    if one.size != other.size or (one[::STRIDE] != other[::STRIDE]).any():
        return False
    return np.array_equal(one, other)
