# SPDX-License-Identifier: Apache-2.0
"""The detection task: what a detector finds in the fused picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from bifuse_core.bilevel.batch import Batch
from bifuse_core.bilevel.sections import DETECTION, LabelSettings
from bifuse_core.data.tensors import TensorSample
from bifuse_core.nets.detection.loss import Truth, detection_loss


@dataclass
class DetectionTask:
    """The task P of the paper as detection; both its losses are that of the detector (section 3.1).

    Attributes:
        net: the detector T_P, for `DETECTION_CLASSES`.
        labels: of each source, what is known of its pictures.
        name: of the task.
    """

    net: nn.Module
    labels: Sequence[LabelSettings]
    name: str = field(default=DETECTION)

    def lower(self, fused: Tensor, batch: Batch) -> Tensor:
        """Return phi_P, a scalar; crops without labels add nothing."""
        sources = batch.source.tolist()
        truth = [self._truth(*known) for known in zip(batch.samples, sources, strict=True)]
        parts = detection_loss(self.net(batch.coloured(fused)), truth)
        return torch.stack(list(parts.values())).sum()

    def upper(self, fused: Tensor, batch: Batch) -> Tensor:
        """Return Phi_P, which is the same loss."""
        return self.lower(fused, batch)

    def _truth(self, sample: TensorSample, source: int) -> Truth | None:
        if sample.boxes is None or sample.labels is None:
            return None
        labels = self.labels[source]
        device = next(self.net.parameters()).device
        return Truth(
            sample.boxes.to(device),
            sample.labels.to(device),
            sample.ignore.to(device),
            torch.tensor(labels.is_known, device=device),
            labels.weight,
        )
