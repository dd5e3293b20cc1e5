# SPDX-License-Identifier: Apache-2.0
"""From a recording to a folder of pairs with proposed labels."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from tqdm import tqdm

from bifuse_core.bilevel.sections import CameraSettings, Positive
from bifuse_core.data.datasets import open_dataset
from bifuse_core.data.filling import filled
from bifuse_core.data.layouts.bag import BagPair
from bifuse_core.data.pictures import write_picture
from bifuse_core.data.sample import Sample
from bifuse_core.data.tensors import normalised
from bifuse_core.data.whole import written_whole
from bifuse_core.imaging.thermal import ThermalNormaliser
from bifuse_core.labelling.agreement import agreed
from bifuse_core.labelling.coco import Labelled, coco_of
from bifuse_core.labelling.page import write_looks, write_page
from bifuse_core.labelling.teacher import FUSED, Teacher

LABELS = "labels.json"
"""Name of the COCO file; the layout `folder` finds it."""

ORIGIN = "origin.yaml"
"""Name of the file that says of what the labels are: `Origin`."""

WHITE_16 = 65535
"""Level in a 16-bit picture of the upper end of the thermal range."""


class Origin(CameraSettings):
    """The recording that labels are proposed for, and its cameras.

    Attributes beside those of `CameraSettings`:
        path: of the recording.
        every: see `label_recording`.
    """

    path: Path
    every: Positive


def origin_of(source: Path, cameras: CameraSettings, every: int) -> Origin:
    """Return what `label_recording` writes of its arguments."""
    known = cameras.model_dump(exclude_unset=True)
    return Origin(path=source.resolve(), every=every, **known)


def label_recording(
    source: Path, cameras: CameraSettings, teacher: Teacher, out: Path, *, every: int, sure: float
) -> list[Labelled]:
    """Propose labels for the pairs of a data set, and return them.

    Args:
        source: what `open_dataset` opens; pairs of a bag are called by the stamp of their RGB
            image, which the layout `bag` finds them by.
        cameras: how the node would pair, normalise and align them.
        teacher: proposes.
        out: folder for `ir/`, `vi/`, `fused/`, `page.html`, the origin and, last, the COCO file.
        every: take every nth pair.
        sure: see `agreed`.

    Raises:
        PairError: a pair cannot be read.
        OSError: the results cannot be written.
    """
    labelled = [
        _labelled(pair, seen, seconds, teacher, sure, out)
        for pair, seen, seconds in _pairs(source, cameras, every)
    ]
    classes = teacher.trained.classes
    write_page(out, f"Labels of {source}", labelled, list(teacher.inputs))
    origin = origin_of(source, cameras, every).model_dump(mode="json")
    (out / ORIGIN).write_text(yaml.safe_dump(origin, sort_keys=False), encoding="utf-8")
    # Last, since it is what makes the folder a labelled data set.
    with written_whole(out / LABELS) as place:
        place.write_text(json.dumps(coco_of(labelled, classes), indent=1), encoding="utf-8")
    return labelled


def _pairs(
    source: Path, cameras: CameraSettings, every: int
) -> Iterator[tuple[Sample, Sample, float | None]]:
    """Yield every nth pair as it is to be kept, as the node would see it, and its time.

    The time is in seconds since the first pair; None where pairs have none.
    """
    dataset = open_dataset(source, options=replace(cameras.options, annotated=False))
    settings = cameras.normalisation
    for number in tqdm(range(0, len(dataset), every), desc="labelling", unit="pair"):
        sample, pair = dataset[number], dataset.entries[number].pair
        limits = dataset.thermal_limits(number, settings)
        limits = limits or ThermalNormaliser(settings).limits(sample.thermal, 0)
        first, seconds = dataset.entries[0].pair, None
        if isinstance(pair, BagPair) and isinstance(first, BagPair):
            sample = replace(sample, name=str(pair.stamp))
            seconds = (pair.stamp - first.stamp) / 1e9
        # What is kept stands alone, and cannot say where a camera saw nothing.
        yield filled(sample, limits), normalised(sample, limits=limits), seconds


def _labelled(
    pair: Sample, seen: Sample, seconds: float | None, teacher: Teacher, sure: float, out: Path
) -> Labelled:
    """Propose labels for a pair, and write its pictures."""
    looks = teacher.looks(seen)
    height, width = pair.thermal.shape
    proposals = agreed([look.found for look in looks.values()], sure)
    labelled = Labelled(pair.name, (height, width), proposals, seconds)
    pictures = {"ir": _storable(pair, seen), "vi": pair.rgb, "fused": looks[FUSED].picture}
    for folder, picture in pictures.items():
        write_picture(out / folder / f"{pair.name}.png", picture)
    write_looks(out, labelled, looks, teacher.trained.classes)
    return labelled


def _storable(pair: Sample, seen: Sample) -> NDArray[Any]:
    """Return the thermal counts; floats, which PNG does not have, as 16 bits of their range."""
    if pair.thermal.dtype.kind != "f":
        return pair.thermal
    return np.rint(WHITE_16 * filled(seen).thermal).astype(np.uint16)
