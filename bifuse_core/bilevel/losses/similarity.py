# SPDX-License-Identifier: Apache-2.0
"""How little of both sources' structure the fused picture keeps (SSIM, as a loss)."""

from __future__ import annotations

from torch import Tensor

from bifuse_core.metrics.ssim import ssim


def dissimilarity(fused: Tensor, thermal: Tensor, luma: Tensor) -> Tensor:
    """Return 1 - (SSIM with the thermal picture + SSIM with the luminance) / 2, (B,) in [0, 2].

    Args:
        fused: (B, 1, H, W) in [0, 1], H and W at least 11.
        thermal: likewise.
        luma: likewise.

    Raises:
        ValueError: a picture is smaller, or the shapes differ.
    """
    return 1 - (ssim(fused, thermal) + ssim(fused, luma)) / 2
