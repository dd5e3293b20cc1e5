# SPDX-License-Identifier: Apache-2.0
"""Frozen pictures are noticed at the fourth; still scenes are none."""

from __future__ import annotations

from array import array
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bifuse_core.data.rendered.film import RenderedFilm
from bifuse_core.streams.frozen import EQUAL, FrozenDetector

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "thermal16"
SIZE = 120, 160


def frozen_at(pictures: list[np.ndarray]) -> list[int]:
    """Return the numbers of those pictures of a camera at which it is frozen."""
    detector = FrozenDetector()
    told = [
        detector.see(number, array("B", picture.tobytes()))
        for number, picture in enumerate(pictures)
    ]
    return [number for number, frozen in enumerate(told) if frozen]


def still(picture: np.ndarray, noise: float, frames: int = 20) -> list[np.ndarray]:
    """Return what a sensor with Gaussian noise, in counts, gives of a scene in which all stands."""
    random = np.random.default_rng(0)
    limits = np.iinfo(picture.dtype)
    noisy = (picture + random.normal(0, noise, picture.shape) for _ in range(frames))
    return [np.clip(np.rint(n), limits.min, limits.max).astype(picture.dtype) for n in noisy]


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=40))
def test_it_is_frozen_from_the_fourth_equal_picture_to_the_first_other(
    sent: list[tuple[int, int]],
) -> None:
    detector, stamp = FrozenDetector(), 0
    distinct: list[int] = []
    for content, step in sent:
        if step or not distinct:
            distinct.append(content)
        stamp += step
        frozen = detector.see(stamp, bytes([content]) * 5000)
        assert frozen == (len(distinct) >= EQUAL and len(set(distinct[-EQUAL:])) == 1)
        assert detector.frozen == frozen


@settings(max_examples=50)
@given(place=st.integers(0, 9_999))
def test_a_single_byte_anywhere_tells_a_picture_from_another(place: int) -> None:
    pictures = [np.zeros(10_000, np.uint8) for _ in range(9)]
    for number, picture in enumerate(pictures):
        picture[place] = number
    assert frozen_at(pictures) == []


def test_another_size_is_another_picture() -> None:
    assert frozen_at([np.zeros(size, np.uint8) for size in (8, 8, 9, 9, 8, 8)]) == []


def test_a_still_scene_is_not_frozen_but_its_held_picture_is() -> None:
    film = RenderedFilm(("night",), 0.2, rate=5, width=SIZE[1], height=SIZE[0])
    pair = film.pair(0)
    # Half a grey level is little for 8 bits; thermal noise of 50 mK is 5 counts of 10 mK.
    noises = {np.dtype(np.uint8): 0.5, np.dtype(np.uint16): 5.0}
    for picture in (pair.thermal, pair.rgb):
        seen = still(picture, noises[picture.dtype])
        assert frozen_at(seen) == []
        assert frozen_at([*seen[:5], *[seen[5]] * 6, *seen[6:]]) == [8, 9, 10]


def test_a_covered_8_bit_sensor_with_rare_noise_is_not_frozen() -> None:
    dark = np.zeros(SIZE, np.uint8)
    # One pixel in 2000 reads 1.
    assert frozen_at(still(dark, 0.15)) == []


def real(name: str) -> Path:
    file = DATA / name
    if not file.is_file():
        pytest.skip(f"{file} is not on this machine")
    return file


def test_two_real_pictures_of_a_camera_that_stands_still() -> None:
    file = real("Thermimage_SampleSEQ_W640_H480_F2_I3.97.raw")
    celsius = np.fromfile(file, np.float32).reshape(2, 480, 640)
    first, second = (celsius * 100 + 27315).astype(np.uint16)
    assert frozen_at([first, second] * 6) == []
    assert frozen_at([first, *[second] * 4, first]) == [4]


def test_a_real_16_bit_picture_with_the_noise_of_its_sensor() -> None:
    counts = cv2.imread(str(real("flirpy_example_radiometric.tiff")), cv2.IMREAD_UNCHANGED)
    assert counts.dtype == np.uint16
    assert frozen_at(still(counts, 1.0)) == []
    assert frozen_at([counts] * 4) == [3]
