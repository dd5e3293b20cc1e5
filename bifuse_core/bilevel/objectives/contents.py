# SPDX-License-Identifier: Apache-2.0
"""Content terms of Phi_V: how far the fused picture is from what it should show."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from bifuse_core.bilevel.batch import Batch
from bifuse_core.metrics.ssim import ssim

Content = Callable[[Tensor, Batch], Tensor]
"""Takes the fused luminance u, (B, 1, C, C) in [0, 1], and what it was fused from; returns a
scalar, the mean over the batch."""

SIMILARITY_WEIGHT = 1.1
"""Weight of the structural term against the pixel term, from the paper's published code."""


def vsm(fused: Tensor, batch: Batch) -> Tensor:
    """Return mean |u - u_m| + 1.1 (1 - SSIM(u, u_m)), as the paper's published code has it."""
    target = batch.target
    return (fused - target).abs().mean() + SIMILARITY_WEIGHT * (1 - ssim(fused, target).mean())


def paper_eq7(fused: Tensor, batch: Batch) -> Tensor:
    """Return |u - m1 x|^2 + |u - m2 y|^2 as printed in eq. 7, for the record.

    Its minimum is u_m / 2, a picture of half the brightness.
    """
    thermal, luma = batch.share * batch.thermal, (1 - batch.share) * batch.luma
    return ((fused - thermal) ** 2 + (fused - luma) ** 2).mean()


def mended(fused: Tensor, batch: Batch) -> Tensor:
    """Return m1 (u - x)^2 + m2 (u - y)^2, eq. 7 with weights outside; its minimum is u_m."""
    from_thermal, from_luma = (fused - batch.thermal) ** 2, (fused - batch.luma) ** 2
    return (batch.share * from_thermal + (1 - batch.share) * from_luma).mean()
