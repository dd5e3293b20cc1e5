# SPDX-License-Identifier: Apache-2.0
"""How much of each source can be seen in the fused picture (VIF), differentiable."""

from __future__ import annotations

import torch
from torch import Tensor

from bifuse_core.metrics.fusion.visual_fidelity import OBSERVER_NOISE, WINDOWS
from bifuse_core.metrics.gaussian import blur, gaussian_window

FLAT = 1e-2
"""Variance in grey levels squared below which single precision tells nothing."""


def fidelity(fused: Tensor, thermal: Tensor, luma: Tensor) -> Tensor:
    """Return vifp of each source on scales 2 to 4, (B, 2): thermal, luma; 0 or more.

    The finest of the four scales, the most costly one, is left out: it puts pictures made from the
    pixels of both sources in the same order. Only it would tell fine noise and slight blur.
    Source: Sheikh and Bovik, IEEE TIP 15 (2006).

    Args:
        fused: (B, 1, H, W) in [0, 1], H and W at least 41.
        thermal: likewise.
        luma: likewise.
    """
    pictures = 255 * torch.cat((thermal, luma, fused), dim=1)
    seen = there = pictures.new_zeros(len(pictures), 2)
    for size in WINDOWS[1:]:
        window = gaussian_window(size, size / 5)
        pictures = blur(pictures, window)[..., ::2, ::2]
        seen_here, there_here = _information(pictures, window)
        seen, there = seen + seen_here, there + there_here
    return seen / (there + FLAT)


def _information(pictures: Tensor, window: Tensor) -> tuple[Tensor, Tensor]:
    """Return what is seen of the sources in the fused picture and in themselves, (B, 2) each."""
    # About their means, the squares lose fewer digits.
    pictures = pictures - pictures.mean(dim=(2, 3), keepdim=True)
    sources, fused = pictures[:, :2], pictures[:, 2:]
    means, squares, products = blur(
        torch.cat((pictures, pictures * pictures, sources * fused), dim=1), window
    ).split((3, 3, 2), dim=1)
    variances = (squares - means * means).clamp_min(0)
    variance, variance_fused = variances[:, :2], variances[:, 2:]
    covariance = products - means[:, :2] * means[:, 2:]
    gain = (covariance / (variance + FLAT)).clamp_min(0)
    noise = (variance_fused - gain * covariance).clamp_min(0)
    seen = torch.log1p(gain * gain * variance / (noise + OBSERVER_NOISE))
    there = torch.log1p(variance / OBSERVER_NOISE)
    return seen.sum(dim=(2, 3)), there.sum(dim=(2, 3))
