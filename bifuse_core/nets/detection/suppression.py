# SPDX-License-Identifier: Apache-2.0
"""Non-maximum suppression: of boxes that overlap, the surest stays."""

from __future__ import annotations

import torch
from torch import Tensor

from bifuse_core.nets.detection.boxes import iou


def suppress(boxes: Tensor, scores: Tensor, labels: Tensor, overlap: float) -> Tensor:
    """Return the numbers of the boxes that stay, surest first.

    A box goes if a surer one of its class, which itself stays, has an intersection over union with
    it above `overlap`; of equal scores the earlier is surer.

    The rule is greedy, but is applied to all boxes at once: who would be suppressed by those that
    stay so far is found anew until nothing changes, at most as often as the longest chain of boxes
    that suppress each other is long.

    Args:
        boxes: (N, 4) left, top, right, bottom, pixels.
        scores: (N,).
        labels: (N,) int64.
        overlap: in [0, 1].
    """
    order = scores.argsort(descending=True, stable=True)
    boxes, labels = boxes[order], labels[order]
    rivals = (iou(boxes[:, None], boxes) > overlap) & (labels[:, None] == labels)
    # Row i, column j: i is surer than j.
    rivals = rivals.triu(diagonal=1).to(boxes.dtype)
    stays = torch.ones_like(scores, dtype=torch.bool)
    for _ in range(len(boxes)):
        found = stays.to(boxes.dtype) @ rivals == 0
        if torch.equal(found, stays):
            break
        stays = found
    return order[stays]
