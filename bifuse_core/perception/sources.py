# SPDX-License-Identifier: Apache-2.0
"""Labelled data sets in memory, as a task network sees them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from bifuse_core.data.classes import DETECTION_CLASSES, SEGMENTATION_CLASSES
from bifuse_core.data.datasets import open_dataset
from bifuse_core.data.faults import PairError
from bifuse_core.data.layouts.layout import Options
from bifuse_core.data.rendered.pairs import RenderedPairs
from bifuse_core.data.sample import Sample
from bifuse_core.data.tensors import normalised
from bifuse_core.imaging.thermal import ThermalSettings
from bifuse_core.perception.inputs import Input
from bifuse_core.perception.labels import vocabulary_of
from bifuse_core.perception.settings import SourceSettings

AMBIGUOUS = 254
"""Mask value: one of some classes of the surroundings, but not known which."""


@dataclass(frozen=True)
class Source:
    """Labelled pictures.

    Attributes:
        name: for messages and tables.
        samples: at least one, each with labels of the task. `rgb` is what the network sees; the
            thermal picture is blank.
        known: (K,) classes of which all objects have boxes.
        weight: of its pictures in the loss.
        share: part of all draws that it gets, relative to the other sources.
    """

    name: str
    samples: tuple[Sample, ...]
    known: tuple[bool, ...] = (True,) * len(DETECTION_CLASSES)
    weight: float = 1.0
    share: float = 1.0


def open_sources(
    chosen: Sequence[SourceSettings], folder: Path, task: str, see: Input
) -> list[Source]:
    """Read data sets into memory; about a megabyte a picture of 640x480.

    Args:
        chosen: which.
        folder: what their paths are relative to.
        task: `detection` or `segmentation`: samples without its labels are left out.
        see: makes the input of the network.

    Raises:
        PairError: a source is missing or faulty, or has no labels of the task.
        ValueError: the classes of a source are not those that its settings name.
    """
    return [_opened(settings, folder, task, see) for settings in chosen]


def _opened(settings: SourceSettings, folder: Path, task: str, see: Input) -> Source:
    found = _rendered(settings) if settings.rendered else _read(settings, folder, task)
    total = settings.rendered or None
    progress = tqdm(found, desc=settings.name, unit="picture", total=total, leave=False)
    samples = tuple(_seen(sample, see) for sample in progress)
    if not samples:
        raise PairError(f"{settings.name}: not one sample with labels for {task}")
    known = tuple(name in settings.known for name in DETECTION_CLASSES)
    return Source(settings.name, samples, known, settings.weight, settings.share)


def _read(settings: SourceSettings, folder: Path, task: str) -> Iterator[Sample]:
    """Yield the labelled samples of a data set, their boxes in our classes."""
    assert settings.path is not None
    options = Options(
        split=settings.split,
        classes=tuple(settings.classes) if settings.classes else None,
        mask_classes=SEGMENTATION_CLASSES,
        labels=settings.labels,
        masks=settings.masks,
        mask_read_as={AMBIGUOUS: AMBIGUOUS},
    )
    dataset = open_dataset(folder / settings.path, settings.layout, options)
    entries = dataset.entries
    if task == "detection":
        entries = tuple(replace(entry, mask=None) for entry in entries if entry.boxes)
    else:
        entries = tuple(replace(entry, boxes=None) for entry in entries if entry.mask)
    dataset = replace(dataset, entries=entries[settings.first :: settings.every])
    try:
        vocabulary = vocabulary_of(dataset.classes, settings.read_as)
    except ValueError as error:
        raise ValueError(f"{settings.path}: {error}") from error
    for number in range(len(dataset)):
        limits = dataset.thermal_limits(number, ThermalSettings())
        yield vocabulary.read(normalised(dataset[number], limits=limits))


def _rendered(settings: SourceSettings) -> Iterator[Sample]:
    for name, frame in RenderedPairs(settings.rendered, settings.seed).frames():
        sample = Sample(name, frame.thermal, frame.rgb, frame.boxes, frame.labels, mask=frame.mask)
        yield normalised(sample)


def _seen(sample: Sample, see: Input) -> Sample:
    # Nothing looks at the thermal picture any more, so it shall take no memory.
    blank = np.broadcast_to(np.uint8(0), sample.thermal.shape)
    return replace(sample, rgb=see(sample), thermal=blank)
