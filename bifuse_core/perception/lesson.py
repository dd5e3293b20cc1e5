# SPDX-License-Identifier: Apache-2.0
"""What a task network learns, and how it is judged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import Module

from bifuse_core.data.sample import Sample
from bifuse_core.nets.zoo import Trained
from bifuse_core.perception.batch import Batch
from bifuse_core.perception.sources import Source

Network = TypeVar("Network", bound=Module)

Measures = dict[str, dict[str, float]]
"""By measure, the value of each class in [0, 1]; NaN where it cannot be told. The one that counts
most is the first."""


class Lesson(Protocol[Network]):
    """A task with its networks, its loss and its score."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of what the network tells apart."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, pixels, at which the network sees pictures of 640x480."""

    def create(self, network: str) -> Network:
        """Return an untrained network of that name; see `nets.zoo`."""

    def load(self, network: str, weights: Path | None) -> Trained[Network]:
        """Return a trained network of that name; see `nets.zoo`."""

    def load_public(self, net: Network, file: Path) -> str:
        """Start a network from public weights, and tell what of them fitted.

        Raises:
            CheckpointError: the file cannot be used.
        """

    def backbone(self, net: Network) -> Module:
        """Return the part of a network that such weights are mostly for."""

    def losses(self, net: Network, batch: Batch) -> dict[str, Tensor]:
        """Return the parts of the loss, scalars to be summed."""

    def measures(self, net: Network, sources: Sequence[Source]) -> Measures:
        """Judge a network in evaluation mode by some data sets together."""

    def draw_found(self, net: Network, sample: Sample) -> NDArray[np.uint8]:
        """Return the picture of a sample with what a network in evaluation mode finds in it.

        Returns:
            (H, W, 3) red, green, blue.
        """

    def draw_truth(self, sample: Sample) -> NDArray[np.uint8] | None:
        """Return the picture with what is known of it; None where `draw_found` shows that too."""
