# SPDX-License-Identifier: Apache-2.0
"""What the fusion network is trained for."""

from __future__ import annotations

from torch import Tensor

from bifuse_core.metrics.ssim import ssim

SIMILARITY_WEIGHT = 1.1
"""Weight of the structural term against the pixel term, from the paper's published code."""


def vsm_content(fused: Tensor, target: Tensor) -> Tensor:
    """Return the content loss |u - u_m| + 1.1 (1 - SSIM(u, u_m)), a scalar.

    The pixel and structure terms of the paper's fusion objective, as its published code has them
    (the printed eq. 7 is minimised by a picture of half the brightness).

    Args:
        fused: (B, 1, H, W) fused luminance u in [0, 1].
        target: (B, 1, H, W) saliency target u_m in [0, 1].
    """
    return (fused - target).abs().mean() + SIMILARITY_WEIGHT * (1 - ssim(fused, target).mean())
