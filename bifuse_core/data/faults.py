# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with a data set, and who is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn


class PairError(ValueError):
    """A pair cannot be read; the message names the file and what is wrong with it."""


class PictureError(PairError):
    """A picture is missing, damaged, of an unusable type, or not of its partner's size."""


ONE_SIZE = "pairs must be aligned and of one size, unless alignment.method says how they lie"
"""What is said of pairs whose pictures differ in size."""


class LabelError(PairError):
    """Boxes cannot be read, lie outside the picture, are empty, or have an unknown class."""


class MaskError(PairError):
    """A mask cannot be read, has another size than the pictures, or unknown values."""


Report = Callable[[PairError], object]
"""Told of a fault. It raises to end the reading there, or returns to have the rest read."""


def refuse(fault: PairError) -> NoReturn:
    """Raise the fault: the report of everyone who needs sound data."""
    raise fault
