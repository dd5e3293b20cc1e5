# SPDX-License-Identifier: Apache-2.0
"""What a task network learns, and how it is judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from torch import Tensor
from torch.nn import Module

from bifuse_core.data.classes import DETECTION_CLASSES
from bifuse_core.nets.detection.fcos import Fcos
from bifuse_core.nets.detection.loss import detection_loss
from bifuse_core.perception.batch import Batch
from bifuse_core.perception.scoring import SIZE, score_detector
from bifuse_core.perception.sources import Source

Network = TypeVar("Network", bound=Module, contravariant=True)


class Lesson(Protocol[Network]):
    """A task with its loss and its score."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of what the network tells apart."""

    def losses(self, net: Network, batch: Batch) -> dict[str, Tensor]:
        """Return the parts of the loss, scalars to be summed."""

    def scores(self, net: Network) -> dict[str, float]:
        """Return figures of a network in evaluation mode, by name; none without pictures for it."""


@dataclass(frozen=True)
class DetectionLesson:
    """Finding persons, bicycles and vehicles.

    Attributes:
        scored: data sets that the network is judged on.
        size: height and width at which it is, see `score_detector`.
    """

    scored: Sequence[Source] = ()
    size: tuple[int, int] = SIZE
    classes: tuple[str, ...] = DETECTION_CLASSES

    def losses(self, net: Fcos, batch: Batch) -> dict[str, Tensor]:
        """Return the parts of the loss of FCOS."""
        return detection_loss(net(batch.rgb), batch.truth)

    def scores(self, net: Fcos) -> dict[str, float]:
        """Return AP50 of each class over all scored data sets that know it."""
        if not self.scored:
            return {}
        ap50 = score_detector(net, self.scored, size=self.size).ap50
        return {f"AP50 {name}": value for name, value in ap50.items()}
