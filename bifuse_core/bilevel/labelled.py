# SPDX-License-Identifier: Apache-2.0
"""Data sets opened with the labels that a task needs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from bifuse_core.bilevel.sections import DETECTION, SEGMENTATION, LabelSettings
from bifuse_core.data.classes import MASK_SETS, SEGMENTATION_CLASSES
from bifuse_core.data.datasets import open_dataset
from bifuse_core.data.entries import EntryDataset
from bifuse_core.data.vocabulary import translated


def open_labelled(
    path: Path,
    layout: str,
    split: str | None,
    labels: LabelSettings,
    tasks: Collection[str],
) -> EntryDataset:
    """Open a data set with boxes in our classes and masks, as far as there are tasks for them.

    Args:
        path: of the data set.
        layout: one of `data.datasets.LAYOUTS`, or `auto`.
        split: name of a list of the layout; None takes all samples.
        labels: what they mean and where they lie, and the cameras.
        tasks: that need labels; without any, labels are not looked at.

    Raises:
        PairError: it is missing or faulty.
        ValueError: its classes are not those that `labels` names; the message names the path.
    """
    options = replace(
        labels.options,
        split=split,
        classes=tuple(labels.classes) if labels.classes else None,
        mask_classes=SEGMENTATION_CLASSES,
        labels=labels.labels,
        masks=labels.masks,
        mask_read_as={value: value for value in MASK_SETS},
        annotated=bool(tasks),
    )
    dataset = open_dataset(path, layout, options)
    entries = tuple(
        replace(
            entry,
            boxes=entry.boxes if DETECTION in tasks else None,
            mask=entry.mask if SEGMENTATION in tasks else None,
        )
        for entry in dataset.entries
    )
    dataset = replace(dataset, entries=entries)
    if DETECTION not in tasks:
        return dataset
    try:
        return translated(dataset, labels.read_as)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
