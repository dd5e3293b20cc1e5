# SPDX-License-Identifier: Apache-2.0
"""Accuracy and intersection over union of class masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bifuse_core.metrics.unlabelled import UNLABELLED


def confusion_matrix(truth: Tensor, predicted: Tensor, classes: int) -> Tensor:
    """Count which class was taken for which. Matrices of several pictures may be added.

    Pixels unlabelled in the truth do not count. Pixels unlabelled in the prediction alone are
    misses: they are counted in a last column that belongs to no class.

    Args:
        truth: any shape of whole numbers: 0 to `classes` - 1, or 255 for unlabelled.
        predicted: the same shape, likewise.
        classes: number of classes, at most 255.

    Returns:
        (classes, classes + 1) int64: truth down, prediction across.

    Raises:
        ValueError: the shapes differ, or a value is neither a class nor 255.
    """
    if truth.shape != predicted.shape:
        raise ValueError(
            f"masks differ in shape: truth {tuple(truth.shape)}, predicted {tuple(predicted.shape)}"
        )
    for name, mask in (("truth", truth), ("predicted", predicted)):
        strange = (mask != UNLABELLED) & ((mask < 0) | (mask >= classes))
        if strange.any():
            raise ValueError(
                f"{name} mask holds {mask[strange][0].item()}, which is neither a class "
                f"(0 to {classes - 1}) nor {UNLABELLED}"
            )
    labelled = truth != UNLABELLED
    rows, columns = truth[labelled].long(), predicted[labelled].long().clamp_max(classes)
    counts = torch.bincount(rows * (classes + 1) + columns, minlength=classes * (classes + 1))
    return counts.view(classes, classes + 1)


@dataclass(frozen=True)
class SegmentationScores:
    """Scores in [0, 1] by class name.

    A class that the truth never shows has no score: NaN, and left out of the means, even where it
    was predicted (the classes that it was taken for already pay for that).
    """

    accuracy: dict[str, float]
    """Share of a class's true pixels that were found."""
    iou: dict[str, float]
    """Intersection over union."""
    mean_accuracy: float
    """mAcc; NaN if nothing is labelled."""
    mean_iou: float
    """mIoU; NaN if nothing is labelled."""


def score_segmentation(confusion: Tensor, classes: Sequence[str]) -> SegmentationScores:
    """Return the scores of a confusion matrix.

    Args:
        confusion: (K, K + 1), a sum of matrices of `confusion_matrix`.
        classes: the K names.

    Raises:
        ValueError: names and matrix do not fit.
    """
    if confusion.shape != (len(classes), len(classes) + 1):
        raise ValueError(f"{len(classes)} classes, but a matrix {tuple(confusion.shape)}")
    counts = confusion.double().cpu()
    hits, true = counts.diagonal(), counts.sum(1)
    union = true + counts[:, :-1].sum(0) - hits
    accuracy = torch.where(true > 0, hits / true, torch.nan)
    iou = torch.where(true > 0, hits / union, torch.nan)
    return SegmentationScores(
        accuracy=dict(zip(classes, accuracy.tolist(), strict=True)),
        iou=dict(zip(classes, iou.tolist(), strict=True)),
        mean_accuracy=accuracy.nanmean().item(),
        mean_iou=iou.nanmean().item(),
    )
