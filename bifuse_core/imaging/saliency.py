# SPDX-License-Identifier: Apache-2.0
"""Visual saliency maps (VSM), the weights of the paper's fusion target."""

from __future__ import annotations

import torch
from torch import Tensor

GREY_LEVELS = 256


def saliency_table(image: Tensor) -> Tensor:
    """Rate every grey level by how far it lies from those of all pixels.

    V(j) = sum over i of h(i) |j - i| over the 256-bin histogram h, stretched so that the levels of
    the picture reach from 0 to 1. Prefix sums make it linear in the number of pixels.
    Source: Ma et al., Infrared Physics & Technology 82 (2017).

    Args:
        image: (B, 1, H, W) in [0, 1].

    Returns:
        (B, 256) float32 in [0, 1]; all zero for a picture of a single grey level.
    """
    flat = _levels(image).flatten(1)
    histogram = torch.zeros(len(flat), GREY_LEVELS, dtype=torch.float64, device=image.device)
    histogram.scatter_add_(1, flat, torch.ones_like(flat, dtype=torch.float64))
    grey = torch.arange(GREY_LEVELS, dtype=torch.float64, device=image.device)
    count, weighted = histogram.cumsum(1), (histogram * grey).cumsum(1)
    total, weight = count[:, -1:], weighted[:, -1:]
    distance = grey * count - weighted + (weight - weighted) - grey * (total - count)
    absent = histogram == 0
    low = distance.masked_fill(absent, torch.inf).amin(1, keepdim=True)
    high = distance.masked_fill(absent, -torch.inf).amax(1, keepdim=True)
    rating = ((distance - low) / (high - low).clamp_min(1e-12)).clamp(0, 1)
    return torch.where(high > low, rating, 0).float()


def saliency_by_table(image: Tensor, table: Tensor) -> Tensor:
    """Look the rating of every pixel up, (B, 1, H, W).

    Args:
        image: (B, 1, H, W) in [0, 1]: the picture that the table was made from, or a part of it.
        table: (B, 256) from `saliency_table`.
    """
    return table.gather(1, _levels(image).flatten(1)).reshape(image.shape).to(image.dtype)


def visual_saliency(image: Tensor) -> Tensor:
    """Rate every pixel by how far its grey level lies from all the others.

    Args:
        image: (B, 1, H, W) in [0, 1].

    Returns:
        (B, 1, H, W) in [0, 1]; all zero for a picture of a single grey level.
    """
    return saliency_by_table(image, saliency_table(image))


def saliency_share(thermal_saliency: Tensor, luma_saliency: Tensor) -> Tensor:
    """Return m1 = 0.5 + 0.5 (V_thermal - V_luma), the share of the thermal picture (section 2.4).

    Args:
        thermal_saliency: any shape, in [0, 1].
        luma_saliency: likewise.
    """
    return 0.5 + 0.5 * (thermal_saliency - luma_saliency)


def saliency_target(thermal: Tensor, luma: Tensor) -> Tensor:
    """Return the paper's pseudo fused picture u_m = m1 x + m2 y, (B, 1, H, W) in [0, 1].

    m1 as in `saliency_share`, m2 = 1 - m1 (section 2.4).
    """
    share = saliency_share(visual_saliency(thermal), visual_saliency(luma))
    return torch.lerp(luma, thermal, share)


def _levels(image: Tensor) -> Tensor:
    return (image * (GREY_LEVELS - 1)).round().clamp(0, GREY_LEVELS - 1).long()
