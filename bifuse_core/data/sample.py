# SPDX-License-Identifier: Apache-2.0
"""One labelled pair, and what every data set is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bifuse_core.imaging.thermal import Limits, ThermalSettings


def no_boxes() -> NDArray[np.float32]:
    """Return an empty array of boxes, (0, 4)."""
    return np.zeros((0, 4), np.float32)


@dataclass(frozen=True, eq=False)
class Sample:
    """One moment seen by both cameras, with what is known of it.

    Attributes:
        name: unique in its data set.
        thermal: (H, W) uint8, uint16 or float32.
        rgb: (H, W, 3) uint8 red, green, blue.
        boxes: (N, 4) float32 left, top, right, bottom in pixels; None where it is not known what is
            there (no label file), empty where it is known that nothing is.
        labels: (N,) int64 indices into the classes of the data set.
        ignore: (M, 4) float32 regions that are neither object nor background, of any class.
        mask: (H, W) uint8 class numbers, 255 unlabelled, and values of `MASK_SETS` where the data
            set was told to keep them (`Options.mask_read_as`); None where there is none.
        meta: what else the layout tells, such as the time of day.
        reference: `rgb` or `thermal`, the camera whose grid all of this lies in.
        valid: (H, W) uint8, 255 where the other camera sees something, else 0: its picture only
            goes on there; None: it sees everything.
    """

    name: str
    thermal: NDArray[Any]
    rgb: NDArray[np.uint8]
    boxes: NDArray[np.float32] | None = None
    labels: NDArray[np.int64] | None = None
    ignore: NDArray[np.float32] = field(default_factory=no_boxes)
    mask: NDArray[np.uint8] | None = None
    meta: dict[str, str] = field(default_factory=dict)
    reference: str = "rgb"
    valid: NDArray[np.uint8] | None = None


class PairDataset(Protocol):
    """Samples by number. Nothing is read before it is asked for, and workers can be sent it."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the box labels; empty where there are no boxes."""

    @property
    def mask_classes(self) -> tuple[str, ...]:
        """Names of the mask values; empty where there are no masks."""

    def __len__(self) -> int: ...

    def __getitem__(self, number: int, /) -> Sample: ...

    def thermal_limits(self, number: int, settings: ThermalSettings, /) -> Limits | None:
        """Return the counts that become 0 and 1 in a sample that follows others in time.

        The first call, of whichever sample, may read a whole recording; what it found is kept, and
        workers are sent it.

        Returns:
            What fusion_node would have applied; None where the picture itself tells its range.
        """
