# SPDX-License-Identifier: Apache-2.0
"""How well task networks see what is in labelled pictures, at the sizes at which they run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bifuse_core.data.classes import DETECTION_CLASSES, SEGMENTATION_CLASSES
from bifuse_core.data.truth import true_boxes, true_mask
from bifuse_core.imaging.fitting import fitted
from bifuse_core.metrics.detection import (
    DetectionScores,
    FoundBoxes,
    TrueBoxes,
    score_detection,
)
from bifuse_core.metrics.segmentation import (
    SegmentationScores,
    confusion_matrix,
    score_segmentation,
)
from bifuse_core.nets.detection.decoding import detect
from bifuse_core.nets.detection.fcos import Fcos
from bifuse_core.nets.segmentation.segformer import Segmenter
from bifuse_core.nets.segmentation.segmenting import segment
from bifuse_core.perception.batch import WHITE
from bifuse_core.perception.sources import Source

SIZE = (480, 640)
"""Height and width that pictures are brought into, pixels: what the robot's cameras have."""

THRESHOLD = 0.01
"""Least score of a box that counts; less than is worth showing, since precision is asked at every
recall."""


def score_detector(
    net: Fcos, sources: Sequence[Source], *, size: tuple[int, int] = SIZE
) -> DetectionScores:
    """Score a detector over the pictures of some data sets together.

    Each class is scored over the data sets that know all its objects; NaN where none does.

    Args:
        net: in evaluation mode; its classes are those of `DETECTION_CLASSES`.
        sources: with boxes, labelled in these classes.
        size: height and width that pictures are brought into, pixels.
    """
    truth = [[true_boxes(sample) for sample in source.samples] for source in sources]
    found = [
        [find(net, sample.rgb, threshold=THRESHOLD, size=size) for sample in source.samples]
        for source in sources
    ]
    ap50, ap = {}, {}
    for number, name in enumerate(DETECTION_CLASSES):
        knowing = [n for n, source in enumerate(sources) if source.known[number]]
        scores = _score([truth[n] for n in knowing], [found[n] for n in knowing])
        ap50[name], ap[name] = scores.ap50[name], scores.ap[name]
    return DetectionScores(ap50, ap)


def find(
    net: Fcos, picture: NDArray[np.uint8], *, threshold: float, size: tuple[int, int] = SIZE
) -> FoundBoxes:
    """Return what a detector finds, in pixels of the picture.

    Args:
        net: in evaluation mode.
        picture: (H, W, 3) red, green, blue; the detector sees it as large as it fits into `size`.
        threshold: least score.
        size: height and width, pixels.
    """
    small, back = fitted(picture, size[1], size[0])
    (found,) = detect(net, _as_tensor(small, net), threshold=threshold)
    boxes = found.boxes.cpu().numpy() * back
    return FoundBoxes(boxes, found.labels.cpu().numpy(), found.scores.cpu().numpy())


def score_segmenter(net: Segmenter, sources: Sequence[Source]) -> SegmentationScores:
    """Score a segmenter over the pixels of some data sets together.

    Args:
        net: in evaluation mode; its classes are those of `SEGMENTATION_CLASSES`.
        sources: with masks.
    """
    classes = len(SEGMENTATION_CLASSES)
    confusion = torch.zeros(classes, classes + 1, dtype=torch.int64)
    for source in sources:
        for sample in source.samples:
            found = torch.from_numpy(tell_classes(net, sample.rgb))
            confusion += confusion_matrix(true_mask(sample), found, classes)
    return score_segmentation(confusion, SEGMENTATION_CLASSES)


def tell_classes(net: Segmenter, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the class numbers (H, W) that a segmenter in evaluation mode gives a picture.

    Args:
        net: the segmenter.
        picture: (H, W, 3) red, green, blue.
    """
    return segment(net, _as_tensor(picture, net))[0].cpu().numpy()


def _as_tensor(picture: NDArray[np.uint8], net: nn.Module) -> Tensor:
    """Return (1, 3, H, W) in [0, 1] where the network is."""
    rgb = torch.from_numpy(np.ascontiguousarray(picture)).to(next(net.parameters()).device)
    return rgb.permute(2, 0, 1)[None].float() / WHITE


def _score(
    truth: Sequence[Sequence[TrueBoxes]], found: Sequence[Sequence[FoundBoxes]]
) -> DetectionScores:
    pictures = [one for of_source in truth for one in of_source]
    answers = [one for of_source in found for one in of_source]
    return score_detection(pictures, answers, DETECTION_CLASSES)
