# SPDX-License-Identifier: Apache-2.0
"""Sobel's derivatives, by which the metrics find edges."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def sobel(picture: Tensor, border: str) -> tuple[Tensor, Tensor]:
    """Return eight times the derivatives along x and y, both (B, 1, H, W).

    Args:
        picture: (B, 1, H, W), floating.
        border: what lies outside: `constant` (black) or `replicate` (the border pixels).
    """
    padded = F.pad(picture, (1, 1, 1, 1), mode=border)
    dx = padded[..., 2:] - padded[..., :-2]
    dy = padded[..., 2:, :] - padded[..., :-2, :]
    return (
        dx[..., :-2, :] + 2 * dx[..., 1:-1, :] + dx[..., 2:, :],
        dy[..., :-2] + 2 * dy[..., 1:-1] + dy[..., 2:],
    )
