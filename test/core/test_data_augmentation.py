# SPDX-License-Identifier: Apache-2.0
"""Augmentation keeps everything in register: pixel values encode where they come from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bifuse_core.data.augmentation import Augmentation, cropped, flipped, regraded, scaled
from bifuse_core.data.classes import SOME_STUFF
from bifuse_core.data.sample import Sample

HEIGHT, WIDTH = 96, 128
STILL = {"vary": 0.0}


def coordinates(dtype: Any = np.float32) -> Sample:
    """Return a sample whose pixels encode their column (thermal, red) and row (green).

    The mask marks one box; the coded value at a point of the picture is (x, y) / 128 there.
    """
    columns, rows = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
    rgb = np.stack([columns, rows, columns], axis=-1) * 1.99
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[30:60, 40:90] = 3
    thermal = columns / WIDTH
    if dtype != np.float32:
        thermal = thermal * np.iinfo(dtype).max
    return Sample(
        "coded",
        thermal.astype(dtype),
        rgb.astype(np.uint8),
        np.array([[40, 30, 90, 60], [2, 2, 8, 8]], np.float32),
        np.array([1, 0]),
        np.array([[100, 10, 120, 30]], np.float32),
        mask,
    )


def assert_in_register(sample: Sample) -> None:
    """Both cameras decode to the same columns, and the mask's edges are those of its box."""
    thermal = sample.thermal.astype(np.float32) * WIDTH
    red, green = (sample.rgb[..., n].astype(np.float32) / 1.99 for n in (0, 1))
    assert np.abs(thermal - red)[1:-1, 1:-1].max() < 1.2
    height, width = sample.thermal.shape
    assert sample.mask is not None
    assert sample.mask.shape == sample.rgb.shape[:2] == (height, width)
    assert sample.boxes is not None
    assert sample.labels is not None
    # Where a pixel came from says whether it lies in the box, and so what its mask must be.
    inside = (thermal > 40.9) & (thermal < 89.1) & (green > 31) & (green < 59)
    outside = (thermal < 39.1) | (thermal > 90.9) | (green < 28.5) | (green > 61.5)
    assert (sample.mask[inside] == 3).all()
    assert (sample.mask[outside] == 0).all()
    for box, label in zip(sample.boxes, sample.labels, strict=True):
        left, top, right, bottom = box
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
        if label == 1:
            rows, columns = np.nonzero(sample.mask)
            edges = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            assert np.abs(np.array(edges) - box).max() <= 1.01


@settings(deadline=None, max_examples=150)
@given(
    seed=st.integers(0, 2**32),
    crop=st.one_of(st.none(), st.tuples(st.integers(8, 140), st.integers(8, 140))),
    scale=st.tuples(st.floats(0.5, 1.0), st.floats(1.0, 2.0)),
)
def test_any_choice_keeps_pictures_boxes_and_mask_in_register(
    seed: int, crop: tuple[int, int] | None, scale: tuple[float, float]
) -> None:
    augmentation = Augmentation(scale=scale, crop=crop, **STILL)
    sample = augmentation(coordinates(), np.random.default_rng(seed))
    assert_in_register(sample)
    if crop:
        assert sample.thermal.shape == crop
    for region in sample.ignore:
        assert (region[2:] > region[:2]).all()
        assert (region >= 0).all()
        assert (region <= np.tile(sample.thermal.shape[::-1], 2)).all()


def test_flipping_twice_changes_nothing_and_once_mirrors_boxes() -> None:
    sample = coordinates()
    once = flipped(sample)
    np.testing.assert_array_equal(once.boxes, [[38, 30, 88, 60], [120, 2, 126, 8]])
    np.testing.assert_array_equal(once.ignore, [[8, 10, 28, 30]])
    assert_in_register(once)
    twice = flipped(once)
    for part in ("thermal", "rgb", "boxes", "ignore", "mask"):
        np.testing.assert_array_equal(getattr(twice, part), getattr(sample, part))


def test_scaling_moves_points_as_it_moves_pixels() -> None:
    double = scaled(coordinates(), 2.0)
    assert double.thermal.shape == (2 * HEIGHT, 2 * WIDTH)
    np.testing.assert_array_equal(double.boxes, [[80, 60, 180, 120], [4, 4, 16, 16]])
    assert_in_register(double)
    assert_in_register(scaled(coordinates(), 0.5))


