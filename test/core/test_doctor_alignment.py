# SPDX-License-Identifier: Apache-2.0
"""What `doctor` says about the alignment in a file of parameters."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bifuse_core.commands.doctor import alignment_finding
from bifuse_core.imaging.alignment.files import read_alignment, read_camera

ROOT = Path(__file__).resolve().parents[2]
CALIBRATION = {
    "image_width": 640,
    "image_height": 480,
    "distortion_model": "plumb_bob",
    "camera_matrix": {"rows": 3, "cols": 3, "data": [500.0, 0, 320, 0, 500.0, 240, 0, 0, 1]},
    "distortion_coefficients": {"rows": 1, "cols": 5, "data": [0.0] * 5},
}
CALIBRATED = {
    "alignment.method": "calibrated",
    "alignment.translation": [0.1, 0.0, 0.5],
    "alignment.distance": 10.0,
}


def written(file: Path, content: object) -> Path:
    file.write_text(yaml.safe_dump(content))
    return file


def parameters(folder: Path, values: object, node: str = "/**") -> Path:
    return written(folder / "params.yaml", {node: {"ros__parameters": values}})


def test_the_parallax_is_listed_over_the_range(tmp_path: Path) -> None:
    camera = written(tmp_path / "camera.yaml", CALIBRATION)
    finding = alignment_finding([parameters(tmp_path, CALIBRATED)], camera)
    # 500 pixels * 0.1 m * |1/range - 1/10|; forward distance makes no parallax.
    assert finding == (
        "calibrated, exact at 10 m; pixels of parallax: "
        "5.0 at 5 m, 0.0 at 10 m, 2.5 at 20 m, 4.0 at 50 m"
    )


def test_what_is_missing_for_the_parallax_is_named(tmp_path: Path) -> None:
    assert "by --camera" in alignment_finding([parameters(tmp_path, CALIBRATED)], None)
    in_line = CALIBRATED | {"alignment.translation": [0.0, 0.0, 0.5]}
    finding = alignment_finding([parameters(tmp_path, in_line, "/robot/fusion_node")], None)
    assert finding.startswith("calibrated, exact at 10 m; no parallax known")


def test_the_distance_of_a_homography_is_named_only_where_it_is_told(tmp_path: Path) -> None:
    homography = {"alignment": {"method": "homography"}}
    finding = alignment_finding([parameters(tmp_path, homography)], None)
    assert finding.startswith("homography, exact at the distance it was found at")
    assert "20" not in finding
    assert "alignment.distance" in finding and "alignment.translation" in finding
    told = CALIBRATED | {"alignment.method": "homography"}
    finding = alignment_finding([parameters(tmp_path, told)], None)
    assert finding.startswith("homography, exact at 10 m; ")


def test_of_several_files_the_last_that_names_a_value_counts(tmp_path: Path) -> None:
    robot = written(tmp_path / "robot.yaml", {"/**": {"ros__parameters": CALIBRATED}})
    found = parameters(tmp_path, {"alignment": {"method": "homography", "distance": 30.0}})
    # A file that aligns nothing may be among them.
    other = written(tmp_path / "other.yaml", {"/**": {"ros__parameters": {"sync.slop": 0.05}}})
    finding = alignment_finding([robot, found, other], written(tmp_path / "c.yaml", CALIBRATION))
    # The translation is that of the first: 500 pixels * 0.1 m * |1/5 - 1/30|.
    assert finding.startswith("homography, exact at 30 m; ")
    assert "8.3 at 5 m" in finding


def test_the_file_of_the_package_is_read() -> None:
    assert read_alignment(ROOT / "config" / "bifuse.yaml").method == "none"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"/camera": {"ros__parameters": {"a": 1}}}, "no ros__parameters of fusion_node"),
        (
            {"/**": {"ros__parameters": {"alignment.method": "magic"}}},
            "alignment.method is 'magic'",
        ),
        ({"/**": {"ros__parameters": {"alignment.methud": "none"}}}, "methud"),
        (["a"], "no mapping"),
    ],
)
def test_parameters_that_cannot_be_are_refused(
    tmp_path: Path, content: object, complaint: str
) -> None:
    file = written(tmp_path / "params.yaml", content)
    with pytest.raises(ValueError, match=f"{file}: .*{complaint}"):
        read_alignment(file)


def test_a_calibration_without_matrix_is_refused(tmp_path: Path) -> None:
    broken = {k: v for k, v in CALIBRATION.items() if k != "camera_matrix"}
    file = written(tmp_path / "camera.yaml", broken)
    with pytest.raises(ValueError, match="'camera_matrix' is missing"):
        read_camera(file)
