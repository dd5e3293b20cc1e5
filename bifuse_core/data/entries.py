# SPDX-License-Identifier: Apache-2.0
"""A data set as a list of where things lie; all layouts come down to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bifuse_core.data.annotations.boxes import BoxReader
from bifuse_core.data.annotations.masks import MaskFile
from bifuse_core.data.faults import PairError, PictureError, Report, refuse
from bifuse_core.data.pairs import ImagePair
from bifuse_core.data.sample import Sample, no_boxes
from bifuse_core.imaging.alignment.rig import InOneGrid, Rig
from bifuse_core.imaging.thermal import Limits, ThermalSettings


class PairReader(Protocol):
    """Where the two pictures of a sample come from; small and picklable."""

    @property
    def name(self) -> str:
        """Unique in the data set."""

    def read(self) -> ImagePair:
        """Read both pictures.

        Raises:
            PairError: they cannot be read.
        """


class LimitsReader(Protocol):
    """Knows the thermal range of a picture that follows others in time; small and picklable."""

    def thermal_limits(self, settings: ThermalSettings) -> Limits | None:
        """Return the counts that fusion_node would have made 0 and 1; None: it measures none."""


@dataclass(frozen=True)
class Entry:
    """Where the parts of one sample lie.

    Attributes:
        pair: the pictures.
        boxes: its boxes; None where it is not known what is there.
        mask: its mask, if it has one.
        meta: see `Sample`.
        limits: its thermal range; None where the picture itself tells it.
        rig: aligns the pictures; None where they are aligned.
    """

    pair: PairReader
    boxes: BoxReader | None = None
    mask: MaskFile | None = None
    meta: dict[str, str] = field(default_factory=dict)
    limits: LimitsReader | None = None
    rig: Rig | None = None

    def read(self, report: Report = refuse) -> Sample | None:
        """Read the sample.

        Args:
            report: told of each fault; by default the first one is raised.

        Returns:
            The sample without what is faulty; None where the pictures are, since boxes and masks
            cannot be judged without their size.
        """
        try:
            name, thermal, rgb = self.pair.read()
            valid = None
            if self.rig:
                thermal, rgb, valid = _aligned(self.rig, name, thermal, rgb)
        except PairError as fault:
            report(fault)
            return None
        height, width = thermal.shape
        found = self.boxes.read(height, width, report) if self.boxes else None
        return Sample(
            name,
            thermal,
            rgb,
            found.boxes if found else None,
            found.labels if found else None,
            found.ignore if found else no_boxes(),
            self.mask.read(height, width, report) if self.mask else None,
            dict(self.meta),
            self.rig.reference if self.rig else "rgb",
            valid,
        )


def _aligned(rig: Rig, name: str, thermal: NDArray[Any], rgb: NDArray[np.uint8]) -> InOneGrid:
    try:
        return rig(thermal, rgb)
    except ValueError as error:
        raise PictureError(f"{name}: {error}") from error


@dataclass(frozen=True)
class EntryDataset:
    """A data set of entries (a `PairDataset`).

    Attributes:
        entries: in order.
        classes: names of the box labels.
        mask_classes: names of the mask values.
        faults: what was found wrong while listing; the entries are without it.
    """

    entries: tuple[Entry, ...]
    classes: tuple[str, ...] = ()
    mask_classes: tuple[str, ...] = ()
    faults: tuple[PairError, ...] = ()

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, number: int) -> Sample:
        """Read a sample.

        Raises:
            IndexError: there are not so many.
            PairError: the sample has a fault.
        """
        sample = self.entries[number].read()
        assert sample is not None
        return sample

    def thermal_limits(self, number: int, settings: ThermalSettings) -> Limits | None:
        """Return the thermal range of a sample (see `PairDataset`)."""
        reader = self.entries[number].limits
        return reader.thermal_limits(settings) if reader else None
