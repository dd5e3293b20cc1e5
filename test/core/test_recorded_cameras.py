# SPDX-License-Identifier: Apache-2.0
"""Recordings of calibrated cameras: aligned by recorded camera_info, or by calibration files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("rosbags", reason="rosbags is not installed")

import misaligned_bag  # noqa: E402

from bifuse_core.data.datasets import open_dataset  # noqa: E402
from bifuse_core.data.faults import PairError, PictureError  # noqa: E402
from bifuse_core.data.layouts.layout import Options  # noqa: E402
from bifuse_core.data.pictures import write_picture  # noqa: E402
from bifuse_core.data.rendered import RenderedFrame  # noqa: E402
from bifuse_core.imaging.alignment.camera import Camera  # noqa: E402
from bifuse_core.imaging.alignment.extrinsics import Extrinsics  # noqa: E402
from bifuse_core.imaging.alignment.settings import AlignmentSettings  # noqa: E402

RATE = 2.0
TOPICS = ("/rig/thermal/image_raw", "/rig/rgb/image_raw")
RGB_CAMERA = Camera(320, 240, (300.0, 0, 159.5, 0, 300.0, 119.5, 0, 0, 1))
THERMAL_CAMERA = Camera(330, 250, (330.0, 0, 164.5, 0, 330.0, 124.5, 0, 0, 1))
POSE = Extrinsics((0.4, -0.1, 0.05), (0.01, -0.02, 0.03))
DISTANCE = 12.0
CALIBRATED = AlignmentSettings(
    "calibrated", translation=POSE.translation, rotation=POSE.rotation, distance=DISTANCE
)


def plane_homography() -> np.ndarray[Any, Any]:
    """Return K' R^T (I - t n^T / d) K^-1, which maps a plane before the reference.

    Source: Hartley and Zisserman, Multiple View Geometry, 2nd edition, section 13.1.
    """
    own, other = (np.reshape(c.matrix, (3, 3)) for c in (RGB_CAMERA, THERMAL_CAMERA))
    shift = np.outer(POSE.translation, (0, 0, 1 / DISTANCE))
    return other @ POSE.matrix.T @ (np.eye(3) - shift) @ np.linalg.inv(own)


def moment() -> RenderedFrame:
    """Return smooth pictures of both cameras; the rest of a moment does not matter."""
    random = np.random.default_rng(0)
    coarse = random.integers(28000, 32000, (25, 33)).astype(np.float32)
    thermal = cv2.resize(coarse, (330, 250), interpolation=cv2.INTER_CUBIC).astype(np.uint16)
    rgb = random.integers(0, 256, (240, 320, 3)).astype(np.uint8)
    none = np.zeros((0, 4), np.float32)
    labels, mask = np.zeros(0, np.int64), np.zeros((240, 320), np.uint8)
    return RenderedFrame(
        thermal=thermal, rgb=rgb, boxes=none, labels=labels, ignore=none, mask=mask
    )


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    return misaligned_bag.record(tmp_path / "plain" / "drive", [moment()], RATE, {})


@pytest.fixture
def calibrated_bag(tmp_path: Path) -> Path:
    infos = {"thermal": THERMAL_CAMERA, "rgb": RGB_CAMERA}
    return misaligned_bag.record(tmp_path / "calibrated" / "drive", [moment()], RATE, infos)


def test_recorded_camera_info_aligns_a_plane_as_its_homography_does(calibrated_bag: Path) -> None:
    flat = AlignmentSettings("homography", plane_homography().ravel())
    calibrated, plane = (
        open_dataset(calibrated_bag, options=Options(topics=TOPICS, alignment=settings))[0]
        for settings in (CALIBRATED, flat)
    )
    assert calibrated.valid is not None and plane.valid is not None
    assert (calibrated.valid != plane.valid).mean() < 1e-3
    both = (calibrated.valid & plane.valid) > 0
    assert both.mean() > 0.5
    assert np.abs(calibrated.thermal[both].astype(int) - plane.thermal[both]).max() <= 1


def test_calibration_files_stand_in_for_what_was_not_recorded(
    bag: Path, calibrated_bag: Path, tmp_path: Path
) -> None:
    given = Options(topics=TOPICS, alignment=CALIBRATED)
    with pytest.raises(PairError, match="no camera_info on /rig/thermal/camera_info; .* needs it"):
        open_dataset(bag, options=given)
    files = (
        calibration_file(tmp_path / "t.yaml", THERMAL_CAMERA),
        calibration_file(tmp_path / "r.yaml", RGB_CAMERA),
    )
    options = Options(topics=TOPICS, alignment=CALIBRATED, camera_info=files)
    recorded = open_dataset(calibrated_bag, options=given)[0]
    np.testing.assert_array_equal(open_dataset(bag, options=options)[0].thermal, recorded.thermal)


def calibration_file(file: Path, camera: Camera) -> Path:
    """Write a calibration as camera_calibration_parsers does."""
    content = {
        "image_width": camera.width,
        "image_height": camera.height,
        "camera_matrix": {"rows": 3, "cols": 3, "data": list(camera.matrix)},
        "distortion_model": "",
        "distortion_coefficients": {"rows": 1, "cols": 0, "data": []},
    }
    file.write_text(json.dumps(content))
    return file


def test_a_folder_has_no_camera_info_of_its_own(tmp_path: Path) -> None:
    for side, picture in (("ir", moment().thermal), ("vi", moment().rgb)):
        write_picture(tmp_path / side / "a.png", picture)
    with pytest.raises(PairError, match="only bags hold camera_info; .* calibration files of both"):
        open_dataset(tmp_path, options=Options(alignment=CALIBRATED))


def test_pictures_of_another_size_than_calibrated_are_named(bag: Path, tmp_path: Path) -> None:
    wide = Camera(640, 480, RGB_CAMERA.matrix)
    files = [calibration_file(tmp_path / "c.yaml", wide)] * 2
    options = Options(topics=TOPICS, alignment=CALIBRATED, camera_info=(files[0], files[1]))
    dataset = open_dataset(bag, options=options)
    with pytest.raises(PictureError, match="drive/000000: a picture is 320x240, .* for 640x480"):
        dataset[0]
