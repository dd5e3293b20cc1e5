# SPDX-License-Identifier: Apache-2.0
"""Average precision against a plain count written from COCO's definition, and known cases."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bifuse_core.metrics.detection import FoundBoxes, TrueBoxes, score_detection

CLASSES = ("person", "car")
BOX = (10.0, 10.0, 50.0, 30.0)


def overlap(a: np.ndarray, b: np.ndarray, *, crowd: bool) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    common = max(width, 0) * max(height, 0)
    area_a, area_b = (float((x[2] - x[0]) * (x[3] - x[1])) for x in (a, b))
    return common / (area_a if crowd else area_a + area_b - common)


def precision_by_hand(
    truth: list[TrueBoxes], found: list[FoundBoxes], label: int, threshold: float
) -> float:
    """Match greedily by falling score, then average the falling envelope at 101 recalls."""
    hits: list[tuple[float, bool]] = []
    objects = 0
    for true, seen in zip(truth, found, strict=True):
        ignore = np.asarray(true.ignore, bool) if len(true.ignore) else np.zeros(len(true.boxes))
        chosen = [i for i, k in enumerate(true.labels) if k == label]
        chosen.sort(key=lambda i: ignore[i])
        objects += sum(not ignore[i] for i in chosen)
        taken: set[int] = set()
        order = sorted(
            (i for i, k in enumerate(seen.labels) if k == label), key=lambda i: -seen.scores[i]
        )
        for i in order:
            best, match = threshold, None
            for j in chosen:
                if j in taken and not ignore[j]:
                    continue
                if match is not None and not ignore[match] and ignore[j]:
                    break
                common = overlap(seen.boxes[i], true.boxes[j], crowd=bool(ignore[j]))
                if common >= best:
                    best, match = common, j
            if match is None:
                hits.append((seen.scores[i], False))
            elif not ignore[match]:
                taken.add(match)
                hits.append((seen.scores[i], True))
    hits.sort(key=lambda hit: -hit[0])
    right = np.cumsum([hit for _, hit in hits])
    precision = right / np.arange(1, len(hits) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(right / objects, np.linspace(0, 1, 101))
    return float(np.mean([envelope[p] if p < len(envelope) else 0 for p in places]))


def random_pictures(
    random: np.random.Generator, *, ignored: float
) -> tuple[list[TrueBoxes], list[FoundBoxes]]:
    truth, found = [], []
    for _ in range(12):
        count = random.integers(0, 7)
        corners = random.uniform(0, 200, (count, 2))
        boxes = np.hstack((corners, corners + random.uniform(15, 60, (count, 2))))
        labels = random.integers(0, 2, count)
        truth.append(TrueBoxes(boxes, labels, random.random(count) < ignored))
        moved = np.repeat(boxes, 2, axis=0) + random.normal(0, 4, (2 * count, 4))
        wrong = random.random(2 * count) < 0.2
        found.append(
            FoundBoxes(
                moved,
                np.where(wrong, 1 - np.repeat(labels, 2), np.repeat(labels, 2)),
                random.random(2 * count),
            )
        )
    return truth, found


@pytest.mark.parametrize("ignored", [0.0, 0.4])
def test_against_a_count_by_hand(random: np.random.Generator, ignored: float) -> None:
    truth, found = random_pictures(random, ignored=ignored)
    scores = score_detection(truth, found, CLASSES)
    thresholds = np.linspace(0.5, 0.95, 10)
    for label, name in enumerate(CLASSES):
        expected = [precision_by_hand(truth, found, label, t) for t in thresholds]
        assert scores.ap50[name] == pytest.approx(expected[0], abs=1e-9)
        assert scores.ap[name] == pytest.approx(np.mean(expected), abs=1e-9)
        assert 0.05 < scores.ap[name] < scores.ap50[name] < 0.95
    assert scores.map50 == pytest.approx(np.mean(list(scores.ap50.values())))
    assert scores.map == pytest.approx(np.mean(list(scores.ap.values())))


def test_the_truth_itself_is_perfect() -> None:
    truth = [TrueBoxes([BOX, BOX], [0, 1]), TrueBoxes([], [])]
    found = [FoundBoxes([BOX, BOX], [0, 1], [0.5, 0.6]), FoundBoxes([], [], [])]
    scores = score_detection(truth, found, CLASSES)
    assert scores.ap == scores.ap50 == {"person": 1, "car": 1}


def test_a_class_without_true_boxes_is_unknown_and_left_out() -> None:
    found = [FoundBoxes([BOX, BOX], [0, 1], [0.5, 0.9])]
    scores = score_detection([TrueBoxes([BOX], [0])], found, CLASSES)
    assert math.isnan(scores.ap["car"])
    assert math.isnan(scores.ap50["car"])
    assert (scores.map, scores.map50) == (1, 1)


def test_nothing_true_at_all_is_unknown() -> None:
    scores = score_detection([TrueBoxes([], [])], [FoundBoxes([BOX], [0], [0.5])], CLASSES)
    assert math.isnan(scores.map)
    assert math.isnan(scores.map50)


def test_nothing_found_scores_0() -> None:
    scores = score_detection([TrueBoxes([BOX], [0])], [FoundBoxes([], [], [])], CLASSES)
    assert (scores.ap["person"], scores.map) == (0, 0)


def test_boxes_inside_an_ignored_region_of_their_class_cost_nothing() -> None:
    region = (100.0, 0.0, 200.0, 100.0)
    inside = [(110.0, 10.0, 120.0, 20.0), (150.0, 50.0, 170.0, 80.0)]
    truth = [TrueBoxes([BOX, region], [0, 0], [False, True])]
    of_class = score_detection(
        truth, [FoundBoxes([*inside, BOX], [0] * 3, [0.9, 0.8, 0.7])], CLASSES
    )
    assert of_class.ap["person"] == 1
    truth = [TrueBoxes([BOX, region], [0, 1], [False, True])]
    of_other = score_detection(
        truth, [FoundBoxes([*inside, BOX], [0] * 3, [0.9, 0.8, 0.7])], CLASSES
    )
    assert of_other.ap["person"] == pytest.approx(1 / 3)


def test_a_region_without_class_is_ignored_for_every_class() -> None:
    region, beside = (100.0, 0.0, 200.0, 100.0), (300.0, 0.0, 320.0, 20.0)
    inside = (110.0, 10.0, 120.0, 20.0)
    truth = [TrueBoxes([region, BOX, BOX], [-1, 0, 1], [True, False, False])]
    boxes, labels = [inside, inside, beside, BOX, BOX], [0, 1, 1, 0, 1]
    found = [FoundBoxes(boxes, labels, [0.9, 0.9, 0.8, 0.7, 0.7])]
    scores = score_detection(truth, found, CLASSES)
    # Of cars, the surest that counts is beside the region, and wrong.
    assert scores.ap == {"person": pytest.approx(1), "car": pytest.approx(1 / 2)}


def test_a_region_without_class_makes_no_class_known() -> None:
    truth = [TrueBoxes([BOX, BOX], [-1, 0], [True, False])]
    scores = score_detection(truth, [FoundBoxes([BOX], [1], [0.5])], CLASSES)
    assert math.isnan(scores.ap["car"])


@pytest.mark.parametrize(
    ("truth", "found", "says"),
    [
        (TrueBoxes([BOX], [0, 1]), FoundBoxes([], [], []), "1 true boxes, 2 labels"),
        (TrueBoxes([BOX], [2]), FoundBoxes([], [], []), "true labels are 0 to 1"),
        (TrueBoxes([BOX], [-1]), FoundBoxes([], [], []), "true labels are 0 to 1"),
        (TrueBoxes([BOX], [-2], [True]), FoundBoxes([], [], []), "true labels are 0 to 1"),
        (TrueBoxes([BOX], [0], [True, False]), FoundBoxes([], [], []), "2 ignore flags"),
        (TrueBoxes([], []), FoundBoxes([BOX], [0], []), "finite scores"),
        (TrueBoxes([], []), FoundBoxes([BOX], [0], [math.nan]), "finite scores"),
        (TrueBoxes([], []), FoundBoxes([BOX], [-1], [0.5]), "found labels"),
        (TrueBoxes([], []), FoundBoxes([(50, 10, 10, 30)], [0], [0.5]), "left, top"),
        (TrueBoxes([(0, 0, math.nan, 3)], [0]), FoundBoxes([], [], []), "left, top"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_picture(
    truth: TrueBoxes, found: FoundBoxes, says: str
) -> None:
    fine = TrueBoxes([], []), FoundBoxes([], [], [])
    with pytest.raises(ValueError, match=rf"picture 1: .*{says}"):
        score_detection([fine[0], truth], [fine[1], found], CLASSES)


def test_different_numbers_of_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match="1 pictures have a truth, 0 have detections"):
        score_detection([TrueBoxes([], [])], [], CLASSES)
