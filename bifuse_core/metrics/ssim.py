# SPDX-License-Identifier: Apache-2.0
"""Structural similarity, differentiable, used as a loss and as a metric."""

from __future__ import annotations

import torch
from torch import Tensor

from bifuse_core.metrics.gaussian import blur, gaussian_window


def ssim(a: Tensor, b: Tensor, *, value_range: float = 1.0) -> Tensor:
    """Return the mean structural similarity of each picture pair, (B,).

    Window 11, sigma 1.5, valid positions only. Source: Wang et al., IEEE TIP 13 (2004).

    Args:
        a: (B, 1, H, W), H and W at least 11.
        b: (B, 1, H, W).
        value_range: the difference between white and black (1 for [0, 1], 255 for bytes).

    Raises:
        ValueError: a picture is smaller than the window, or the shapes differ.
    """
    if a.shape != b.shape or a.ndim != 4 or a.shape[1] != 1 or min(a.shape[-2:]) < 11:
        raise ValueError(
            f"ssim compares two (B, 1, H, W) of one size, 11 pixels or more a side; "
            f"got {tuple(a.shape)} and {tuple(b.shape)}"
        )
    stack = torch.cat((a, b, a * a, b * b, a * b), dim=1)
    blurred = blur(stack, gaussian_window(11, 1.5))
    mean_a, mean_b, square_a, square_b, product = blurred.unbind(1)
    variance_a, variance_b = square_a - mean_a**2, square_b - mean_b**2
    covariance = product - mean_a * mean_b
    c1, c2 = (0.01 * value_range) ** 2, (0.03 * value_range) ** 2
    similarity = ((2 * mean_a * mean_b + c1) * (2 * covariance + c2)) / (
        (mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2)
    )
    return similarity.mean(dim=(1, 2))
