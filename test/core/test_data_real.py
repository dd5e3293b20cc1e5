# SPDX-License-Identifier: Apache-2.0
"""Real data sets of the development machine; they are no part of the repository."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from bifuse_core.data.check import check
from bifuse_core.data.classes import SEGMENTATION_CLASSES, SOME_STUFF
from bifuse_core.data.datasets import open_dataset
from bifuse_core.data.layouts.layout import Options
from bifuse_core.data.truth import true_mask
from bifuse_core.metrics.segmentation import confusion_matrix

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"

MASKS = SEGMENTATION_CLASSES
TRAFFIC = ("person", "bicycle", "car", "dog")
M3FD = ("people", "car", "bus", "lamp", "motorcycle", "truck")


def opened(name: str, **options: object):
    folder = DATA / name
    if not folder.is_dir():
        pytest.skip(f"{folder} is not on this machine")
    return open_dataset(folder, options=Options(**options))


@pytest.mark.parametrize(
    ("name", "classes", "pairs", "unknown", "masks"),
    [
        ("roadscene/val", TRAFFIC, 21, 7, 14),
        ("msrs/val", TRAFFIC, 54, 0, 54),
        ("m3fd", M3FD, 15, 0, 15),
        ("kaist", ("person",), 12, 0, 0),
    ],
)
def test_pictures_with_yolo_boxes_and_masks_are_without_fault(
    name: str, classes: tuple[str, ...], pairs: int, unknown: int, masks: int
) -> None:
    dataset = opened(
        name, classes=classes, masks="masks_weak", mask_classes=MASKS, mask_read_as={254: 255}
    )
    findings = check(dataset)
    assert findings.faults == []
    assert (findings.samples, findings.sound) == (pairs, pairs)
    assert (findings.unknown, findings.masks) == (unknown, masks)
    assert findings.boxes.total() > 0
    assert set(findings.pixels) <= {*range(9), 255}


@pytest.mark.parametrize(
    ("name", "classes", "partly"),
    [("roadscene/val", TRAFFIC, 7), ("msrs/val", TRAFFIC, 29), ("m3fd", M3FD, 10)],
)
def test_masks_that_are_partly_known_are_kept_as_they_are_and_scored_where_they_are_known(
    name: str, classes: tuple[str, ...], partly: int
) -> None:
    dataset = opened(
        name,
        classes=classes,
        masks="masks_weak",
        mask_classes=MASKS,
        mask_read_as={SOME_STUFF: SOME_STUFF},
    )
    found = 0
    for number, entry in enumerate(dataset.entries):
        if entry.mask is None:
            continue
        sample = dataset[number]
        stored = cv2.imread(str(entry.mask.file), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(sample.mask, stored)
        truth = true_mask(sample)
        known = (stored < len(MASKS)).sum()
        assert confusion_matrix(truth, truth, len(MASKS)).diagonal().sum() == known
        found += (stored == SOME_STUFF).any()
    assert found == partly


def test_sequences_with_weak_coco_labels_are_without_fault() -> None:
    findings = check(opened("m3svd"))
    assert findings.faults == []
    assert (findings.samples, findings.unknown) == (100, 50)
    assert (findings.boxes.total(), findings.boxes.total() + findings.ignored) == (280, 976)


def test_labelled_frames_of_videos_are_without_fault() -> None:
    dataset = opened("m2vd", labelled_only=True)
    findings = check(dataset)
    assert findings.faults == []
    assert findings.samples == 99
    assert findings.boxes.total() + findings.ignored == 897
