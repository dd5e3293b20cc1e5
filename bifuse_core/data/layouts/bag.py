# SPDX-License-Identifier: Apache-2.0
"""Bags: the pairs of a rosbag2 recording, with boxes where a COCO file beside it has some.

The file calls a picture by the stamp of its RGB image in nanoseconds, as `label` does: so what was
drawn stays with its picture, however images are paired.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bifuse_core.data.annotations.coco import read_coco
from bifuse_core.data.bag_reader import is_bag
from bifuse_core.data.bags import BagPairs
from bifuse_core.data.entries import Entry, EntryDataset
from bifuse_core.data.faults import LabelError, Report
from bifuse_core.data.layouts.layout import Layout, Options, listed
from bifuse_core.data.pairs import ImagePair
from bifuse_core.imaging.thermal import Limits, ThermalSettings
from bifuse_core.streams.pairing import RGB


@dataclass(frozen=True)
class BagPair:
    """One pair of a bag."""

    bag: BagPairs
    number: int

    @property
    def name(self) -> str:
        """That of the pair in the bag."""
        return self.bag.name(self.number)

    @property
    def stamp(self) -> int:
        """Time of its RGB image, nanoseconds."""
        return self.bag.index[self.number][RGB].stamp

    def read(self) -> ImagePair:
        """Read it (see `BagPairs`)."""
        return self.bag[self.number]

    def thermal_limits(self, settings: ThermalSettings) -> Limits | None:
        """Return its thermal range (see `BagPairs`)."""
        return self.bag.thermal_limits(settings)[self.number]


def _read(path: Path, options: Options, report: Report) -> EntryDataset:
    bag = BagPairs(path, options.topics, options.sync, options.one_size, options.reference)
    pairs = [BagPair(bag, number) for number in range(len(bag))]
    chosen = listed(pairs, (path.parent,), options.split, report)
    if not options.annotated or options.labels == Options.labels:
        return EntryDataset(tuple(Entry(pair, limits=pair) for pair in chosen))
    labels = read_coco(path.parent / options.labels, options.classes, report)
    # Programs for drawing boxes put folders before the names.
    by_stamp = {stem: image for (_, stem), image in labels.images.items()}
    for stamp in sorted(by_stamp.keys() - {str(pair.stamp) for pair in pairs}):
        report(LabelError(f"{by_stamp[stamp].where}: is the stamp of no pair in {path}"))
    entries = (Entry(pair, by_stamp.get(str(pair.stamp)), limits=pair) for pair in chosen)
    return EntryDataset(tuple(entries), labels.classes)


BAG = Layout("bag", "a rosbag2 folder, .mcap or .db3 file with two image topics", is_bag, _read)
