# SPDX-License-Identifier: Apache-2.0
"""Learning to find persons, bicycles and vehicles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import Module

from bifuse_core.data.classes import DETECTION_CLASSES
from bifuse_core.data.sample import Sample
from bifuse_core.imaging.overlay import draw_boxes
from bifuse_core.nets.detection.fcos import Fcos
from bifuse_core.nets.detection.loss import detection_loss
from bifuse_core.nets.zoo import Trained, create_detector, load_detector
from bifuse_core.perception.batch import Batch
from bifuse_core.perception.lesson import Measures
from bifuse_core.perception.scoring import SIZE, find, score_detector
from bifuse_core.perception.sources import Source

SURE = 0.4
"""Least score of a box that is drawn."""

WHITE = (255, 255, 255)
"""Of true boxes."""


@dataclass(frozen=True)
class DetectionLesson:
    """A detector and its labels (a `Lesson`).

    Attributes:
        size: height and width at which it is judged, pixels, see `score_detector`.
    """

    size: tuple[int, int] = SIZE
    classes: tuple[str, ...] = DETECTION_CLASSES

    def create(self, network: str) -> Fcos:
        """Return an untrained detector."""
        return create_detector(network, len(self.classes))

    def load(self, network: str, weights: Path | None) -> Trained[Fcos]:
        """Return a trained detector."""
        return load_detector(network, weights)

    def load_public(self, net: Fcos, file: Path) -> str:
        """Start the backbone from public weights."""
        return f"{file}: {net.load_public(file)}"

    def backbone(self, net: Fcos) -> Module:
        """Return the backbone."""
        return net.backbone

    def losses(self, net: Fcos, batch: Batch) -> dict[str, Tensor]:
        """Return the parts of the loss of FCOS."""
        return detection_loss(net(batch.rgb), batch.truth)

    def measures(self, net: Fcos, sources: Sequence[Source]) -> Measures:
        """Return average precision of each class, over the data sets that know it."""
        scores = score_detector(net, sources, size=self.size)
        return {"AP50": scores.ap50, "AP": scores.ap}

    def draw_found(self, net: Fcos, sample: Sample) -> NDArray[np.uint8]:
        """Return the picture with the boxes found on top of the true ones, which are white."""
        drawn = sample.rgb.copy()
        true = np.zeros((0, 4)) if sample.boxes is None else sample.boxes
        for left, top, right, bottom in np.rint(true).astype(int).tolist():
            cv2.rectangle(drawn, (left, top), (right - 1, bottom - 1), WHITE)
        found = find(net, sample.rgb, threshold=SURE, size=self.size)
        boxes, scores, labels = (
            np.asarray(part) for part in (found.boxes, found.scores, found.labels)
        )
        return draw_boxes(drawn, boxes, scores, labels, self.classes)

    def draw_truth(self, sample: Sample) -> None:
        """Return nothing: true boxes are in `draw_found`."""
