# SPDX-License-Identifier: Apache-2.0
"""The rendered drive: reproducible, well labelled, physically sensible where users rely on it."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from bifuse_core.data.classes import DETECTION_CLASSES, SEGMENTATION_CLASSES
from bifuse_core.data.rendered import CONDITIONS, RenderedDrive, RenderedFrame
from bifuse_core.metrics.unlabelled import UNLABELLED

SIZE = {"width": 320, "height": 256}
PERSON = SEGMENTATION_CLASSES.index("person")


@cache
def drive(condition: str, seed: int = 2) -> RenderedDrive:
    return RenderedDrive(seed, condition=condition, **SIZE)


@cache
def frame(condition: str, time: float = 8.8, seed: int = 2) -> RenderedFrame:
    return drive(condition, seed).frame(time)


def grey(picture: np.ndarray) -> np.ndarray:
    return picture.astype(np.float32).mean(axis=-1)


def test_same_arguments_give_identical_frames() -> None:
    ours, theirs = frame("night"), RenderedDrive(2, condition="night", **SIZE).frame(8.8)
    for name in ("rgb", "thermal", "boxes", "labels", "mask"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))


def test_a_frame_does_not_depend_on_those_before() -> None:
    fresh = RenderedDrive(2, condition="day", **SIZE)
    fresh.frame(31.0)
    np.testing.assert_array_equal(fresh.frame(8.8).rgb, frame("day").rgb)


def test_another_seed_gives_another_street() -> None:
    assert (frame("day").mask != frame("day", seed=3).mask).mean() > 0.1


@pytest.mark.parametrize("condition", CONDITIONS)
def test_shapes_types_and_ranges(condition: str) -> None:
    pair = frame(condition)
    count = len(pair.boxes)
    assert pair.rgb.shape == (256, 320, 3) and pair.rgb.dtype == np.uint8
    assert pair.thermal.shape == (256, 320) and pair.thermal.dtype == np.uint16
    assert pair.boxes.shape == (count, 4) and pair.boxes.dtype == np.float32
    assert pair.labels.shape == (count,) and pair.labels.dtype == np.int64
    assert pair.mask.shape == (256, 320) and pair.mask.dtype == np.uint8
    assert set(np.unique(pair.mask)) <= {*range(len(SEGMENTATION_CLASSES)), UNLABELLED}
    assert set(pair.labels) <= set(range(len(DETECTION_CLASSES)))
    celsius = pair.thermal / 100 - 273.15
    assert -60 < celsius.min() < celsius.max() < 120
    assert pair.rgb.std() > 8 and count > 0


@pytest.mark.parametrize(("width", "height"), [(333, 201), (64, 96)])
def test_odd_sizes(width: int, height: int) -> None:
    pair = RenderedDrive(1, condition="dusk", width=width, height=height).frame(3.0)
    assert pair.rgb.shape == (height, width, 3)
    assert pair.thermal.shape == pair.mask.shape == (height, width)


def test_all_classes_turn_up() -> None:
    seen: set[int] = set()
    for time in (0.0, 4.0, 8.8, 14.0, 22.0):
        seen |= set(np.unique(frame("day", time).mask).tolist())
    assert seen >= set(range(len(SEGMENTATION_CLASSES)))


@pytest.mark.parametrize("time", [2.0, 8.8, 17.3])
def test_boxes_bound_visible_pixels_of_their_class(time: float) -> None:
    pair = frame("day", time)
    assert len(pair.boxes) > 0
    for (left, top, right, bottom), label in zip(pair.boxes, pair.labels, strict=True):
        assert 0 <= left < right <= 320 and 0 <= top < bottom <= 256
        x0, y0, x1, y1 = (int(v) for v in (left, top, right, bottom))
        inside = pair.mask[y0:y1, x0:x1] == SEGMENTATION_CLASSES.index(DETECTION_CLASSES[label])
        assert inside.mean() > 0.08
        # Every edge of a tight box touches the object.
        assert inside[0].any() and inside[-1].any()
        assert inside[:, 0].any() and inside[:, -1].any()


@pytest.mark.parametrize("time", [2.0, 8.8, 17.3])
def test_every_object_is_labelled_or_to_be_ignored(time: float) -> None:
    pair = frame("day", time)
    covered = np.zeros(pair.mask.shape, bool)
    for left, top, right, bottom in np.concatenate([pair.boxes, pair.ignore]).astype(int):
        covered[top:bottom, left:right] = True
    classes = [SEGMENTATION_CLASSES.index(name) for name in DETECTION_CLASSES]
    assert covered[np.isin(pair.mask, classes)].all()
    assert (pair.boxes[:, 3] - pair.boxes[:, 1] >= 12).all()


def test_large_people_and_cars_in_the_mask_have_boxes() -> None:
    pair = frame("day")
    covered = np.zeros(pair.mask.shape, bool)
    for left, top, right, bottom in pair.boxes.astype(int):
        covered[top:bottom, left:right] = True
    for name in ("person", "vehicle"):
        pixels = pair.mask == SEGMENTATION_CLASSES.index(name)
        assert covered[pixels].mean() > 0.8


@pytest.mark.parametrize("condition", ["night", "glare", "fog"])
def test_people_are_warmer_than_what_is_around_them(condition: str) -> None:
    pair = frame(condition)
    people = [box for box, label in zip(pair.boxes, pair.labels, strict=True) if label == 0]
    assert people
    for left, top, right, bottom in np.array(people).astype(int):
        window = (slice(top, bottom), slice(max(left - 6, 0), right + 6))
        person = pair.mask[window] == PERSON
        background = ~np.isin(pair.mask[window], [PERSON, 6, 7])
        if person.sum() < 40 or not background.any():
            continue
        warmer = np.median(pair.thermal[window][person]) - np.median(
            pair.thermal[window][background]
        )
        assert warmer > 500


def test_moving_cars_are_hot_and_parked_ones_are_not() -> None:
    pair = frame("night")
    celsius = pair.thermal[pair.mask == SEGMENTATION_CLASSES.index("vehicle")] / 100 - 273.15
    assert np.percentile(celsius, 99) > 20
    assert np.percentile(celsius, 20) < 13


def test_the_sky_is_the_coldest() -> None:
    pair = frame("night")
    medians = [np.median(pair.thermal[pair.mask == index]) for index in (0, 2, 4)]
    assert medians[2] < min(medians[:2]) - 500


def test_nights_are_dark() -> None:
    assert grey(frame("night").rgb).mean() < 0.4 * grey(frame("day").rgb).mean()


def test_fog_takes_contrast_away_with_distance() -> None:
    far, near = np.s_[95:112, 40:280], np.s_[200:256, 40:280]

    def left_over(window: tuple[slice, slice]) -> float:
        clear, foggy = grey(frame("day").rgb)[window].std(), grey(frame("fog").rgb)[window].std()
        return float(foggy / clear)

    assert left_over(far) < 0.6
    assert left_over(far) < 0.8 * left_over(near)
    people = frame("fog").thermal[frame("fog").mask == PERSON]
    assert np.median(people) > np.median(frame("fog").thermal) + 500


def test_glare_washes_out_more_than_night_and_thermal_does_not_mind() -> None:
    night, glare = frame("night", 7.2), frame("glare", 7.2)
    white = [(grey(picture.rgb) > 245).mean() for picture in (night, glare)]
    assert white[1] > 0.01 and white[1] > 3 * white[0]
    difference = np.abs(night.thermal.astype(int) - glare.thermal)
    assert np.percentile(difference, 99) < 100


@pytest.mark.parametrize("condition", ["day", "night"])
def test_motion_is_smooth(condition: str) -> None:
    first, second = (drive(condition).frame(time) for time in (8.8, 8.84))
    difference = np.abs(first.thermal.astype(int) - second.thermal)
    assert np.median(difference) < 40
    assert (difference > 500).mean() < 0.06
    assert abs(grey(first.rgb).mean() - grey(second.rgb).mean()) < 2.5


def test_two_frames_are_never_the_same() -> None:
    assert (frame("night").rgb != drive("night").frame(8.84).rgb).any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"condition": "rain"}, "rain.*day, dusk, night, fog, glare"),
        ({"width": 10}, "width is 10"),
        ({"height": 100000}, "height is 100000"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RenderedDrive(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("time", [-1.0, float("nan"), float("inf")])
def test_bad_times_are_named(time: float) -> None:
    with pytest.raises(ValueError, match="time is"):
        drive("night").frame(time)
