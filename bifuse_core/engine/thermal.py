# SPDX-License-Identifier: Apache-2.0
"""Thermal normalisation on the device, by limits that the host has found."""

from __future__ import annotations

import torch
from torch import Tensor

from bifuse_core.imaging.thermal import LARGEST_FLOAT


def stretched(counts: Tensor, line: Tensor) -> Tensor:
    """Normalise a picture as `bifuse_core.imaging.thermal.between` does.

    Args:
        counts: (H, W) uint8, uint16, int16 or float32.
        line: (2,) float32, see `bifuse_core.imaging.thermal.line_of`. A tensor, so that a captured
            graph holds for all limits.

    Returns:
        (H, W) float32 in [0, 1]; 0 where a pixel is no reading.
    """
    low, slope = line.unbind()
    if counts.is_floating_point():
        readings = counts.where(counts.abs() < LARGEST_FLOAT, low)
    else:
        readings = counts.to(torch.float32)
    return readings.sub_(low).mul_(slope).clamp_(0, 1)
