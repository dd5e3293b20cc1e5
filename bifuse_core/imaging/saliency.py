# SPDX-License-Identifier: Apache-2.0
"""Visual saliency maps (VSM), the weights of the paper's fusion target."""

from __future__ import annotations

import torch
from torch import Tensor


def visual_saliency(image: Tensor) -> Tensor:
    """Rate every pixel by how far its grey level lies from all the others.

    V(j) = sum over i of h(i) |j - i| over the 256-bin histogram h, looked up per pixel and
    stretched to [0, 1] per picture. Prefix sums make it linear in the number of pixels.
    Source: Ma et al., Infrared Physics & Technology 82 (2017).

    Args:
        image: (B, 1, H, W) in [0, 1].

    Returns:
        (B, 1, H, W) in [0, 1]; all zero for a picture of a single grey level.
    """
    levels = (image * 255).round().clamp(0, 255).long()
    batch = levels.shape[0]
    flat = levels.reshape(batch, -1)
    ones = torch.ones_like(flat, dtype=torch.float64)
    histogram = torch.zeros(batch, 256, dtype=torch.float64, device=image.device)
    histogram.scatter_add_(1, flat, ones)
    grey = torch.arange(256, dtype=torch.float64, device=image.device)
    count, weighted = histogram.cumsum(1), (histogram * grey).cumsum(1)
    total, weight = count[:, -1:], weighted[:, -1:]
    distance = grey * count - weighted + (weight - weighted) - grey * (total - count)
    rated = distance.gather(1, flat)
    low, high = rated.amin(1, keepdim=True), rated.amax(1, keepdim=True)
    stretched = (rated - low) / (high - low).clamp_min(1e-12)
    return stretched.reshape(image.shape).to(image.dtype)


def saliency_target(thermal: Tensor, luma: Tensor) -> Tensor:
    """Return the paper's pseudo fused picture u_m = m1 x + m2 y, (B, 1, H, W) in [0, 1].

    m1 = 0.5 + 0.5 (V_thermal - V_luma), m2 = 1 - m1 (section 2.4).
    """
    m1 = 0.5 + 0.5 * (visual_saliency(thermal) - visual_saliency(luma))
    return torch.lerp(luma, thermal, m1)
