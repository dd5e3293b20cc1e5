# SPDX-License-Identifier: Apache-2.0
"""How near the fused picture is to both sources: SSIM and PSNR."""

from __future__ import annotations

import torch
from torch import Tensor

from bifuse_core.metrics.fusion.levels import comparable
from bifuse_core.metrics.ssim import ssim

WHITE = 255.0


def structural_similarity(fused: Tensor, thermal: Tensor, luma: Tensor) -> Tensor:
    """Return SSIM, the mean structural similarity with both sources, (B,) in [-1, 1].

    With L = 255: a toolbox that takes L = 1 for grey levels 0 to 255 gives other numbers.

    Args:
        fused: (B, 1, H, W) grey levels 0 to 255, H and W at least 11.
        thermal: likewise.
        luma: likewise.

    Raises:
        ValueError: the pictures are smaller, or their shapes differ.
    """
    fused, thermal, luma = comparable("SSIM", 11, fused, thermal, luma)
    with_thermal = ssim(thermal, fused, value_range=WHITE)
    return (with_thermal + ssim(luma, fused, value_range=WHITE)) / 2


def peak_signal_to_noise_ratio(fused: Tensor, thermal: Tensor, luma: Tensor) -> Tensor:
    """Return PSNR in dB over the mean squared error with both sources, (B,); inf without error.

    Args:
        fused: (B, 1, H, W) grey levels 0 to 255.
        thermal: likewise.
        luma: likewise.

    Raises:
        ValueError: the shapes differ.
    """
    fused, thermal, luma = comparable("PSNR", 1, fused, thermal, luma)
    errors = (fused - thermal).square() + (fused - luma).square()
    return 10 * torch.log10(WHITE**2 / (errors.mean(dim=(1, 2, 3)) / 2))
