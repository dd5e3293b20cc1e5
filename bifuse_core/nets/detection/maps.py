# SPDX-License-Identifier: Apache-2.0
"""What a detector says of a picture, point by point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Points(NamedTuple):
    """The N places where a detector looks for objects: the cells of all its levels, as one list."""

    centres: Tensor
    """(N, 2) x and y of the middle of each cell, pixels."""
    strides: Tensor
    """(N,) side of each cell, pixels."""
    nearest: Tensor
    """(N,) least distance, in pixels, to the farthest side of an object that is sought there."""
    farthest: Tensor
    """(N,) that distance, above which an object is left to the next level; infinite in the last."""


class Maps(NamedTuple):
    """What a detector says of every point of B pictures, for K classes."""

    logits: Tensor
    """(B, N, K) of each class being there."""
    sides: Tensor
    """(B, N, 4) distances to left, top, right and bottom of the object, pixels, above 0."""
    centreness: Tensor
    """(B, N) logits of the point being in the middle of the object."""
    points: Points


def points_of(
    sizes: Sequence[tuple[int, int]], strides: Sequence[int], reach: float, device: torch.device
) -> Points:
    """Return the points of some levels, row by row.

    The levels share the objects by size, as in Tian et al. (2019), section 3.2: the farthest side
    of an object from its point lies within `reach` times the stride of its level, and beyond that
    of the level before. With a reach of 8 these are the 64, 128, 256 and 512 pixels of the paper.

    Args:
        sizes: height and width of each level, cells.
        strides: of each level, pixels.
        reach: see above.
        device: where the points shall be.
    """
    levels = []
    for number, ((height, width), stride) in enumerate(zip(sizes, strides, strict=True)):
        y, x = ((torch.arange(n, device=device) + 0.5) * stride for n in (height, width))
        grid = torch.stack([x.repeat(height), y.repeat_interleave(width)], dim=1)
        first, last = number == 0, number == len(strides) - 1
        nearest = 0.0 if first else reach * strides[number - 1]
        farthest = torch.inf if last else reach * stride
        values = (float(stride), nearest, farthest)
        levels.append((grid, *(grid.new_full((len(grid),), value) for value in values)))
    return Points(*(torch.cat(parts) for parts in zip(*levels, strict=True)))
