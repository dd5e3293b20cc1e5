# SPDX-License-Identifier: Apache-2.0
"""Colour: the luminance that is fused, and how the fused luminance returns to a colour picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

# The weights serve programs that have no use for PyTorch, which takes seconds to import.
if TYPE_CHECKING:
    from torch import Tensor

LUMA_WEIGHTS = (0.299, 0.587, 0.114)
"""Red, green, blue weights of the luminance Y (ITU-R BT.601)."""


def luminance(rgb: Tensor) -> Tensor:
    """Return the luminance Y, (B, 1, H, W), of a picture (B, 3, H, W) on the same scale."""
    return luminance_of(*rgb.unbind(1)).unsqueeze(1)


def luminance_of(red: Tensor, green: Tensor, blue: Tensor) -> Tensor:
    """Return the luminance Y of three colours of one shape, on the same scale."""
    shares = LUMA_WEIGHTS
    return shares[0] * red + shares[1] * green + shares[2] * blue


def replace_luminance(rgb: Tensor, luma: Tensor, fused: Tensor, *, white: float = 1.0) -> Tensor:
    """Give a colour picture the fused luminance and keep its chroma.

    In YCbCr, exchanging Y for F at constant Cb and Cr adds F - Y to red, green and blue alike,
    so no conversion there and back is needed.

    Args:
        rgb: (B, 3, H, W) in [0, white].
        luma: (B, 1, H, W), the luminance of `rgb`.
        fused: (B, 1, H, W) fused luminance in [0, white].
        white: the value of white.

    Returns:
        (B, 3, H, W) clipped to [0, white].
    """
    return (rgb + (fused - luma)).clamp_(0, white)
