# SPDX-License-Identifier: Apache-2.0
"""Average precision of boxes, as COCO counts it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

EVERY_CLASS = -1
"""The label of a region to ignore whatever is found in it."""


class TrueBoxes(NamedTuple):
    """What is to be found in one picture."""

    boxes: ArrayLike
    """(N, 4) left, top, right, bottom in pixels."""
    labels: ArrayLike
    """(N,) class numbers; -1 for regions to ignore for every class."""
    ignore: ArrayLike = ()
    """(N,) bool, or empty for none: regions where finding or missing that class costs nothing."""


class FoundBoxes(NamedTuple):
    """What a detector says of one picture."""

    boxes: ArrayLike
    """(N, 4) left, top, right, bottom in pixels."""
    labels: ArrayLike
    """(N,) class numbers."""
    scores: ArrayLike
    """(N,), higher is surer; the 100 highest of each class count."""


@dataclass(frozen=True)
class DetectionScores:
    """Average precision, in [0, 1], by class name.

    A class without a true box has no precision: NaN, and left out of the means.
    """

    ap50: dict[str, float]
    """At an intersection over union of 0.5."""
    ap: dict[str, float]
    """Mean over 0.5, 0.55, ..., 0.95."""

    @property
    def map50(self) -> float:
        """Mean of `ap50`; NaN if no class has a true box."""
        return _mean(self.ap50)

    @property
    def map(self) -> float:
        """Mean of `ap`, the COCO metric; NaN if no class has a true box."""
        return _mean(self.ap)


def score_detection(
    truth: Sequence[TrueBoxes], found: Sequence[FoundBoxes], classes: Sequence[str]
) -> DetectionScores:
    """Score a detector on some pictures.

    Args:
        truth: one entry a picture; pictures without objects count.
        found: one entry a picture, in the same order.
        classes: names of the class numbers 0, 1, ...

    Raises:
        ValueError: the two differ in length, or boxes, labels or scores do not fit each other;
            the message names the picture.
        ImportError: faster-coco-eval is not installed.
    """
    if len(truth) != len(found):
        raise ValueError(f"{len(truth)} pictures have a truth, {len(found)} have detections")
    # Here, so that a robot, which scores nothing, does not need it.
    from faster_coco_eval import COCO, COCOeval_faster

    true = [a for n, boxes in enumerate(truth) for a in _true_annotations(n, boxes, len(classes))]
    dataset = COCO(
        {
            "images": [{"id": number} for number in range(len(truth))],
            "categories": [{"id": number, "name": name} for number, name in enumerate(classes)],
            "annotations": [{"id": number, **a} for number, a in enumerate(true, start=1)],
        }
    )
    results = [a for n, boxes in enumerate(found) for a in _found_annotations(n, boxes, classes)]
    evaluation = COCOeval_faster(dataset, dataset.loadRes(results), iouType="bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    # Thresholds, recalls, classes, areas, numbers of detections; -1 without a true box.
    precision = evaluation.eval["precision"][:, :, :, 0, -1]
    by_threshold = np.where(precision < 0, np.nan, precision).mean(axis=1)
    return DetectionScores(
        ap50={name: float(by_threshold[0, k]) for k, name in enumerate(classes)},
        ap={name: float(by_threshold[:, k].mean()) for k, name in enumerate(classes)},
    )


def _true_annotations(number: int, truth: TrueBoxes, classes: int) -> list[dict[str, Any]]:
    boxes, labels = _fitting(number, "true", truth.boxes, truth.labels)
    ignore = np.asarray(truth.ignore, dtype=bool)
    if ignore.size == 0:
        ignore = np.zeros(len(boxes), dtype=bool)
    if ignore.shape != labels.shape:
        raise ValueError(f"picture {number}: {len(boxes)} true boxes, {len(ignore)} ignore flags")
    every = ignore & (labels == EVERY_CLASS)
    _check_labels(number, "true", labels[~every], classes)
    # COCO has no such label: the region is there once for each class.
    boxes = np.concatenate([boxes[~every], np.repeat(boxes[every], classes, axis=0)])
    labels = np.concatenate([labels[~every], np.tile(np.arange(classes), int(every.sum()))])
    ignore = np.concatenate([ignore[~every], np.ones(len(boxes) - int((~every).sum()), dtype=bool)])
    return [
        {**annotation, "iscrowd": int(crowd)}
        for annotation, crowd in zip(_annotations(number, boxes, labels), ignore, strict=True)
    ]


def _found_annotations(
    number: int, found: FoundBoxes, classes: Sequence[str]
) -> list[dict[str, Any]]:
    boxes, labels = _fitting(number, "found", found.boxes, found.labels)
    _check_labels(number, "found", labels, len(classes))
    scores = np.asarray(found.scores, dtype=np.float64)
    if scores.shape != labels.shape or not np.isfinite(scores).all():
        raise ValueError(f"picture {number}: {len(boxes)} found boxes need as many finite scores")
    return [
        {**annotation, "score": float(score)}
        for annotation, score in zip(_annotations(number, boxes, labels), scores, strict=True)
    ]


def _annotations(
    number: int, boxes: NDArray[np.float64], labels: NDArray[np.int64]
) -> list[dict[str, Any]]:
    sizes = boxes[:, 2:] - boxes[:, :2]
    return [
        {
            "image_id": number,
            "category_id": int(label),
            "bbox": [*box[:2].tolist(), *size.tolist()],
            "area": float(size.prod()),
        }
        for box, size, label in zip(boxes, sizes, labels, strict=True)
    ]


def _fitting(
    number: int, kind: str, boxes: ArrayLike, labels: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    corners = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    names = np.asarray(labels, dtype=np.int64).reshape(-1)
    if len(corners) != len(names):
        raise ValueError(f"picture {number}: {len(corners)} {kind} boxes, {len(names)} labels")
    if not (np.isfinite(corners).all() and (corners[:, 2:] >= corners[:, :2]).all()):
        raise ValueError(f"picture {number}: {kind} boxes are left, top, right, bottom, finite")
    return corners, names


def _check_labels(number: int, kind: str, labels: NDArray[np.int64], classes: int) -> None:
    if ((labels < 0) | (labels >= classes)).any():
        raise ValueError(f"picture {number}: {kind} labels are 0 to {classes - 1}")


def _mean(by_class: dict[str, float]) -> float:
    known = [value for value in by_class.values() if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
