# SPDX-License-Identifier: Apache-2.0
"""Samples of a data set scored: their boxes, regions to ignore and masks reach the metrics."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import picture_files
import pytest
import torch
from picture_files import HEIGHT, WIDTH

from bifuse_core.data.classes import SOME_STUFF
from bifuse_core.data.datasets import open_dataset
from bifuse_core.data.entries import EntryDataset
from bifuse_core.data.layouts.layout import Options
from bifuse_core.data.tensors import TensorPairs
from bifuse_core.data.truth import Labelled, true_boxes, true_mask
from bifuse_core.metrics.detection import FoundBoxes, score_detection
from bifuse_core.metrics.segmentation import confusion_matrix, score_segmentation

PERSON, CAR, REGION = (1, 2, 11, 12), (14, 2, 20, 12), (0, 14, 32, 24)
IN_REGION, BESIDE = (4, 16, 10, 22), (22, 2, 30, 10)

Samples = Callable[[EntryDataset], "EntryDataset | TensorPairs"]
as_it_is_and_as_tensors = pytest.mark.parametrize("samples", [lambda d: d, TensorPairs])


@pytest.fixture
def dataset(tmp_path: Path) -> EntryDataset:
    """Three pairs: with a person, a car, a region to ignore and a mask; a mask of sets; nothing."""
    for name in ("a", "b", "c"):
        picture_files.write_pair(tmp_path / f"ir/{name}.png", tmp_path / f"vi/{name}.png")
    (tmp_path / "labels").mkdir()
    text = picture_files.voc(("car", REGION)).replace("<difficult>0", "<difficult>1")
    known = picture_files.voc(("person", PERSON), ("car", CAR))
    (tmp_path / "labels/a.xml").write_text(
        known.replace("</annotation>", text[text.index("<object>") :])
    )
    mask = np.full((HEIGHT, WIDTH), 255, np.uint8)
    mask[:4], mask[4:8] = 0, 1
    picture_files.write(tmp_path / "masks/a.png", mask)
    mask = np.full((HEIGHT, WIDTH), SOME_STUFF, np.uint8)
    mask[1] = 1
    picture_files.write(tmp_path / "masks/b.png", mask)
    (tmp_path / "mask_classes.txt").write_text("road\nsky\n")
    return open_dataset(tmp_path, options=Options(mask_read_as={SOME_STUFF: SOME_STUFF}))


@as_it_is_and_as_tensors
def test_detections_are_scored_against_a_sample(dataset: EntryDataset, samples: Samples) -> None:
    assert dataset.classes == ("car", "person")
    truth = true_boxes(samples(dataset)[0])
    # Both classes inside the region cost nothing, though it was drawn for a car; beside it a
    # person that is none is surer than the true one.
    found = FoundBoxes(
        [IN_REGION, CAR, IN_REGION, BESIDE, PERSON], [0, 0, 1, 1, 1], [0.9, 0.8, 0.9, 0.8, 0.7]
    )
    scores = score_detection([truth], [found], dataset.classes)
    assert scores.ap == {"car": pytest.approx(1), "person": pytest.approx(1 / 2)}


@as_it_is_and_as_tensors
def test_a_mask_is_scored_against_a_sample(dataset: EntryDataset, samples: Samples) -> None:
    truth = true_mask(samples(dataset)[0])
    predicted = torch.zeros(HEIGHT, WIDTH)
    predicted[6:] = 1
    scores = score_segmentation(confusion_matrix(truth, predicted, 2), dataset.mask_classes)
    # Four rows of each: two of the sky were taken for road, and nothing below counts.
    assert scores.iou == {"road": pytest.approx(4 / 6), "sky": pytest.approx(2 / 4)}


@as_it_is_and_as_tensors
def test_pixels_of_which_a_set_of_classes_is_known_do_not_count(
    dataset: EntryDataset, samples: Samples
) -> None:
    sample = samples(dataset)[1]
    assert sample.mask is not None
    assert np.unique(sample.mask).tolist() == [1, SOME_STUFF]
    truth = true_mask(sample)
    assert truth.unique().tolist() == [1, 255]
    predicted = torch.zeros(HEIGHT, WIDTH)
    predicted[3:] = 1
    # All that is labelled is the sky in the second row.
    assert confusion_matrix(truth, predicted, 2).tolist() == [[0, 0, 0], [WIDTH, 0, 0]]
    assert (np.asarray(sample.mask) == SOME_STUFF).any(), "the sample itself was changed"


@pytest.mark.parametrize(("truth", "says"), [(true_boxes, "no boxes"), (true_mask, "no mask")])
@as_it_is_and_as_tensors
def test_what_is_not_known_cannot_be_scored(
    dataset: EntryDataset, samples: Samples, truth: Callable[[Labelled], object], says: str
) -> None:
    with pytest.raises(ValueError, match=f"c: has {says} to score by"):
        truth(samples(dataset)[2])
