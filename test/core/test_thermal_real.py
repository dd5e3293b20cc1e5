# SPDX-License-Identifier: Apache-2.0
"""Pictures of real thermal cameras, where they are at hand; no part of the repository."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from bifuse_core.imaging.thermal import ThermalNormaliser, ThermalSettings

FILES = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "thermal16"
SHAPE = (480, 640)
RATE, FRAMES, ENTERS = 30, 30, 10


def picture_of(name: str) -> NDArray[Any]:
    """Return the first picture of a file: uint16 counts, or float32 degrees Celsius."""
    file = FILES / name
    if not file.is_file():
        pytest.skip(f"{file} is not on this machine")
    if file.suffix == ".tiff":
        return cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    return np.fromfile(file, "<f4")[: SHAPE[0] * SHAPE[1]].reshape(SHAPE)


real = pytest.mark.parametrize(
    "name",
    [
        "flirpy_example_radiometric.tiff",
        "Thermimage_FLIRjpg_W640_H480_F1_I.raw",
        "Thermimage_SampleSEQ_W640_H480_F2_I3.97.raw",
    ],
)


@real
def test_a_real_picture_fills_its_range_and_keeps_its_order(name: str) -> None:
    image = picture_of(name)
    picture = ThermalNormaliser(ThermalSettings(minimum_span=1e-6))(image, 0)
    assert picture.std() > 0.1
    # The median, by one pixel in sixteen, is no brighter than mid-grey; both ends are reached.
    assert np.median(picture) <= 0.51
    assert (picture.min(), picture.max()) == (0, 1)
    assert np.mean(picture == 1) < 0.01
    order = np.argsort(image, axis=None, kind="stable")
    assert (np.diff(picture.ravel()[order]) >= 0).all()


def steps(stretch: Callable[[NDArray[Any], int], NDArray[np.float64]], name: str) -> float:
    """Return by how many grey levels the street jumps when an exhaust enters it, at most."""
    random = np.random.default_rng(0)
    seen = picture_of(name)
    street = seen.astype(np.float64)
    height, width = street.shape
    noise = np.ptp(street) / 200
    rest = np.s_[height // 2 :, :]
    levels = []
    for number in range(FRAMES):
        image = street + random.normal(0, noise, street.shape)
        if number >= ENTERS:
            # As much hotter than all else as all else varies, on a hundredth of the picture.
            image[: height // 10, : width // 10] = street.max() + np.ptp(street)
        picture = stretch(image.astype(seen.dtype), number * 1_000_000_000 // RATE)
        levels.append(255 * picture[rest].mean())
    return float(np.abs(np.diff(levels)).max())


@real
def test_a_hot_exhaust_does_not_make_the_rest_of_a_real_picture_flicker(name: str) -> None:
    def per_frame(image: NDArray[Any], stamp: int) -> NDArray[np.float64]:
        span = float(image.max()) - float(image.min())
        return (image.astype(np.float64) - image.min()) / span

    ours = steps(ThermalNormaliser(ThermalSettings(minimum_span=1e-6)), name)
    stretched = steps(per_frame, name)
    print(f"{name}: {ours:.2f} grey levels at most, stretched by its frame {stretched:.1f}")
    assert stretched > 10
    assert ours < stretched / 8
