# SPDX-License-Identifier: Apache-2.0
"""The content term that asks for given margins over the pixel-wise maximum, and no more."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from bifuse_core.bilevel.batch import Batch
from bifuse_core.bilevel.losses.brightness import relative_darkness, warmth
from bifuse_core.bilevel.losses.edge_transfer import edge_loss
from bifuse_core.bilevel.losses.information import information
from bifuse_core.bilevel.losses.similarity import dissimilarity
from bifuse_core.bilevel.losses.smoothness import unevenness
from bifuse_core.bilevel.losses.visual_fidelity import fidelity

FAINT_INFORMATION = 0.1
FAINT_FIDELITY = 0.05
FAINT_LEVEL = 0.02
"""Added to what is divided by, so that blank crops do not count infinitely."""


@dataclass(frozen=True)
class Goal:
    """Weighted shortfalls of each crop against margins over its own pixel-wise maximum.

    A term that is past its margin stops pulling, so that what is left of the freedom goes to the
    others: single metrics pull against each other, and none is worth more than its goal. The end
    is soft: at its margin a term pulls with half its weight. `darkness` and `smoothness` have no
    margin.

    What can be reached depends on the pictures: where one camera is nearly black, its structure is
    nearly lost in any mixture. So margins may differ from source to source.

    Attributes:
        similarity: weight of the shortfall of SSIM.
        similarity_margin: SSIM asked for above that of the maximum; one for all, or a list with one
            for each source of the data.
        edges: weight of the shortfall of Qabf.
        edges_margin: Qabf asked for above that of the maximum, likewise.
        information: weight of the shortfall of MI.
        information_share: MI asked for, relative to that of the maximum, likewise.
        fidelity: weight of the shortfall of VIF.
        fidelity_share: VIF asked for, relative to that of the maximum, likewise.
        level: weight of the shortfall of the mean level.
        level_share: mean level asked for, relative to that of the maximum, likewise.
        heat: weight of the shortfall of hot things, see `warmth`.
        heat_share: level of hot things asked for, relative to the thermal picture.
        darkness: weight of the relative difference from the maximum, see `relative_darkness`.
        smoothness: weight of a choice that changes where neither picture does, see `unevenness`.
    """

    similarity: float = 60.0
    similarity_margin: float | list[float] = 0.02
    edges: float = 60.0
    edges_margin: float | list[float] = 0.015
    information: float = 8.0
    information_share: float | list[float] = 0.7
    fidelity: float = 4.0
    fidelity_share: float | list[float] = 0.95
    level: float = 8.0
    level_share: float | list[float] = 0.94
    heat: float = 6.0
    heat_share: float = 0.97
    darkness: float = 0.15
    smoothness: float = 0.0

    def __call__(self, fused: Tensor, batch: Batch) -> Tensor:
        """Return the loss; see `Content`."""
        thermal, luma = batch.thermal, batch.luma
        brightest = torch.maximum(thermal, luma)
        own, best = (_measures(x, thermal, luma) for x in (fused, brightest))
        total = (
            self.similarity * _short(own[0], best[0] + _of(self.similarity_margin, batch), 0.005)
            + self.edges * _short(own[1], best[1] + _of(self.edges_margin, batch), 0.005)
            + self.information * _short(own[2] / best[2], _of(self.information_share, batch), 0.05)
            + self.fidelity * _short(own[3] / best[3], _of(self.fidelity_share, batch), 0.05)
            + self.level * _short(own[4] / best[4], _of(self.level_share, batch), 0.02)
            + self.heat * _short(warmth(fused, thermal, luma, batch.hot), self.heat_share, 0.01)
            + self.darkness * relative_darkness(fused, thermal, luma)
            + self.smoothness * unevenness(fused, thermal, luma)
        )
        return total.mean()


def _measures(picture: Tensor, thermal: Tensor, luma: Tensor) -> tuple[Tensor, ...]:
    """Return SSIM, Qabf, MI, VIF and the mean level of a picture, (B,) each."""
    pictures = (picture, thermal, luma)
    return (
        1 - dissimilarity(*pictures),
        1 - edge_loss(*pictures),
        information(*pictures).sum(1) + FAINT_INFORMATION,
        fidelity(*pictures).sum(1) + FAINT_FIDELITY,
        picture.mean(dim=(1, 2, 3)) + FAINT_LEVEL,
    )


def _of(margin: float | list[float], batch: Batch) -> Tensor | float:
    """Return the margin of each crop, (B,), where sources have their own."""
    if isinstance(margin, list):
        return torch.tensor(margin, device=batch.source.device)[batch.source]
    return margin


def _short(value: Tensor, wanted: Tensor | float, softness: float) -> Tensor:
    """Return how far a value falls short, fading out within a few `softness` of what is wanted."""
    return softness * F.softplus((wanted - value) / softness)