@pytest.mark.parametrize(
    ("left", "objects", "regions"),
    [
        (0, [[40, 30, 90, 60], [2, 2, 8, 8]], [[100, 10, 120, 30]]),
        # Two thirds of the small box are left, then one third, then nothing.
        (4, [[36, 30, 86, 60], [0, 2, 4, 8]], [[96, 10, 116, 30]]),
        (6, [[34, 30, 84, 60]], [[94, 10, 114, 30], [0, 2, 2, 8]]),
        (8, [[32, 30, 82, 60]], [[92, 10, 112, 30]]),
        (110, [], [[0, 10, 10, 30]]),
    ],
)
def test_a_box_of_which_too_little_is_left_becomes_a_region_to_ignore(
    left: int, objects: list[list[int]], regions: list[list[int]]
) -> None:
    part = cropped(coordinates(), 0, left, HEIGHT, WIDTH - left, visible=0.5)
    np.testing.assert_array_equal(part.boxes, np.reshape(objects, (-1, 4)))
    assert part.labels is not None
    assert len(part.labels) == len(objects)
    np.testing.assert_array_equal(part.ignore, regions)


def test_what_is_not_known_stays_unknown() -> None:
    plain = Sample("plain", coordinates().thermal, coordinates().rgb)
    augmentation = Augmentation(crop=(40, 50), scale=(0.8, 1.2), flip=1.0)
    sample = augmentation(plain, np.random.default_rng(0))
    assert (sample.boxes, sample.labels, sample.mask) == (None, None, None)
    assert sample.ignore.shape == (0, 4)


def test_no_mask_value_is_mixed_from_others() -> None:
    sample = coordinates()
    values = np.array([0, 5, SOME_STUFF, 255], np.uint8)
    mask = values[np.random.default_rng(0).integers(0, 4, (HEIGHT, WIDTH))]
    augmentation = Augmentation(scale=(0.5, 1.7), crop=(40, 50), flip=0.5)
    for seed in range(10):
        varied = augmentation(replace(sample, mask=mask), np.random.default_rng(seed))
        assert varied.mask is not None
        assert np.unique(varied.mask).tolist() == values.tolist()


def test_the_same_generator_gives_the_same_sample_and_leaves_the_original() -> None:
    augmentation, original = Augmentation(crop=(64, 64), scale=(0.7, 1.5)), coordinates()
    first, second, other = (
        augmentation(original, np.random.default_rng(seed)) for seed in (3, 3, 4)
    )
    for part in ("thermal", "rgb", "boxes", "mask"):
        np.testing.assert_array_equal(getattr(first, part), getattr(second, part))
        np.testing.assert_array_equal(getattr(original, part), getattr(coordinates(), part))
    assert not np.array_equal(first.thermal, other.thermal)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_grey_levels_of_each_depth_are_varied_alike(dtype: Any) -> None:
    full = 1 if dtype == np.float32 else np.iinfo(dtype).max
    picture = (np.linspace(0, 1, 101)[None] * full).astype(dtype)
    varied = regraded(picture, 0.8, 0.1, 2.0)
    assert varied.dtype == dtype
    np.testing.assert_allclose(
        varied / full,
        0.8 * (picture / full) ** 2 + 0.1,
        atol=1 / 255 if dtype == np.uint8 else 1e-4,
    )
    assert (regraded(picture, 3.0, 0.5, 1.0) <= full).all()


def test_the_cameras_are_varied_each_alone() -> None:
    sample = coordinates()
    augmentation = Augmentation(flip=0.0, vary=0.5)
    changes = set()
    for seed in range(40):
        varied = augmentation(sample, np.random.default_rng(seed))
        pairs = ((varied.thermal, sample.thermal), (varied.rgb, sample.rgb))
        changes.add(tuple(not np.array_equal(new, old) for new, old in pairs))
    assert len(changes) == 4


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"visible": 1.5}, "visible is 1.5"),
        ({"flip": -0.1}, "flip is -0.1"),
        ({"scale": (0.0, 1.0)}, "scale is 0.0..1.0"),
        ({"gamma": (2.0, 1.0)}, "gamma is 2.0..1.0"),
        ({"crop": (0, 5)}, "crop is"),
    ],
)
def test_values_outside_their_limits_are_named(values: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Augmentation(**values)
