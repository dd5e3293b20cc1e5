# SPDX-License-Identifier: Apache-2.0
"""Confusion, accuracy and intersection over union against counting with NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from bifuse_core.metrics.segmentation import confusion_matrix, score_segmentation
from bifuse_core.metrics.unlabelled import UNLABELLED

CLASSES = ("road", "person", "car")


def masks(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    values = np.array([0, 1, 2, UNLABELLED], np.uint8)
    return tuple(random.choice(values, (2, 20, 30), p=[0.5, 0.2, 0.2, 0.1]) for _ in range(2))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.int32])
def test_against_counting(random: np.random.Generator, dtype: torch.dtype) -> None:
    truth, predicted = masks(random)
    confusion = confusion_matrix(*(torch.from_numpy(m).to(dtype) for m in (truth, predicted)), 3)
    for row in range(3):
        for column, value in enumerate((0, 1, 2, UNLABELLED)):
            count = np.sum((truth == row) & (predicted == value))
            assert confusion[row, column] == count
    scores = score_segmentation(confusion, CLASSES)
    labelled = truth != UNLABELLED
    for k, name in enumerate(CLASSES):
        hits = np.sum((truth == k) & (predicted == k))
        either = np.sum(labelled & ((truth == k) | (predicted == k)))
        assert scores.accuracy[name] == pytest.approx(hits / np.sum(truth == k))
        assert scores.iou[name] == pytest.approx(hits / either)
    assert scores.mean_accuracy == pytest.approx(np.mean(list(scores.accuracy.values())))
    assert scores.mean_iou == pytest.approx(np.mean(list(scores.iou.values())))


def test_matrices_of_pictures_add_up(random: np.random.Generator) -> None:
    truth, predicted = (torch.from_numpy(mask) for mask in masks(random))
    together = confusion_matrix(truth, predicted, 3)
    parts = [confusion_matrix(t, p, 3) for t, p in zip(truth, predicted, strict=True)]
    assert torch.equal(together, sum(parts))


def test_the_truth_itself_is_perfect() -> None:
    mask = torch.tensor([0, 1, 2, 2, UNLABELLED], dtype=torch.uint8)
    scores = score_segmentation(confusion_matrix(mask, mask, 3), CLASSES)
    assert (scores.mean_accuracy, scores.mean_iou) == (1, 1)


def test_what_is_predicted_on_unlabelled_pixels_does_not_count() -> None:
    truth = torch.tensor([0, UNLABELLED, UNLABELLED])
    scores = score_segmentation(confusion_matrix(truth, torch.tensor([0, 1, 2]), 3), CLASSES)
    assert scores.iou["road"] == 1


def test_labelled_pixels_left_unlabelled_are_misses() -> None:
    truth = torch.tensor([0, 0, 0, 0])
    predicted = torch.tensor([0, 0, 0, UNLABELLED])
    scores = score_segmentation(confusion_matrix(truth, predicted, 3), CLASSES)
    assert (scores.accuracy["road"], scores.iou["road"]) == (0.75, 0.75)


def test_a_class_absent_from_the_truth_is_unknown_and_left_out() -> None:
    truth, predicted = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 2, 1, 1])
    scores = score_segmentation(confusion_matrix(truth, predicted, 3), CLASSES)
    assert math.isnan(scores.accuracy["car"])
    assert math.isnan(scores.iou["car"])
    # The class it was taken for pays.
    assert scores.iou["road"] == 0.5
    assert (scores.mean_accuracy, scores.mean_iou) == (0.75, 0.75)


def test_nothing_labelled_is_unknown() -> None:
    nothing = torch.full((4, 4), UNLABELLED, dtype=torch.uint8)
    scores = score_segmentation(confusion_matrix(nothing, nothing, 3), CLASSES)
    assert math.isnan(scores.mean_accuracy)
    assert math.isnan(scores.mean_iou)


@pytest.mark.parametrize("strange", [3, 254, -1])
@pytest.mark.parametrize("side", ["truth", "predicted"])
def test_strange_values_are_refused_by_name(side: str, strange: int) -> None:
    pair = {"truth": torch.zeros(4).int(), "predicted": torch.zeros(4).int()}
    pair[side][2] = strange
    with pytest.raises(ValueError, match=rf"{side} mask holds {strange}"):
        confusion_matrix(pair["truth"], pair["predicted"], 3)


def test_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(3, 2\)"):
        confusion_matrix(torch.zeros(2, 3), torch.zeros(3, 2), 3)


def test_names_that_do_not_fit_the_matrix_are_refused() -> None:
    with pytest.raises(ValueError, match=r"3 classes.*\(2, 3\)"):
        score_segmentation(torch.zeros(2, 3), CLASSES)
