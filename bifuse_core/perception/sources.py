# SPDX-License-Identifier: Apache-2.0
"""Labelled data sets in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tqdm import tqdm

from bifuse_core.bilevel.labelled import open_labelled
from bifuse_core.bilevel.sections import DETECTION
from bifuse_core.data.classes import DETECTION_CLASSES
from bifuse_core.data.faults import PairError
from bifuse_core.data.rendered.pairs import RenderedPairs
from bifuse_core.data.sample import Sample
from bifuse_core.data.tensors import normalised
from bifuse_core.perception.inputs import Input, seen
from bifuse_core.perception.settings import TaskSourceSettings


@dataclass(frozen=True)
class Source:
    """Labelled pictures.

    Attributes:
        name: for messages and tables.
        samples: at least one, each with labels of the task, its thermal picture in [0, 1]; or as
            the network sees it, see `seen`.
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
    chosen: Sequence[TaskSourceSettings], folder: Path, task: str, see: Input | None = None
) -> list[Source]:
    """Read data sets into memory; a picture of 640x480 takes two megabytes, a seen one takes one.

    Args:
        chosen: which.
        folder: what their paths are relative to.
        task: `detection` or `segmentation`: samples without its labels are left out.
        see: makes the input of the network; by default samples stay pairs.

    Raises:
        PairError: a source is missing or faulty, or has no labels of the task.
        ValueError: the classes of a source are not those that its settings name.
    """
    return [_opened(settings, folder, task, see) for settings in chosen]


def _opened(settings: TaskSourceSettings, folder: Path, task: str, see: Input | None) -> Source:
    found = _rendered(settings, task) if settings.rendered else _read(settings, folder, task)
    total = settings.rendered or None
    progress = tqdm(found, desc=settings.name, unit="picture", total=total, leave=False)
    samples = tuple(seen(sample, see) if see else sample for sample in progress)
    if not samples:
        raise PairError(f"{settings.name}: not one sample with labels for {task}")
    return Source(settings.name, samples, settings.is_known, settings.weight, settings.share)


def _read(settings: TaskSourceSettings, folder: Path, task: str) -> Iterator[Sample]:
    """Yield the samples of a data set that have labels of the task."""
    assert settings.path is not None
    path = folder / settings.path
    dataset = open_labelled(path, settings.layout, settings.split, settings, (task,))
    labelled = tuple(entry for entry in dataset.entries if entry.boxes or entry.mask)
    begin, end = (round(share * len(labelled)) for share in settings.part)
    taken = labelled[begin:end][settings.first :: settings.every]
    dataset = replace(dataset, entries=taken)
    for number in range(len(dataset)):
        limits = dataset.thermal_limits(number, settings.normalisation)
        yield normalised(dataset[number], settings.normalisation, limits)


def _rendered(settings: TaskSourceSettings, task: str) -> Iterator[Sample]:
    for name, frame in RenderedPairs(settings.rendered, settings.seed).frames():
        sample = Sample(name, frame.thermal, frame.rgb)
        if task == DETECTION:
            sample = replace(sample, boxes=frame.boxes, labels=frame.labels, ignore=frame.ignore)
        else:
            sample = replace(sample, mask=frame.mask)
        yield normalised(sample)
