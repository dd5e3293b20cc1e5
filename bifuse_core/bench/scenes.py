# SPDX-License-Identifier: Apache-2.0
"""The pictures that networks are timed on: a rendered street, with something in it to find."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bifuse_core.data.rendered.pairs import RenderedPairs
from bifuse_core.imaging.thermal import ThermalNormaliser

BITS = (8, 16)
"""Of a thermal picture."""


class Size(NamedTuple):
    """Of a picture, in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


def size(text: str) -> Size:
    """Read a size such as `640x480`.

    Raises:
        ValueError: it is none.
    """
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise ValueError(f"{text!r} is no size such as 640x480")
    return Size(int(width), int(height))


class Scene(NamedTuple):
    """What both cameras see of one moment."""

    thermal: dict[int, NDArray[Any]]
    """By bits: (H, W) uint8 as a camera with gain control sends it, uint16 centikelvin."""
    rgb: NDArray[np.uint8]
    """(H, W, 3)."""


def scenes(size: Size, count: int = 1) -> list[Scene]:
    """Render some moments, which are the same each time."""
    made = []
    for pair in RenderedPairs(count, seed=1, width=size.width, height=size.height):
        levels = np.round(255 * ThermalNormaliser()(pair.thermal, 0)).astype(np.uint8)
        made.append(Scene({8: levels, 16: pair.thermal}, pair.rgb))
    return made
