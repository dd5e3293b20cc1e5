# SPDX-License-Identifier: Apache-2.0
"""Fusion of pictures of two sizes: in the grid of the reference, which is shown alone elsewhere."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from bifuse_core.engine.aligned import AlignedFusion
from bifuse_core.engine.engine import Engine
from bifuse_core.imaging.alignment.camera import Camera
from bifuse_core.imaging.alignment.settings import AlignmentSettings

RGB_SIZE, THERMAL_SIZE = (64, 96), (24, 32)
HALF = [0.5, 0.0, -8.0, 0.0, 0.5, -4.0, 0.0, 0.0, 1.0]
"""The thermal camera sees columns 16 to 79 and rows 8 to 55 of the RGB camera."""


def unknown(camera: str) -> Camera:
    raise ValueError(f"no {camera}/camera_info")


def pictures() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    thermal = rng.integers(0, 256, THERMAL_SIZE).astype(np.uint8)
    return thermal, rng.integers(0, 256, (*RGB_SIZE, 3)).astype(np.uint8)


def fused(settings: AlignmentSettings, reference: str, *pair: Any) -> Any:
    return AlignedFusion(Engine("mean", device="cpu"), settings, reference, unknown)(*pair, 0)


def test_where_the_thermal_camera_sees_nothing_the_colours_stay() -> None:
    thermal, rgb = pictures()
    result = fused(AlignmentSettings("homography", HALF), "rgb", thermal, rgb)
    assert result.shape == rgb.shape
    seen = np.zeros(RGB_SIZE, bool)
    seen[7:56, 15:80] = True
    np.testing.assert_array_equal(result[~seen], rgb[~seen])
    assert (result[8:55, 16:79] != rgb[8:55, 16:79]).mean() > 0.9


def test_where_both_see_it_is_the_fusion_of_the_warped_picture() -> None:
    thermal, rgb = pictures()
    result = fused(AlignmentSettings("homography", HALF), "rgb", thermal, rgb)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpPerspective(thermal, np.reshape(HALF, (3, 3)), RGB_SIZE[::-1], flags=flags)
    expected = Engine("mean", device="cpu").fuse(warped, rgb, 0)
    inside = np.s_[10:54, 18:78]
    assert np.abs(result[inside].astype(int) - expected[inside]).max() <= 2


def test_the_thermal_camera_as_reference_is_shown_grey_where_it_is_alone() -> None:
    thermal, rgb = pictures()
    shift = AlignmentSettings("homography", [2.0, 0, -10.0, 0, 2.0, 0, 0, 0, 1])
    result = fused(shift, "thermal", thermal, rgb)
    assert result.shape == (*THERMAL_SIZE, 3)
    np.testing.assert_array_equal(result[:, :4], np.repeat(thermal[:, :4, None], 3, axis=2))


def test_the_thermal_range_is_that_of_the_readings() -> None:
    thermal, rgb = pictures()
    counts = (28000 + thermal.astype(np.uint16) * 20).astype(np.uint16)
    result = fused(AlignmentSettings("homography", HALF), "rgb", counts, rgb)
    eight_bit = fused(AlignmentSettings("homography", HALF), "rgb", thermal, rgb)
    assert np.abs(result.astype(int) - eight_bit).mean() < 6


def test_the_thermal_range_is_not_that_of_the_border_repeated_outside() -> None:
    # The thermal camera sees the middle of the picture, and something hot along its border.
    counts = np.full(THERMAL_SIZE, 29000, np.uint16)
    counts[:, ::2] = 30000
    counts[0], counts[-1], counts[:, 0], counts[:, -1] = 40000, 40000, 40000, 40000
    middle = AlignmentSettings("homography", [1.0, 0, -32.0, 0, 1.0, -20.0, 0, 0, 1])
    rgb = np.zeros((*RGB_SIZE, 3), np.uint8)
    result = fused(middle, "rgb", counts, rgb)[20:44, 32:64]
    same = fused(AlignmentSettings(), "rgb", counts, np.zeros((*THERMAL_SIZE, 3), np.uint8))
    np.testing.assert_array_equal(result, same)


def test_without_alignment_both_must_have_one_size() -> None:
    with pytest.raises(ValueError, match="thermal is 32x24, rgb is 96x64"):
        fused(AlignmentSettings(), "rgb", *pictures())


def test_a_camera_that_is_not_known_yet_is_waited_for() -> None:
    with pytest.raises(ValueError, match="no rgb/camera_info"):
        fused(AlignmentSettings("calibrated"), "rgb", *pictures())


def test_calibrated_cameras_of_two_sizes() -> None:
    thermal, rgb = pictures()
    lenses = {
        "rgb": Camera(96, 64, (100.0, 0, 47.5, 0, 100.0, 31.5, 0, 0, 1)),
        "thermal": Camera(32, 24, (50.0, 0, 15.75, 0, 50.0, 11.75, 0, 0, 1)),
    }
    engine = Engine("mean", device="cpu")
    settings = AlignmentSettings("calibrated")
    result = AlignedFusion(engine, settings, "rgb", lenses.__getitem__)(thermal, rgb, 0)
    same = AlignmentSettings("homography", [0.5, 0, -8.0, 0, 0.5, -4.0, 0, 0, 1])
    # Where the border falls onto the middle of a pixel, rounding decides.
    inside = np.s_[9:54, 17:78]
    np.testing.assert_array_equal(result[inside], fused(same, "rgb", thermal, rgb)[inside])
