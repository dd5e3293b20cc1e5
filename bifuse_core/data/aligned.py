# SPDX-License-Identifier: Apache-2.0
"""Data sets of cameras that do not see the same pixels, aligned as fusion_node does it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from bifuse_core.data.camera_infos import known_cameras
from bifuse_core.data.entries import EntryDataset, PairReader
from bifuse_core.data.layouts.layout import Options
from bifuse_core.imaging.alignment.rig import Rig
from bifuse_core.imaging.thermal import Limits, ThermalNormaliser, ThermalSettings


@dataclass(frozen=True)
class OwnLimits:
    """The thermal range of a picture that stands alone, as the camera took it: before the warp.

    Attributes:
        pair: the pictures.
    """

    pair: PairReader
    _found: dict[ThermalSettings, Limits | None] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def thermal_limits(self, settings: ThermalSettings) -> Limits | None:
        """See `LimitsReader`; the first call reads the picture, unless the range is fixed.

        Raises:
            PairError: it cannot be read.
            ValueError: no pixel of it is finite.
        """
        if settings.range == "fixed":
            return None
        if settings not in self._found:
            thermal = self.pair.read().thermal
            measured = settings.measures(thermal.dtype)
            limits = ThermalNormaliser(settings).limits(thermal, 0) if measured else None
            self._found[settings] = limits
        return self._found[settings]


def aligned(dataset: EntryDataset, path: Path, options: Options) -> EntryDataset:
    """Return a data set whose pairs are brought into the grid of the reference.

    Args:
        dataset: as the cameras took it; boxes and masks lie in the grid of the reference.
        path: of the data set, where its camera_info is looked for.
        options: tell the alignment.

    Raises:
        PairError: a camera_info is needed and not there.
        ValueError: it is none of a calibrated camera.
    """
    cameras = known_cameras(path, options)
    rig = Rig(options.alignment, options.reference, cameras.__getitem__)
    entries = tuple(
        replace(entry, rig=rig, limits=entry.limits or OwnLimits(entry.pair))
        for entry in dataset.entries
    )
    return replace(dataset, entries=entries)
