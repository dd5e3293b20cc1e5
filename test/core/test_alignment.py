# SPDX-License-Identifier: Apache-2.0
"""Alignment of two cameras, against closed formulas and OpenCV's own warp."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import pytest

from bifuse_core.imaging.alignment.aligner import Aligner
from bifuse_core.imaging.alignment.camera import Camera
from bifuse_core.imaging.alignment.extrinsics import Extrinsics
from bifuse_core.imaging.alignment.methods import CalibratedAlignment, HomographyAlignment
from bifuse_core.imaging.alignment.parallax import parallax_error, parallax_table
from bifuse_core.imaging.alignment.settings import IDENTITY, AlignmentSettings
from bifuse_core.imaging.alignment.warp import Warp

HOMOGRAPHY = (0.52, 0.03, 11.0, -0.02, 0.49, 7.0, 4e-5, -3e-5, 1.0)
REFERENCE, OTHER = (96, 128), (60, 70)
LENSES = {
    "plumb_bob": (-0.28, 0.07, 0.001, -0.0007, 0.01),
    "rational_polynomial": (-0.3, 0.1, 0.001, 0.002, 0.02, 0.05, -0.02, 0.01),
    "equidistant": (0.02, -0.01, 0.004, -0.001),
    "": (),
}


def camera(model: str, width: int = 128, height: int = 96, focal: float = 110.0) -> Camera:
    matrix = (focal, 0, width / 2 + 1.5, 0, 1.02 * focal, height / 2 - 2, 0, 0, 1)
    return Camera(width, height, tuple(map(float, matrix)), model, LENSES[model])


def projected(of: Camera, x: float, y: float, z: float) -> tuple[float, float]:
    """Project one point by the formulas of the distortion models."""
    a, b, k = x / z, y / z, (*of.coefficients, *[0.0] * 8)
    r2 = a * a + b * b
    if of.model == "equidistant":
        r = math.sqrt(r2)
        angle = math.atan(r)
        bent = angle * (1 + sum(c * angle ** (2 * n + 2) for n, c in enumerate(k[:4])))
        u, v = a * bent / r, b * bent / r
    else:
        radial = (1 + k[0] * r2 + k[1] * r2**2 + k[4] * r2**3) / (
            1 + k[5] * r2 + k[6] * r2**2 + k[7] * r2**3
        )
        u = a * radial + 2 * k[2] * a * b + k[3] * (r2 + 2 * a * a)
        v = b * radial + k[2] * (r2 + 2 * b * b) + 2 * k[3] * a * b
    return of.matrix[0] * u + of.matrix[2], of.matrix[4] * v + of.matrix[5]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_homography_warps_as_opencv_does(dtype: Any) -> None:
    rng = np.random.default_rng(0)
    other = cv2.GaussianBlur(rng.integers(0, 255, OTHER).astype(np.float32), (0, 0), 2)
    other = (other * 20).astype(dtype) if dtype != np.uint8 else other.astype(dtype)
    picture, valid = Aligner()(HomographyAlignment(HOMOGRAPHY), other, REFERENCE)
    assert (picture.dtype, picture.shape, valid.dtype) == (dtype, REFERENCE, np.uint8)
    matrix = np.reshape(HOMOGRAPHY, (3, 3))
    size = REFERENCE[::-1]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    expected = cv2.warpPerspective(
        other, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    steps = np.abs(np.diff(other.astype(float), axis=1)).max()
    # Both look up at steps of 1/32 of a pixel.
    assert np.abs(picture.astype(float) - expected).max() <= steps / 16 + 1
    shown = cv2.warpPerspective(np.full(OTHER, 255, np.uint8), matrix, size, flags=flags)
    assert set(np.unique(valid)) == {0, 255}
    assert (valid[shown == 255] == 255).all()
    assert (valid[shown == 0] == 0).mean() > 0.98


def test_colours_are_warped_alike() -> None:
    rgb = np.random.default_rng(1).integers(0, 255, (*OTHER, 3)).astype(np.uint8)
    align, by = Aligner(), HomographyAlignment(HOMOGRAPHY)
    picture, _ = align(by, rgb, REFERENCE)
    for channel in range(3):
        alone, _ = align(by, np.ascontiguousarray(rgb[..., channel]), REFERENCE)
        np.testing.assert_array_equal(picture[..., channel], alone)


def test_the_sign_of_a_homography_does_not_matter() -> None:
    points = HomographyAlignment(HOMOGRAPHY).points(REFERENCE, OTHER)
    negative = HomographyAlignment(tuple(-x for x in HOMOGRAPHY)).points(REFERENCE, OTHER)
    np.testing.assert_allclose(points, negative)


def test_what_is_no_reading_does_not_spread_beyond_its_neighbours() -> None:
    picture = np.full(OTHER, 20.0, np.float32)
    picture[30, 30], picture[10, 50] = np.nan, np.finfo(np.float32).max
    shift = HomographyAlignment((1.0, 0, 0.25, 0, 1.0, 0.25, 0, 0, 1.0))
    warped, _ = Aligner()(shift, picture, OTHER)
    gone = np.argwhere(~np.isfinite(warped))
    assert 2 <= len(gone) <= 8
    for row, column in gone:
        assert min(abs(row - 30) + abs(column - 30), abs(row - 10) + abs(column - 50)) <= 2
    np.testing.assert_allclose(warped[np.isfinite(warped)], 20)


def test_beyond_its_border_a_camera_is_invalid_and_its_border_goes_on() -> None:
    picture = np.arange(12, dtype=np.uint8).reshape(3, 4)
    shift = HomographyAlignment((1.0, 0, -2.0, 0, 1.0, 0, 0, 0, 1.0))
    warped, valid = Aligner()(shift, picture, (3, 8))
    assert valid[0].tolist() == [0, 0, 255, 255, 255, 255, 0, 0]
    assert warped[0].tolist() == [0, 0, 0, 1, 2, 3, 3, 3]


@pytest.mark.parametrize("reference", LENSES)
@pytest.mark.parametrize("other", LENSES)
def test_points_of_the_plane_lie_where_both_cameras_see_them(reference: str, other: str) -> None:
    first, second = camera(reference), camera(other, 80, 64, 60.0)
    roll, pitch, yaw = 0.02, -0.03, 0.05
    position, distance = np.array((0.12, -0.05, 0.03)), 6.0
    points = CalibratedAlignment(
        first, second, Extrinsics(tuple(position), (roll, pitch, yaw)), distance
    ).points((96, 128), (64, 80))
    cr, sr, cp, sp, cy, sy = (f(a) for a in (roll, pitch, yaw) for f in (math.cos, math.sin))
    # Rz(yaw) Ry(pitch) Rx(roll), written out.
    turned = np.array(
        [
            [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
            [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
            [-sp, cp * sr, cp * cr],
        ]
    )
    for x, y in ((-1.5, -1.0), (0.4, 0.9), (1.8, -0.7), (-0.1, 0.05)):
        column, row = projected(first, x, y, distance)
        expected = projected(second, *(turned.T @ (np.array((x, y, distance)) - position)))
        table = cv2.remap(
            points, np.float32([[column]]), np.float32([[row]]), cv2.INTER_LINEAR
        ).ravel()
        np.testing.assert_allclose(table, expected, atol=0.05)


@pytest.mark.parametrize("model", LENSES)
def test_rays_of_pixels_lead_back_to_them(model: str) -> None:
    lens = camera(model)
    pixels = np.array([[0.0, 0.0], [127.0, 95.0], [64.3, 20.7], [3.0, 90.0]])
    np.testing.assert_allclose(lens.project(lens.rays(pixels)), pixels, atol=1e-3)


def test_a_distortion_that_folds_back_shows_nothing() -> None:
    narrow = Camera(80, 64, (300.0, 0, 40, 0, 300.0, 32, 0, 0, 1), "plumb_bob", (-0.9, 0, 0, 0))
    wide = camera("", 128, 96, 40.0)
    points = CalibratedAlignment(wide, narrow, Extrinsics(), 10.0).points((96, 128), (64, 80))
    valid = Warp(points, (64, 80)).valid
    middle = valid[35:60, 50:80]
    assert middle.any()
    assert valid.sum() == middle.sum()


def test_tables_are_made_again_when_something_changes() -> None:
    align, picture = Aligner(), np.full(OTHER, 7, np.uint8)
    lens, other = camera("plumb_bob"), camera("", 70, 60, 50.0)
    near = CalibratedAlignment(lens, other, Extrinsics((1.0, 0, 0)), 3.0)
    far = CalibratedAlignment(lens, other, Extrinsics((1.0, 0, 0)), 300.0)
    masks = [align(by, picture, REFERENCE).valid for by in (near, far, near)]
    assert (masks[0] != masks[1]).any()
    np.testing.assert_array_equal(masks[0], masks[2])
    assert align(near, picture, REFERENCE).valid is align(near, picture, REFERENCE).valid
    with pytest.raises(ValueError, match="a picture is 128x95, its camera_info is for 128x96"):
        align(near, picture, (95, 128))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"matrix": (0.0,) * 9}, "focal lengths are 0 and 0 pixels; they must be above 0"),
        ({"model": "mine"}, "'mine'; choose from plumb_bob, rational_polynomial, equidistant"),
        ({"model": "equidistant"}, "'equidistant' has 5 coefficients; it takes 4"),
    ],
)
def test_a_camera_that_cannot_be_is_refused(changes: dict[str, Any], complaint: str) -> None:
    values = {"matrix": camera("").matrix, "model": "plumb_bob", "coefficients": (0.0,) * 5}
    with pytest.raises(ValueError, match=complaint):
        Camera(128, 96, **{**values, **changes})


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"method": "magic"}, "alignment.method is 'magic'; choose from none, homography"),
        ({"homography": [1.0] * 8}, "alignment.homography .* it takes 9 finite numbers"),
        ({"homography": [1.0] * 9}, "alignment.homography .* is not invertible"),
        ({"homography": [0.0] * 9}, "alignment.homography .* is not invertible"),
        ({"translation": [0.0, math.nan, 0.0]}, "alignment.translation .* 3 finite numbers"),
        ({"rotation": [0.0]}, "alignment.rotation .* 3 finite numbers"),
        ({"distance": 0.0}, "alignment.distance is 0.0 m; it must be above 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        AlignmentSettings(**changes)
    assert AlignmentSettings().homography == IDENTITY


def test_the_parallax_error_is_what_two_cameras_see() -> None:
    left = camera("", focal=500.0)
    right = Extrinsics((0.1, 0.0, 0.0))
    for at in (5.0, 10.0, 50.0):
        point = np.array([[0.3, -0.2, at]])
        apart = left.project(point) - left.project(right.seen_by_other(point))
        plane = np.array([[0.3, -0.2, 20.0]])
        aligned = left.project(plane) - left.project(right.seen_by_other(plane))
        error = np.linalg.norm(apart - aligned)
        assert parallax_error(500.0, right.baseline, 20.0, at) == pytest.approx(error)
    assert list(parallax_table(500.0, 0.1, 20.0)) == [5.0, 10.0, 20.0, 50.0]
    assert parallax_table(500.0, 0.1, 20.0)[20.0] == 0
