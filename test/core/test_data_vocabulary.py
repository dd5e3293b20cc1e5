# SPDX-License-Identifier: Apache-2.0
"""The classes of data sets become ours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from bifuse_core.data.annotations.boxes import Boxes
from bifuse_core.data.faults import Report, refuse
from bifuse_core.data.vocabulary import TranslatedBoxes, numbers_of


@dataclass(frozen=True)
class Labelled:
    """Reads a box for each label, numbered by its left side, and one region to ignore."""

    labels: tuple[int, ...]

    def read(self, height: int, width: int, report: Report) -> Boxes:
        boxes = np.array([(n, 0, n + 1, 1) for n in range(len(self.labels))], np.float32)
        ignore = np.array([[5, 5, 8, 8]], np.float32)
        return Boxes(boxes, np.array(self.labels, np.int64), ignore)


def test_classes_become_ours_or_regions_to_ignore_or_nothing() -> None:
    read_as = {"Car": "vehicle", "bus": "vehicle", "dog": "ignore", "lamp": "nothing"}
    numbers = numbers_of(["car", "lamp", "Person", "dog", "Bus"], read_as)
    read = TranslatedBoxes(Labelled((2, 1, 3, 0, 4, 2)), numbers).read(8, 8, refuse)
    assert list(zip(read.boxes[:, 0], read.labels, strict=True)) == [(0, 0), (3, 2), (4, 2), (5, 0)]
    assert read.ignore.tolist() == [[5, 5, 8, 8], [2, 0, 3, 1]]


def test_classes_that_nobody_explains_are_refused() -> None:
    with pytest.raises(ValueError, match="class 'car' is none of person, bicycle, vehicle"):
        numbers_of(["person", "car"], {})
    with pytest.raises(ValueError, match="no class 'cat'; the classes are person"):
        numbers_of(["person"], {"cat": "ignore"})
