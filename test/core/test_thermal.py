# SPDX-License-Identifier: Apache-2.0
"""Thermal normalisation: closed forms in space and time, and steadiness under flicker."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bifuse_core.imaging.thermal import ThermalNormaliser, ThermalSettings, Unit

SECOND = 1_000_000_000


def normalise(image: Any, stamp: int = 0, **values: Any) -> np.ndarray:
    return ThermalNormaliser(ThermalSettings(**values))(image, stamp)


def constant(value: float, dtype: Any, shape: tuple[int, int] = (32, 48)) -> np.ndarray:
    return np.full(shape, value, dtype)


@pytest.mark.parametrize(
    ("unit", "count", "dtype"),
    [
        ("centikelvin", 28315, np.uint16),
        ("decikelvin", 2831.5, np.float32),
        ("kelvin", 283.15, np.float32),
        ("celsius", 10, np.int16),
        ("optris", 1100, np.uint16),
        ("raw", 10, np.uint16),
        ("linear", 125, np.uint8),
    ],
)
def test_ten_degrees_on_a_fixed_range_in_every_unit(unit: Any, count: float, dtype: Any) -> None:
    values = {"scale": 0.4, "offset": -40.0} if unit == "linear" else {}
    picture = normalise(
        constant(count, dtype), unit=unit, range="fixed", minimum=-20, maximum=60, **values
    )
    assert picture.dtype == np.float32
    np.testing.assert_allclose(picture, (10 + 20) / 80, atol=1e-5)


def test_a_fixed_range_is_linear_and_clips_at_both_ends() -> None:
    celsius = np.array([[-100, -20, 0, 30, 60, 500]], np.float32)
    picture = normalise(celsius, unit="celsius", range="fixed", minimum=-20, maximum=60)
    np.testing.assert_allclose(picture, [[0, 0, 0.25, 0.625, 1, 1]], atol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16])
def test_the_full_range_is_that_of_the_data_type(dtype: Any) -> None:
    limits = np.iinfo(dtype)
    image = np.linspace(limits.min, limits.max, 60).astype(dtype).reshape(6, 10)
    expected = (image.astype(np.float64) - limits.min) / (limits.max - limits.min)
    np.testing.assert_allclose(normalise(image, range="full"), expected, atol=1e-6)


def test_auto_is_full_for_8_bit_and_percentile_for_all_others(random: np.random.Generator) -> None:
    image = random.integers(60, 90, (64, 64))
    for dtype, same in ((np.uint8, "full"), (np.uint16, "percentile"), (np.float32, "percentile")):
        picture = normalise(image.astype(dtype))
        np.testing.assert_array_equal(picture, normalise(image.astype(dtype), range=same))
    low, high = (normalise(image.astype(t)).max() for t in (np.uint8, np.uint16))
    assert low < 0.4 < 0.9 < high


def test_floats_have_no_full_range_and_fall_back_to_percentiles() -> None:
    image = np.linspace(0, 100, 64 * 64, dtype=np.float32).reshape(64, 64)
    expected = normalise(image, range="percentile")
    np.testing.assert_array_equal(normalise(image, range="full"), expected)


def expected_range(image: np.ndarray, low: float, high: float) -> tuple[float, float]:
    low, median, high = np.percentile(image, (low, 50, high))
    return max(low, 2 * median - high), high


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.float32])
@pytest.mark.parametrize("shape", ["warm objects", "cold sky"])
def test_percentiles_of_the_whole_picture(
    random: np.random.Generator, dtype: Any, shape: str
) -> None:
    spread = random.exponential(300, (480, 640))
    image = (9000 + spread if shape == "warm objects" else 9000 - spread).astype(dtype)
    low, high = expected_range(image, 2, 99)
    picture = normalise(image, range="percentile", low_percentile=2, high_percentile=99)
    expected = np.clip((image.astype(np.float64) - low) / (high - low), 0, 1)
    # Percentiles come from a sixteenth of the pixels.
    np.testing.assert_allclose(picture, expected, atol=0.03)
    assert (np.median(picture) > 0.4) == (shape == "cold sky")


def test_the_median_is_never_brighter_than_mid_grey() -> None:
    # Two thirds street at 300, the rest sky at 100, one hot spot.
    image = np.full((60, 80), 300, np.uint16)
    image[:20] = 100
    image[40:50, 40:50] = 340
    picture = normalise(image, range="percentile", high_percentile=100)
    np.testing.assert_allclose(picture[30, 0], 0.5, atol=1e-6)
    np.testing.assert_allclose(picture[45, 45], 1, atol=1e-6)
    assert picture[0, 0] == 0


@pytest.mark.parametrize(
    ("unit", "span_in_counts"), [("centikelvin", 800), ("kelvin", 8), ("raw", 8)]
)
def test_a_scene_of_one_temperature_is_mid_grey_and_not_stretched_into_noise(
    unit: Any, span_in_counts: float
) -> None:
    image = constant(29315, np.uint16)
    image[:16] += 2
    picture = normalise(image, unit=unit, range="percentile", minimum_span=8)
    np.testing.assert_allclose(picture.mean(), 0.5, atol=1e-3)
    np.testing.assert_allclose(np.ptp(picture), 2 / span_in_counts, rtol=1e-3)


@pytest.mark.parametrize("mode", ["fixed", "percentile", "auto", "full"])
def test_pixels_that_are_not_finite_are_cold(mode: Any, random: np.random.Generator) -> None:
    image = random.uniform(20, 50, (480, 640)).astype(np.float32)
    whole = normalise(image, unit="celsius", range=mode)
    dead = image.copy()
    dead[3, 5], dead[7, 9], dead[11, 2] = np.nan, np.inf, -np.inf
    picture = normalise(dead, unit="celsius", range=mode)
    assert picture[3, 5] == picture[7, 9] == picture[11, 2] == 0
    dead_pixels = ~np.isfinite(dead)
    np.testing.assert_allclose(picture[~dead_pixels], whole[~dead_pixels], atol=0.03)


def test_a_picture_without_a_finite_pixel_is_refused() -> None:
    with pytest.raises(ValueError, match="no finite pixel"):
        normalise(constant(np.nan, np.float32), range="fixed")


def test_the_callers_picture_is_not_written_to() -> None:
    image = np.linspace(-50, 50, 100, dtype=np.float32).reshape(10, 10)
    image[0, 0] = np.nan
    kept = image.copy()
    normalise(image, range="percentile")
    np.testing.assert_array_equal(image, kept)


@settings(deadline=None, max_examples=50)
@given(
    image=st.sampled_from([np.uint8, np.uint16, np.int16, np.float32]).flatmap(
        lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12))
    ),
    unit=st.sampled_from(get_args(Unit)),
    mode=st.sampled_from(["auto", "full", "fixed", "percentile"]),
)
def test_any_picture_with_a_finite_pixel_ends_within_0_and_1(
    image: np.ndarray, unit: Any, mode: Any
) -> None:
    if image.dtype == np.float32:
        # Beyond any temperature; from 1e8 on, single precision has no steps of 8 degrees.
        image[np.abs(image) > 1e6] = np.nan
        if not np.isfinite(image).any():
            image[0, 0] = 20
    picture = normalise(image, unit=unit, range=mode)
    assert picture.shape == image.shape
    assert np.isfinite(picture).all()
    assert picture.min() >= 0
    assert picture.max() <= 1


def two_temperatures(cold: float, hot: float) -> np.ndarray:
    # A ramp with few distinct values: sampling does not change its percentiles.
    image = np.full((32, 32), cold, np.float32)
    image[:, 16:] = hot
    return image


def mapped(picture: np.ndarray, image: np.ndarray) -> tuple[float, float]:
    """Read back the range (low, high) that a picture was made with."""
    cold, hot = float(picture[0, 0]), float(picture[0, -1])
    slope = (hot - cold) / (float(image[0, -1]) - float(image[0, 0]))
    low = float(image[0, 0]) - cold / slope
    return low, low + 1 / slope


@pytest.mark.parametrize("elapsed", [0.0, 0.04, 0.5, 2.0, 10.0])
def test_a_percentile_range_follows_the_scene_exponentially(elapsed: float) -> None:
    settings_ = {
        "unit": "celsius",
        "range": "percentile",
        "low_percentile": 0,
        "high_percentile": 100,
        "time_constant": 0.5,
    }
    normaliser = ThermalNormaliser(ThermalSettings(**settings_))
    before, after = two_temperatures(0, 100), two_temperatures(20, 60)
    normaliser(before, 7 * SECOND)
    picture = normaliser(after, 7 * SECOND + round(elapsed * SECOND))
    share = 1 - np.exp(-elapsed / 0.5)
    expected = (0 + share * (20 - 0), 100 + share * (60 - 100))
    np.testing.assert_allclose(mapped(picture, after), expected, atol=1e-2)


def test_following_in_many_small_steps_equals_one_large_step() -> None:
    before, after = two_temperatures(0, 100), two_temperatures(20, 60)
    pictures = []
    for steps in (1, 50):
        normaliser = ThermalNormaliser(ThermalSettings(unit="celsius", range="percentile"))
        normaliser(before, 0)
        for step in range(1, steps + 1):
            picture = normaliser(after, step * SECOND // steps)
        pictures.append(picture)
    np.testing.assert_allclose(pictures[0], pictures[1], atol=1e-5)


def test_a_time_constant_of_zero_follows_at_once() -> None:
    normaliser = ThermalNormaliser(ThermalSettings(range="percentile", time_constant=0))
    normaliser(two_temperatures(0, 100), 0)
    after = two_temperatures(20, 60)
    expected = normalise(after, range="percentile")
    np.testing.assert_allclose(normaliser(after, SECOND // 30), expected, atol=1e-6)


def test_a_backward_stamp_starts_over_from_the_picture() -> None:
    normaliser = ThermalNormaliser(ThermalSettings(range="percentile"))
    normaliser(two_temperatures(0, 100), 100 * SECOND)
    after = two_temperatures(20, 60)
    expected = normalise(after, range="percentile")
    np.testing.assert_allclose(normaliser(after, 3 * SECOND), expected, atol=1e-6)


def test_a_hot_object_entering_changes_the_rest_less_than_a_stretch_per_picture(
    random: np.random.Generator,
) -> None:
    street = random.normal(29000, 150, (120, 160))
    with_exhaust = street.copy()
    with_exhaust[40:80, 60:100] = 36000
    frames = [image.astype(np.uint16) for image in [street] * 5 + [with_exhaust] * 5]
    normaliser = ThermalNormaliser(ThermalSettings(unit="centikelvin", range="percentile"))
    rest = np.s_[90:, :]
    ours = [normaliser(f, i * SECOND // 25)[rest].mean() for i, f in enumerate(frames)]
    stretched = [((f - f.min()) / np.ptp(f.astype(np.float64)))[rest].mean() for f in frames]
    largest = [np.abs(np.diff(levels)).max() for levels in (ours, stretched)]
    assert largest[1] > 0.2
    assert largest[0] < largest[1] / 4
    # It does arrive in the end.
    settled = normaliser(frames[-1], 100 * SECOND)[rest].mean()
    assert settled < ours[0] - 0.2


@pytest.mark.parametrize(
    ("names", "values"),
    [
        (["unit"], {"unit": "fahrenheit"}),
        (["range"], {"range": "minmax"}),
        (["scale"], {"scale": 0.0}),
        (["scale"], {"scale": -1.0}),
        (["minimum", "maximum"], {"minimum": 30.0, "maximum": 30.0}),
        (["low_percentile", "high_percentile"], {"low_percentile": 99.9}),
        (["low_percentile"], {"low_percentile": -0.1}),
        (["high_percentile"], {"high_percentile": 100.1}),
        (["high_percentile"], {"high_percentile": float("nan")}),
        (["time_constant"], {"time_constant": -1.0}),
        (["minimum_span"], {"minimum_span": 0.0}),
        *(
            ([name], {name: value})
            for name in ("scale", "offset", "minimum", "maximum", "time_constant", "minimum_span")
            for value in (float("nan"), float("inf"))
        ),
    ],
)
def test_an_invalid_setting_is_refused_by_its_name(names: list[str], values: Any) -> None:
    with pytest.raises(ValueError, match=r"thermal\.") as caught:
        ThermalSettings(**values)
    for name in names:
        assert f"thermal.{name}" in str(caught.value)
    for value in values.values():
        assert str(value) in str(caught.value)


def test_a_frame_with_a_sign_for_no_reading_does_not_spoil_those_after_it() -> None:
    clean = np.linspace(290, 310, 64 * 48, dtype=np.float32).reshape(48, 64)
    marked = clean.copy()
    marked[:4] = np.finfo(np.float32).max
    normalise = ThermalNormaliser()
    before = normalise(clean, 0)
    during = normalise(marked, 40_000_000)
    after = normalise(clean, 80_000_000)
    assert (during[:4] == 0).all()
    assert np.abs(during[4:] - before[4:]).max() < 0.1
    assert np.abs(after - before).max() < 0.1


def test_a_thermal_picture_alone_is_grey_by_the_same_limits() -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(8, 32)
    grey = ThermalNormaliser().grey(ramp, 0)
    assert (grey.shape, grey.dtype) == ((8, 32, 3), np.uint8)
    np.testing.assert_array_equal(grey, np.dstack([ramp] * 3))
    counts = np.array([[28315, 29315, 30315]], np.uint16)
    settings = ThermalSettings(unit="centikelvin", range="fixed", minimum=10, maximum=30)
    assert ThermalNormaliser(settings).grey(counts, 0)[0, :, 1].tolist() == [0, 128, 255]
    with pytest.raises(ValueError, match="no finite pixel"):
        ThermalNormaliser().grey(np.full((8, 8), np.nan, np.float32), 0)
