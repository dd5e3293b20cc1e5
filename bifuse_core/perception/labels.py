# SPDX-License-Identifier: Apache-2.0
"""From the classes of a data set to ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bifuse_core.data.classes import DETECTION_CLASSES
from bifuse_core.data.sample import Sample
from bifuse_core.perception.settings import IGNORE, NOTHING

_IGNORE, _NOTHING = -1, -2


@dataclass(frozen=True)
class Vocabulary:
    """What the box labels of a data set mean.

    Attributes:
        numbers: for each of its classes, ours, or a negative number.
    """

    numbers: tuple[int, ...]

    def read(self, sample: Sample) -> Sample:
        """Return a sample with our labels; boxes to ignore are among its regions to ignore."""
        if sample.boxes is None or sample.labels is None:
            return sample
        labels = np.array(self.numbers, np.int64)[sample.labels]
        ours, ignored = labels >= 0, labels == _IGNORE
        return replace(
            sample,
            boxes=sample.boxes[ours],
            labels=labels[ours],
            ignore=np.concatenate([sample.ignore, sample.boxes[ignored]]),
        )


def vocabulary_of(classes: Sequence[str], read_as: Mapping[str, str]) -> Vocabulary:
    """Return the vocabulary of a data set.

    Args:
        classes: its names; case does not matter.
        read_as: those that are called differently here: one of ours, `ignore` or `nothing`.

    Raises:
        ValueError: a class is neither one of ours nor in `read_as`, or `read_as` names one that
            the data set does not have.
    """
    numbers = {name: n for n, name in enumerate(DETECTION_CLASSES)}
    numbers |= {IGNORE: _IGNORE, NOTHING: _NOTHING}
    meant = {theirs.lower(): ours for theirs, ours in read_as.items()}
    names = [name.lower() for name in classes]
    for name in meant:
        if name not in names:
            raise ValueError(f"read_as: no class {name!r}; the classes are {', '.join(classes)}")
    for name in names:
        if name not in meant and name not in DETECTION_CLASSES:
            raise ValueError(
                f"class {name!r} is none of {', '.join(DETECTION_CLASSES)}; "
                f"say in read_as what it is ({IGNORE} and {NOTHING} are possible)"
            )
    return Vocabulary(tuple(numbers[meant.get(name, name)] for name in names))
