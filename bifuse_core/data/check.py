# SPDX-License-Identifier: Apache-2.0
"""Look through a whole data set in one pass: every fault, and what is in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from bifuse_core.data.entries import Entry, EntryDataset
from bifuse_core.data.faults import PairError, PictureError
from bifuse_core.data.pictures import size_of
from bifuse_core.data.sample import Sample
from bifuse_core.imaging.thermal import LARGEST_FLOAT, finite


@dataclass
class Findings:
    """What a data set holds.

    Attributes:
        faults: everything that is wrong, in the order it was met.
        samples: how many there are.
        sound: how many of them are without fault.
        sizes: samples of each size, such as `640x480`.
        types: samples of each type of thermal counts.
        unknown: samples without a label file.
        empty: samples where nothing is there.
        boxes: boxes of each class, by number.
        ignored: regions to ignore.
        masks: samples with a mask.
        pixels: mask pixels of each value.
    """

    faults: list[PairError] = field(default_factory=list)
    samples: int = 0
    sound: int = 0
    sizes: Counter[str] = field(default_factory=Counter)
    types: Counter[str] = field(default_factory=Counter)
    unknown: int = 0
    empty: int = 0
    boxes: Counter[int] = field(default_factory=Counter)
    ignored: int = 0
    masks: int = 0
    pixels: Counter[int] = field(default_factory=Counter)

    def add(self, sample: Sample) -> None:
        """Count what a sample holds, and report thermal pixels that hold nothing."""
        dead = int(np.count_nonzero(~finite(sample.thermal)))
        if dead:
            self.faults.append(
                PictureError(
                    f"{sample.name}: {dead} of {sample.thermal.size} thermal pixels are not finite "
                    f"or beyond {LARGEST_FLOAT:g}"
                )
            )
        self.sizes[size_of(sample.thermal)] += 1
        self.types[str(sample.thermal.dtype)] += 1
        self.unknown += sample.boxes is None
        if sample.labels is not None:
            self.empty += not len(sample.labels)
            self.boxes.update(sample.labels.tolist())
        self.ignored += len(sample.ignore)
        if sample.mask is not None:
            self.masks += 1
            values, counts = np.unique(sample.mask, return_counts=True)
            self.pixels.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))


def check(dataset: EntryDataset, entries: Iterable[Entry] | None = None) -> Findings:
    """Read every sample of a data set.

    Thermal pixels that are not finite are faults here, though samples with a few of them are read,
    and fused, with these pixels cold.

    Args:
        dataset: from `list_dataset`, so that the faults of its listing are kept.
        entries: its entries, in a progress bar for instance.
    """
    findings = Findings(list(dataset.faults))
    for entry in dataset.entries if entries is None else entries:
        before = len(findings.faults)
        sample = entry.read(findings.faults.append)
        if sample is not None:
            findings.add(sample)
        findings.samples += 1
        findings.sound += len(findings.faults) == before
    return findings
