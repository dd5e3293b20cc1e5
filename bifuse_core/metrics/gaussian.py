# SPDX-License-Identifier: Apache-2.0
"""The Gaussian window in which structural similarity and visual fidelity look at pictures."""

from __future__ import annotations

import torch
from torch import Tensor


def gaussian_window(size: int, sigma: float) -> Tensor:
    """Return a normalised one-dimensional Gaussian, (size,), in double precision on the CPU."""
    x = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    weights = torch.exp(-(x**2) / (2 * sigma**2))
    return weights / weights.sum()


def blur(pictures: Tensor, window: Tensor) -> Tensor:
    """Weigh every neighbourhood with a window along both sides, at valid positions only.

    Args:
        pictures: (..., H, W), floating.
        window: (N,), on the CPU.

    Returns:
        (..., H - N + 1, W - N + 1).
    """
    weights = window.tolist()
    for side in (-1, -2):
        length = pictures.shape[side] - len(weights) + 1
        # Shifted sums: ten times as fast as a convolution in double precision on a CPU.
        total = pictures.narrow(side, 0, length) * weights[0]
        for shift, weight in enumerate(weights[1:], start=1):
            total.add_(pictures.narrow(side, shift, length), alpha=weight)
        pictures = total
    return pictures
