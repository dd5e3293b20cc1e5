# SPDX-License-Identifier: Apache-2.0
"""The content term that weighs structure, edges, visibility, information and brightness."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from bifuse_core.bilevel.batch import Batch
from bifuse_core.bilevel.losses.brightness import heat_loss, level_difference, relative_darkness
from bifuse_core.bilevel.losses.edge_transfer import edge_loss
from bifuse_core.bilevel.losses.information import information
from bifuse_core.bilevel.losses.similarity import dissimilarity
from bifuse_core.bilevel.losses.visual_fidelity import fidelity

FAINT_INFORMATION = 0.1
"""Added to bits below a logarithm, so that a blank source does not pull without limit."""

FAINT_FIDELITY = 0.01
"""Likewise, added to VIF."""


@dataclass(frozen=True)
class Choice:
    """A weighted sum of losses that pull towards a good choice between the cameras.

    Attributes:
        similarity: weight of 1 - SSIM with both sources.
        edges: weight of 1 - Qabf.
        fidelity: weight of -0.35 (ln VIF_thermal + ln VIF_luma).
        information: weight of -(ln MI_thermal + ln MI_luma).
        darkness: weight of the relative difference from the maximum, see `relative_darkness`.
        level: weight of the absolute difference from the maximum, see `level_difference`.
        heat: weight of hot things being dimmed, see `heat_loss`.
    """

    similarity: float = 12.0
    edges: float = 2.0
    fidelity: float = 0.7
    information: float = 0.7
    darkness: float = 1.5
    level: float = 0.0
    heat: float = 4.0

    def __call__(self, fused: Tensor, batch: Batch) -> Tensor:
        """Return the loss; see `Content`."""
        pictures = (fused, batch.thermal, batch.luma)
        seen = (fidelity(*pictures) + FAINT_FIDELITY).log().sum(1)
        told = (information(*pictures) + FAINT_INFORMATION).log().sum(1)
        total = (
            self.similarity * dissimilarity(*pictures)
            + self.edges * edge_loss(*pictures)
            - 0.35 * self.fidelity * seen
            - self.information * told
            + self.darkness * relative_darkness(*pictures)
            + self.level * level_difference(*pictures)
            + self.heat * heat_loss(*pictures, batch.hot)
        )
        return total.mean()
