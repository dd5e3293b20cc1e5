# SPDX-License-Identifier: Apache-2.0
"""Bags: the pairs of a rosbag2 recording, without labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bifuse_core.data.bag_reader import is_bag
from bifuse_core.data.bags import BagPairs
from bifuse_core.data.entries import Entry, EntryDataset
from bifuse_core.data.faults import Report
from bifuse_core.data.layouts.layout import Layout, Options, listed
from bifuse_core.data.pairs import ImagePair
from bifuse_core.imaging.thermal import Limits, ThermalSettings


@dataclass(frozen=True)
class BagPair:
    """One pair of a bag."""

    bag: BagPairs
    number: int

    @property
    def name(self) -> str:
        """That of the pair in the bag."""
        return self.bag.name(self.number)

    def read(self) -> ImagePair:
        """Read it (see `BagPairs`)."""
        return self.bag[self.number]

    def thermal_limits(self, settings: ThermalSettings) -> Limits | None:
        """Return its thermal range (see `BagPairs`)."""
        return self.bag.thermal_limits(settings)[self.number]


def _read(path: Path, options: Options, report: Report) -> EntryDataset:
    bag = BagPairs(path, options.topics, options.sync)
    pairs = [BagPair(bag, number) for number in range(len(bag))]
    chosen = listed(pairs, (path.parent,), options.split, report)
    return EntryDataset(tuple(Entry(pair, limits=pair) for pair in chosen))


BAG = Layout("bag", "a rosbag2 folder, .mcap or .db3 file with two image topics", is_bag, _read)
