# SPDX-License-Identifier: Apache-2.0
"""Data sets with labels: what their labels mean, and how much they know."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pydantic import model_validator

from bifuse_core.bilevel.sections import Count, Positive, Rate, Section
from bifuse_core.data.classes import DETECTION_CLASSES, SEGMENTATION_CLASSES, SOME_STUFF
from bifuse_core.data.datasets import open_dataset
from bifuse_core.data.entries import EntryDataset
from bifuse_core.data.layouts.layout import Options
from bifuse_core.data.vocabulary import MEANINGS, translated


class LabelSettings(Section):
    """The labels of a data set.

    Attributes:
        weight: of its pictures in the losses, for labels that are less than true.
        labels: folder or COCO file of the boxes.
        masks: folder of the masks.
        classes: names of its box labels, where the files do not name them.
        read_as: its classes that are named differently here: one of ours, `ignore` for neither
            object nor background, `nothing` for background.
        known: those of our classes of which all objects have boxes. About the others only the
            boxes are learnt from, not where there are none.
    """

    weight: Rate = 1.0
    labels: str = "labels"
    masks: str = "masks"
    classes: list[str] | None = None
    read_as: dict[str, str] = {}
    known: list[str] = list(DETECTION_CLASSES)

    @property
    def is_known(self) -> tuple[bool, ...]:
        """Tell of each of our classes whether it is `known`."""
        return tuple(name in self.known for name in DETECTION_CLASSES)

    @model_validator(mode="after")
    def _check_labels(self) -> LabelSettings:
        for theirs, ours in self.read_as.items():
            if ours not in MEANINGS:
                raise ValueError(f"read_as.{theirs} is {ours!r}; choose from {', '.join(MEANINGS)}")
        for name in self.known:
            if name not in DETECTION_CLASSES:
                raise ValueError(f"known: {name!r} is none of {', '.join(DETECTION_CLASSES)}")
        return self
