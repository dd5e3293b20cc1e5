# SPDX-License-Identifier: Apache-2.0
"""From the classes of a data set to ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bifuse_core.data.annotations.boxes import Boxes, BoxReader
from bifuse_core.data.classes import DETECTION_CLASSES
from bifuse_core.data.entries import EntryDataset
from bifuse_core.data.faults import Report

IGNORE, NOTHING = "ignore", "nothing"
"""What a class of a data set can be read as, besides one of ours: neither object nor background,
and background."""

MEANINGS = (*DETECTION_CLASSES, IGNORE, NOTHING)

_IGNORE, _NOTHING = -1, -2


def translated(dataset: EntryDataset, read_as: Mapping[str, str]) -> EntryDataset:
    """Return a data set whose boxes have our labels.

    Args:
        dataset: with labels of its own.
        read_as: classes that are called differently here; see `numbers_of`.

    Raises:
        ValueError: see `numbers_of`.
    """
    numbers = numbers_of(dataset.classes, read_as)
    entries = tuple(
        replace(entry, boxes=TranslatedBoxes(entry.boxes, numbers)) if entry.boxes else entry
        for entry in dataset.entries
    )
    return replace(dataset, entries=entries, classes=DETECTION_CLASSES)


def numbers_of(classes: Sequence[str], read_as: Mapping[str, str]) -> tuple[int, ...]:
    """Return our number for each class of a data set; a negative one for `ignore` and `nothing`.

    Args:
        classes: their names; case does not matter. One called `ignore` is read as that.
        read_as: those that are called differently here: one of ours, `ignore` or `nothing`.

    Raises:
        ValueError: a class is neither one of ours, nor `ignore`, nor in `read_as`, or `read_as`
            names one that the data set does not have.
    """
    numbers = {name: n for n, name in enumerate(DETECTION_CLASSES)}
    numbers |= {IGNORE: _IGNORE, NOTHING: _NOTHING}
    meant = {theirs.lower(): ours for theirs, ours in read_as.items()}
    names = [name.lower() for name in classes]
    for name in meant:
        if name not in names:
            raise ValueError(f"read_as: no class {name!r}; the classes are {', '.join(classes)}")
    for name in names:
        if name not in meant and name not in (*DETECTION_CLASSES, IGNORE):
            raise ValueError(
                f"class {name!r} is none of {', '.join(DETECTION_CLASSES)}; "
                f"say in read_as what it is ({IGNORE} and {NOTHING} are possible)"
            )
    return tuple(numbers[meant.get(name, name)] for name in names)


@dataclass(frozen=True)
class TranslatedBoxes:
    """The boxes of one picture in our classes (a `BoxReader`).

    Attributes:
        reader: of the boxes in the classes of the data set.
        numbers: ours of each of them, see `numbers_of`.
    """

    reader: BoxReader
    numbers: tuple[int, ...]

    def read(self, height: int, width: int, report: Report) -> Boxes:
        """Read them (see `BoxReader`); those to ignore are among the regions to ignore."""
        boxes, labels, ignore = self.reader.read(height, width, report)
        ours = np.array(self.numbers, np.int64)[labels]
        kept, ignored = ours >= 0, ours == _IGNORE
        return Boxes(boxes[kept], ours[kept], np.concatenate([ignore, boxes[ignored]]))
