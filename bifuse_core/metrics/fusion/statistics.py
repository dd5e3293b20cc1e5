# SPDX-License-Identifier: Apache-2.0
"""Contrast and activity of the fused picture alone: SD, SF, AG."""

from __future__ import annotations

import torch
from torch import Tensor

from bifuse_core.metrics.fusion.levels import comparable


def standard_deviation(fused: Tensor) -> Tensor:
    """Return SD, the standard deviation of the grey levels, (B,) in [0, 127.5].

    Source: Rao, Measurement Science and Technology 8 (1997).

    Args:
        fused: (B, 1, H, W) grey levels 0 to 255.

    Raises:
        ValueError: another shape.
    """
    (fused,) = comparable("SD", 1, fused)
    return fused.std(dim=(1, 2, 3), correction=0)


def spatial_frequency(fused: Tensor) -> Tensor:
    """Return SF, the root mean square of the differences of neighbours along x and y, (B,).

    Source: Eskicioglu and Fisher, IEEE Transactions on Communications 43 (1995).

    Args:
        fused: (B, 1, H, W) grey levels 0 to 255, H and W at least 2.

    Raises:
        ValueError: the pictures are smaller, or of another shape.
    """
    (fused,) = comparable("SF", 2, fused)
    rows, columns = fused.diff(dim=3), fused.diff(dim=2)
    return (rows.square().mean(dim=(1, 2, 3)) + columns.square().mean(dim=(1, 2, 3))).sqrt()


def average_gradient(fused: Tensor) -> Tensor:
    """Return AG, the mean of sqrt((dx^2 + dy^2) / 2), (B,).

    Central differences, one-sided at the border, and the sum divided by (H - 1)(W - 1), as the
    toolboxes have it. Source: Cui et al., Optics Communications 341 (2015).

    Args:
        fused: (B, 1, H, W) grey levels 0 to 255, H and W at least 2.

    Raises:
        ValueError: the pictures are smaller, or of another shape.
    """
    (fused,) = comparable("AG", 2, fused)
    dy, dx = torch.gradient(fused, dim=(2, 3))
    height, width = fused.shape[-2:]
    slopes = ((dx.square() + dy.square()) / 2).sqrt()
    return slopes.sum(dim=(1, 2, 3)) / ((height - 1) * (width - 1))
