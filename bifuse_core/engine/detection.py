# SPDX-License-Identifier: Apache-2.0
"""Boxes in a picture of any size, by a detector that looks at pictures of its own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bifuse_core.engine.cuda_graphs import CudaGraphs
from bifuse_core.engine.perception import Objects
from bifuse_core.engine.place import Place
from bifuse_core.engine.tensors import download, levels_to_unit, upload
from bifuse_core.imaging.fitting import fit_within
from bifuse_core.nets.detection.decoding import CANDIDATES, chosen, look
from bifuse_core.nets.detection.fcos import Fcos
from bifuse_core.nets.zoo import load_detector


@dataclass(frozen=True)
class DetectionSettings:
    """What is looked for, and how.

    Attributes:
        threshold: least score, 0 to 1.
        overlap: intersection over union, 0 to 1, above which the less sure of two boxes of a class
            goes.
        maximum: objects a picture.
        classes: names of the classes that are reported; None: all.
        width: columns that the picture is scaled to fit within, for the detector's eyes.
        height: rows that the picture is scaled to fit within.
    """

    threshold: float = 0.3
    overlap: float = 0.5
    maximum: int = 100
    classes: tuple[str, ...] | None = None
    width: int = 640
    height: int = 480


def look_at_levels(net: Fcos, dtype: torch.dtype, picture: Tensor) -> Tensor:
    """See where objects may be; nothing depends on what is shown but the values of the result.

    Args:
        net: a detector in evaluation mode, in that precision, or what takes its place.
        dtype: the precision to compute in.
        picture: (H, W, 3) uint8 red, green, blue.

    Returns:
        (1, M, 6) float32, see `bifuse_core.nets.detection.decoding.surest`.
    """
    return look(net, levels_to_unit(picture, dtype))


class PictureDetector:
    """A detector with its weights on a device.

    Args:
        name: a name in `bifuse_core.nets.zoo.DETECTORS`.
        weights: weights file; the shipped one by default.
        place: where it runs.

    Attributes:
        name: as above.
        checksum: SHA-256 of its weights.
        classes: names of the classes 0, 1, ..., which come with its weights.
        graphs: its CUDA graphs; None where it runs without.

    Raises:
        ValueError: there is no detector of that name; the message lists the names.
        CheckpointError: the weights cannot be used.
    """

    def __init__(self, name: str, weights: Path | None, place: Place) -> None:
        trained = load_detector(name, weights)
        self.name, self.checksum, self.classes = name, trained.checksum, trained.classes
        net = place.prepared(name, trained.net, memory_format=torch.channels_last)
        self._run, self._device = partial(look_at_levels, net, place.dtype), place.device
        self.graphs = CudaGraphs(self._run, place.capture) if place.capture else None

    def check(self, settings: DetectionSettings) -> None:
        """Refuse settings that name a class which the detector does not know.

        Raises:
            ValueError: the message names it and the choices.
        """
        for name in settings.classes or ():
            if name not in self.classes:
                known = ", ".join(self.classes)
                raise ValueError(
                    f"detection.classes: {self.name} knows no {name!r}; choose from {known}"
                )

    @torch.inference_mode()
    def __call__(self, picture: NDArray[np.uint8], settings: DetectionSettings) -> Objects:
        """Return the objects in a picture (H, W, 3) of red, green, blue."""
        fitted = fit_within(picture, settings.height, settings.width)
        listed = download((self.graphs or self._run)(upload(fitted.picture, self._device)))
        # The classes that are not asked for must not take the places of those that are.
        (found,) = chosen(
            torch.from_numpy(listed),
            threshold=settings.threshold,
            overlap=settings.overlap,
            most=CANDIDATES,
        )
        boxes, scores, labels = (part.numpy() for part in found)
        if settings.classes is not None:
            wanted = np.isin(labels, [self.classes.index(name) for name in settings.classes])
            boxes, scores, labels = boxes[wanted], scores[wanted], labels[wanted]
        most = settings.maximum
        return Objects(boxes[:most] * fitted.back, scores[:most], labels[:most])
