# SPDX-License-Identifier: Apache-2.0
"""The segmentation task: how well every pixel of the fused picture is labelled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor, nn

from bifuse_core.bilevel.batch import Batch
from bifuse_core.bilevel.sections import SEGMENTATION, LabelSettings
from bifuse_core.data.classes import CLASS_WEIGHTS, MASK_SETS
from bifuse_core.nets.segmentation.loss import segmentation_loss


@dataclass
class SegmentationTask:
    """The task P of the paper as segmentation; both its losses are the cross-entropy (section 3.1).

    Attributes:
        net: the segmenter T_P, for `SEGMENTATION_CLASSES`.
        labels: of each source; tell the weight of its pictures.
        name: of the task.
    """

    net: nn.Module
    labels: Sequence[LabelSettings]
    name: str = field(default=SEGMENTATION)

    def lower(self, fused: Tensor, batch: Batch) -> Tensor:
        """Return phi_P, a scalar; crops without a mask add nothing."""
        return segmentation_loss(
            self.net(batch.coloured(fused)),
            [sample.mask for sample in batch.samples],
            sets=MASK_SETS,
            class_weights=CLASS_WEIGHTS,
            picture_weights=[self.labels[source].weight for source in batch.source.tolist()],
        )

    def upper(self, fused: Tensor, batch: Batch) -> Tensor:
        """Return Phi_P, which is the same loss."""
        return self.lower(fused, batch)
