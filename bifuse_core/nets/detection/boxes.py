# SPDX-License-Identifier: Apache-2.0
"""Boxes as left, top, right, bottom: made, and compared."""

from __future__ import annotations

import torch
from torch import Tensor


def boxes_of(centres: Tensor, sides: Tensor) -> Tensor:
    """Return the boxes (..., 4) whose sides are so far from points (..., 2)."""
    return torch.cat([centres - sides[..., :2], centres + sides[..., 2:]], dim=-1)


def area_of(boxes: Tensor) -> Tensor:
    """Return the areas (...) of boxes (..., 4); 0 where a side is negative."""
    return (boxes[..., 2:] - boxes[..., :2]).clamp_min(0).prod(dim=-1)


def iou(first: Tensor, second: Tensor) -> Tensor:
    """Return the intersection over union, in [0, 1], of boxes (..., 4) that broadcast."""
    return _overlap(first, second)[0]


def generalised_iou(first: Tensor, second: Tensor) -> Tensor:
    """Return the GIoU, in (-1, 1], of boxes (..., 4) that broadcast.

    It falls with the distance of boxes that do not meet, so that they have a gradient.

    Source: Rezatofighi et al., "Generalized Intersection over Union" (2019), algorithm 1.
    """
    overlap, union = _overlap(first, second)
    hull = area_of(
        torch.cat(
            [
                torch.minimum(first[..., :2], second[..., :2]),
                torch.maximum(first[..., 2:], second[..., 2:]),
            ],
            dim=-1,
        )
    )
    return overlap - (hull - union) / hull.clamp_min(1e-9)


def _overlap(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Return intersection over union, and union."""
    common = area_of(
        torch.cat(
            [
                torch.maximum(first[..., :2], second[..., :2]),
                torch.minimum(first[..., 2:], second[..., 2:]),
            ],
            dim=-1,
        )
    )
    union = area_of(first) + area_of(second) - common
    return common / union.clamp_min(1e-9), union
