# SPDX-License-Identifier: Apache-2.0
"""Pictures as the metrics of fusion look at them: grey levels 0 to 255 in double precision."""

from __future__ import annotations

import torch
from torch import Tensor

GREY_LEVELS = 256


def grey_levels(picture: Tensor) -> Tensor:
    """Return the grey levels that a picture has once it is saved, whole numbers in float64.

    Args:
        picture: any shape; uint8, or floating in [0, 1].

    Raises:
        ValueError: another type, or floating values that are not finite or not within [0, 1].
    """
    if picture.dtype == torch.uint8:
        return picture.double()
    if not picture.is_floating_point():
        raise ValueError(f"pictures are uint8 or floating in [0, 1], not {picture.dtype}")
    # A weighted sum of red, green and blue may end a rounding error above white.
    if not ((picture >= -1e-3) & (picture <= 1 + 1e-3)).all():
        low, high = picture.min().item(), picture.max().item()
        raise ValueError(f"floating pictures are within [0, 1]; this one reaches {low} to {high}")
    return (picture.double() * (GREY_LEVELS - 1)).round().clamp(0, GREY_LEVELS - 1)


def comparable(metric: str, least: int, *pictures: Tensor) -> tuple[Tensor, ...]:
    """Return pictures in double precision.

    Args:
        metric: its name, for the message.
        least: the least height and width that it can be computed on.
        pictures: (B, 1, H, W) each, of any type.

    Raises:
        ValueError: the shapes differ, are not (B, 1, H, W), or are too small.
    """
    first = pictures[0].shape
    for picture in pictures:
        if picture.shape != first or picture.ndim != 4 or first[1] != 1:
            shapes = ", ".join(str(tuple(p.shape)) for p in pictures)
            raise ValueError(f"{metric} takes pictures (B, 1, H, W) of one size; got {shapes}")
    if min(first[-2:]) < least:
        raise ValueError(
            f"{metric} needs pictures of at least {least}x{least} pixels; "
            f"these are {first[-1]}x{first[-2]}"
        )
    return tuple(picture.double() for picture in pictures)
