# SPDX-License-Identifier: Apache-2.0
"""Learning to give every pixel a class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import Module

from bifuse_core.data.classes import MASK_SETS, SEGMENTATION_CLASSES
from bifuse_core.data.sample import Sample
from bifuse_core.data.truth import true_mask
from bifuse_core.imaging.overlay import draw_mask
from bifuse_core.nets.segmentation.loss import segmentation_loss
from bifuse_core.nets.segmentation.public import load_public
from bifuse_core.nets.segmentation.segformer import Segmenter
from bifuse_core.nets.segmentation.segmenting import size_seen
from bifuse_core.nets.zoo import Trained, create_segmenter, load_segmenter
from bifuse_core.perception.batch import Batch
from bifuse_core.perception.lesson import Measures
from bifuse_core.perception.scoring import SIZE, score_segmenter, tell_classes
from bifuse_core.perception.sources import Source

RARE = {"sidewalk": 2.0, "person": 4.0, "bicycle": 6.0, "vehicle": 2.0, "sign": 3.0}
"""Factors of the pixels of small and rare things in the loss: a bicycle covers one pixel in three
hundred, and a short training would not get to it."""

CLASS_WEIGHTS = tuple(RARE.get(name, 1.0) for name in SEGMENTATION_CLASSES)


@dataclass(frozen=True)
class SegmentationLesson:
    """A segmenter and its masks (a `Lesson`).

    Attributes:
        size: height and width, pixels, at which it sees pictures of 640x480.
    """

    size: tuple[int, int] = size_seen(*SIZE)
    classes: tuple[str, ...] = SEGMENTATION_CLASSES

    def create(self, network: str) -> Segmenter:
        """Return an untrained segmenter."""
        return create_segmenter(network, len(self.classes))

    def load(self, network: str, weights: Path | None) -> Trained[Segmenter]:
        """Return a trained segmenter."""
        return load_segmenter(network, weights)

    def load_public(self, net: Segmenter, file: Path) -> str:
        """Start from a public checkpoint."""
        return f"{file}: {load_public(net, file)}"

    def backbone(self, net: Segmenter) -> Module:
        """Return the encoder."""
        encoder: Module = net.model.segformer
        return encoder

    def losses(self, net: Segmenter, batch: Batch) -> dict[str, Tensor]:
        """Return the cross-entropy of all pixels, by `CLASS_WEIGHTS`."""
        masks = [None] * len(batch.names) if batch.masks is None else list(batch.masks)
        weights = batch.weights.tolist()
        loss = segmentation_loss(
            net(batch.rgb),
            masks,
            sets=MASK_SETS,
            class_weights=CLASS_WEIGHTS,
            picture_weights=weights,
        )
        return {"entropy": loss}

    def measures(self, net: Segmenter, sources: Sequence[Source]) -> Measures:
        """Return intersection over union and accuracy of each class."""
        scores = score_segmenter(net, sources)
        return {"IoU": scores.iou, "accuracy": scores.accuracy}

    def draw_found(self, net: Segmenter, sample: Sample) -> NDArray[np.uint8]:
        """Return the picture with the classes found."""
        return draw_mask(sample.rgb, tell_classes(net, sample.rgb), self.classes)

    def draw_truth(self, sample: Sample) -> NDArray[np.uint8]:
        """Return the picture with the mask that it is scored by."""
        return draw_mask(sample.rgb, true_mask(sample).numpy(), self.classes)
