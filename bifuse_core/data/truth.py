# SPDX-License-Identifier: Apache-2.0
"""What is known of a sample, as the metrics take it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from bifuse_core.data.classes import MASK_SETS
from bifuse_core.data.sample import Sample
from bifuse_core.data.tensors import TensorSample
from bifuse_core.metrics.detection import EVERY_CLASS, TrueBoxes
from bifuse_core.metrics.unlabelled import UNLABELLED

Labelled = Sample | TensorSample
"""A sample; of tensors, on the CPU."""


def true_boxes(sample: Labelled) -> TrueBoxes:
    """Return the boxes of a sample for `score_detection`; its regions to ignore are of every class.

    Raises:
        ValueError: it is not known what is there, so that nothing found could be judged.
    """
    if sample.boxes is None or sample.labels is None:
        raise ValueError(f"{sample.name}: has no boxes to score by; leave it out")
    boxes, ignore = np.asarray(sample.boxes), np.asarray(sample.ignore)
    ignored = np.arange(len(boxes) + len(ignore)) >= len(boxes)
    labels = np.concatenate([np.asarray(sample.labels), np.full(len(ignore), EVERY_CLASS)])
    return TrueBoxes(np.concatenate([boxes, ignore]), labels, ignored)


def true_mask(sample: Labelled) -> Tensor:
    """Return the mask of a sample for `confusion_matrix`, (H, W) class numbers, 255 unlabelled.

    Pixels of which only a set of classes is known (`MASK_SETS`) are unlabelled: they say of no
    single class that it is there.

    Raises:
        ValueError: it has none.
    """
    if sample.mask is None:
        raise ValueError(f"{sample.name}: has no mask to score by; leave it out")
    mask = torch.as_tensor(sample.mask)
    for value in MASK_SETS:
        mask = mask.where(mask != value, UNLABELLED)
    return mask
