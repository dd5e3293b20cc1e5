# SPDX-License-Identifier: Apache-2.0
"""The detector that proposes labels, looking at the fused picture and at either camera."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bifuse_core.data.sample import Sample
from bifuse_core.engine.place import choose_device
from bifuse_core.metrics.detection import FoundBoxes
from bifuse_core.nets.detection.fcos import Fcos
from bifuse_core.nets.zoo import Trained, load_detector
from bifuse_core.perception.inputs import Input, input_by_name
from bifuse_core.perception.scoring import find

FUSED = "fused"
"""Name of the look at the fused picture."""

THRESHOLD = 0.3
"""Least score of a box by default, that of fusion_node."""


class Look(NamedTuple):
    """What the detector sees in one picture of a moment."""

    picture: NDArray[np.uint8]
    """(H, W, 3) red, green, blue."""
    found: FoundBoxes
    """In pixels of the picture."""


@dataclass(frozen=True)
class Teacher:
    """A detector and the pictures that it is shown of every pair.

    Attributes:
        trained: the detector.
        inputs: by name, what makes them.
        threshold: least score of a box, in [0, 1].
    """

    trained: Trained[Fcos]
    inputs: Mapping[str, Input]
    threshold: float

    def looks(self, sample: Sample) -> dict[str, Look]:
        """Return what is seen of a pair, its thermal picture in [0, 1], by name of the input."""
        pictures = {name: see(sample) for name, see in self.inputs.items()}
        return {
            name: Look(picture, find(self.trained.net, picture, threshold=self.threshold))
            for name, picture in pictures.items()
        }


def load_teacher(
    network: str, weights: Path | None, fusion: str, threshold: float, device: str
) -> Teacher:
    """Return a teacher that looks at a fusion, at the thermal and at the colour picture.

    Args:
        network: a name of `nets.zoo.DETECTORS`.
        weights: its file; the shipped one by default.
        fusion: a name of `engine.fusions.FUSIONS`, or NAME=WEIGHTS.
        threshold: least score of a box, in [0, 1].
        device: where both run, see `Engine`.

    Raises:
        ValueError: there is no such network, fusion or device.
        CheckpointError: weights cannot be used.
    """
    trained = load_detector(network, weights)
    trained.net.to(choose_device(device))
    inputs = {FUSED: input_by_name(fusion, device)}
    inputs |= {camera: input_by_name(camera) for camera in ("thermal", "rgb")}
    return Teacher(trained, inputs, threshold)
