# SPDX-License-Identifier: Apache-2.0
"""How much of each source an observer can still see in the fused picture (VIF)."""

from __future__ import annotations

import torch
from torch import Tensor

from bifuse_core.metrics.fusion.levels import comparable
from bifuse_core.metrics.gaussian import blur, gaussian_window

OBSERVER_NOISE = 2.0
"""Variance of the noise in the observer's eye, grey levels squared."""

WINDOWS = (17, 9, 5, 3)
"""Sides of the Gaussian windows, from the finest scale to the coarsest; sigma is a fifth."""

LEAST = 41
"""Least side that leaves a position for the window of the coarsest scale."""

FLAT = 1e-10
"""Variance below which a neighbourhood holds no information."""


def visual_information_fidelity(fused: Tensor, thermal: Tensor, luma: Tensor) -> Tensor:
    """Return VIF = vifp(thermal, fused) + vifp(luma, fused), (B,), 0 or more.

    vifp is the pixel-domain version on four scales; 1 where the fused picture is the source,
    above 1 where it shows the source with more contrast. A source of one grey level has nothing
    to see and counts 0. Source: Sheikh and Bovik, IEEE TIP 15 (2006).

    Args:
        fused: (B, 1, H, W) grey levels 0 to 255, H and W at least 41.
        thermal: likewise.
        luma: likewise.

    Raises:
        ValueError: the pictures are smaller, or their shapes differ.
    """
    pictures = torch.cat(comparable("VIF", LEAST, thermal, luma, fused), dim=1)
    seen = torch.zeros(pictures.shape[0], 2, dtype=torch.float64, device=pictures.device)
    there = torch.zeros_like(seen)
    for scale, size in enumerate(WINDOWS):
        window = gaussian_window(size, size / 5)
        if scale > 0:
            pictures = blur(pictures, window)[..., ::2, ::2]
        seen_here, there_here = _information(pictures, window)
        seen, there = seen + seen_here, there + there_here
    return torch.where(there > 0, seen / there.clamp_min(1e-300), 0).sum(1)


def _information(pictures: Tensor, window: Tensor) -> tuple[Tensor, Tensor]:
    """Return what an observer sees of the sources in the fused picture and in themselves.

    Args:
        pictures: (B, 3, H, W): the two sources and the fused picture.
        window: (N,).

    Returns:
        (B, 2) each, in nats.
    """
    sources, fused = pictures[:, :2], pictures[:, 2:]
    means, squares, products = blur(
        torch.cat((pictures, pictures * pictures, sources * fused), dim=1), window
    ).split((3, 3, 2), dim=1)
    variances = (squares - means * means).clamp_min(0)
    variance, variance_fused = variances[:, :2], variances[:, 2:]
    covariance = products - means[:, :2] * means[:, 2:]
    # The fused picture as source times gain plus noise.
    informative = variance >= FLAT
    gain = torch.where(informative, covariance / (variance + FLAT), 0)
    noise = variance_fused - gain * covariance
    variance = torch.where(informative, variance, 0)
    # Contrast turned round is noise, not information.
    noise = torch.where(gain < 0, variance_fused, noise).clamp_min(FLAT)
    gain = torch.where(variance_fused >= FLAT, gain.clamp_min(0), 0)
    seen = torch.log1p(gain * gain * variance / (noise + OBSERVER_NOISE))
    there = torch.log1p(variance / OBSERVER_NOISE)
    return seen.sum(dim=(2, 3)), there.sum(dim=(2, 3))
