# SPDX-License-Identifier: Apache-2.0
"""All metrics of fusion under the names that tables give them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from bifuse_core.metrics.fusion.correlation import (
    correlation_coefficient,
    sum_of_correlations_of_differences,
)
from bifuse_core.metrics.fusion.edge_transfer import edge_transfer
from bifuse_core.metrics.fusion.feature_information import feature_mutual_information
from bifuse_core.metrics.fusion.guards import distance_from_maximum, hot, level
from bifuse_core.metrics.fusion.information import entropy, mutual_information
from bifuse_core.metrics.fusion.levels import comparable, grey_levels
from bifuse_core.metrics.fusion.similarity import (
    peak_signal_to_noise_ratio,
    structural_similarity,
)
from bifuse_core.metrics.fusion.statistics import (
    average_gradient,
    spatial_frequency,
    standard_deviation,
)
from bifuse_core.metrics.fusion.visual_fidelity import LEAST, visual_information_fidelity

WITH_SOURCES: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "MI": mutual_information,
    "VIF": visual_information_fidelity,
    "FMI": feature_mutual_information,
    "Qabf": edge_transfer,
    "SSIM": structural_similarity,
    "SCD": sum_of_correlations_of_differences,
    "CC": correlation_coefficient,
    "PSNR": peak_signal_to_noise_ratio,
}
"""Metrics of (fused, thermal, luma); more is better."""

ALONE: dict[str, Callable[[Tensor], Tensor]] = {
    "EN": entropy,
    "SD": standard_deviation,
    "SF": spatial_frequency,
    "AG": average_gradient,
}
"""Metrics of the fused picture alone; noise raises them too."""

GUARDS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "level": level,
    "|F - max|": distance_from_maximum,
    "hot": hot,
}
"""Guards of (fused, thermal, luma)."""


@torch.no_grad()
def score_fusion(fused: Tensor, thermal: Tensor, luma: Tensor) -> dict[str, Tensor]:
    """Return every metric and guard of each picture of a batch, (B,) float64 each.

    The pictures are scored as they would be saved: in whole grey levels.

    Args:
        fused: (B, 1, H, W) fused luminance, uint8 or floating in [0, 1], 41 pixels or more a side.
        thermal: (B, 1, H, W) normalised thermal picture, likewise.
        luma: (B, 1, H, W) luminance of the colour picture, likewise.

    Returns:
        MI, VIF, FMI, Qabf, SSIM, SCD, CC, PSNR, EN, SD, SF, AG, level, |F - max|, hot, in this
        order and in the units that each metric states.

    Raises:
        ValueError: shapes that differ or are too small; values that are no picture.
    """
    levels = comparable("score_fusion", LEAST, *(grey_levels(x) for x in (fused, thermal, luma)))
    scores = {name: metric(*levels) for name, metric in WITH_SOURCES.items()}
    scores |= {name: metric(levels[0]) for name, metric in ALONE.items()}
    return scores | {name: guard(*levels) for name, guard in GUARDS.items()}
