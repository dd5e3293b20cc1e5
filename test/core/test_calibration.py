# SPDX-License-Identifier: Apache-2.0
"""Calibration of a rig: known homographies are found, pictures that tell none are refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import picture_files
import pytest
import yaml
from known_rigs import error_of, seen_by_rig, with_small_thermal

from bifuse_core.__main__ import main
from bifuse_core.calibration import estimation
from bifuse_core.calibration.edges import edge_field
from bifuse_core.calibration.estimation import CalibrationError, calibrated
from bifuse_core.calibration.geometry import magnification
from bifuse_core.calibration.patches import Patches
from bifuse_core.calibration.refinement import astray
from bifuse_core.data.evenly import evenly
from bifuse_core.data.faults import PairError
from bifuse_core.data.pairs import ImagePair, PairFiles
from bifuse_core.data.rendered.pairs import RenderedPairs
from bifuse_core.data.sources import open_pairs
from bifuse_core.data.videos import VideoFrame, VideoPairs
from bifuse_core.imaging.alignment.files import read_alignment

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
COUNT, LIMIT = 4, 2.0
SEQUENCES = ("0111_1753", "0111_1803", "0114_1609", "0115_1831", "0115_1834")
VIDEOS = ("0113_1714", "0117_1605", "1230_1202")
AGREED = 4.0
"""Pixels; the data sets are aligned by themselves to 0.4 to 3.5, as their edges say: what is near
lies elsewhere than what is far."""


@pytest.fixture(scope="module")
def rendered() -> list[ImagePair]:
    return list(RenderedPairs(COUNT, seed=3, width=400, height=300))


def real_pairs(name: str) -> list[ImagePair]:
    sequence, video = DATA / "m3svd" / "ir" / name, DATA / "m2vd" / "ir" / f"{name}.mp4"
    if sequence.is_dir():
        files = evenly(sorted(sequence.iterdir()), COUNT)
        others = DATA / "m3svd" / "vi" / name
        return [PairFiles(f.stem, f, next(others.glob(f"{f.stem}.*"))).read() for f in files]
    if video.is_file():
        videos = VideoPairs(video, DATA / "m2vd" / "vi" / video.name)
        return [VideoFrame(videos, n).read() for n in evenly(range(len(videos)), COUNT)]
    pytest.skip(f"{DATA} has no {name} on this machine")


@pytest.mark.parametrize("share", [1.0, 0.6])
def test_the_homography_of_a_rendered_rig_is_found(rendered: list[ImagePair], share: float) -> None:
    pairs, known = seen_by_rig(rendered, 4, share)
    found = calibrated(pairs, "rgb", LIMIT)
    sizes = pairs[0].rgb.shape[:2], pairs[0].thermal.shape
    assert error_of(found.matrix, known, *sizes) < 1.5
    assert (found.residual < 1, found.pairs) == (True, COUNT)
    points = np.stack(np.meshgrid(np.arange(sizes[0][1]), np.arange(sizes[0][0])), -1)
    there = cv2.perspectiveTransform(points.reshape(-1, 1, 2).astype(float), known)
    inside = ((there >= 0) & (there < sizes[1][::-1])).all(axis=2).mean()
    assert found.overlap == pytest.approx(inside, abs=0.03)


def test_the_thermal_camera_can_be_the_reference(rendered: list[ImagePair]) -> None:
    pairs, known = seen_by_rig(rendered, 5, 0.8)
    found = calibrated(pairs, "thermal", LIMIT)
    sizes = pairs[0].rgb.shape[:2], pairs[0].thermal.shape
    assert error_of(np.linalg.inv(found.matrix), known, *sizes) < 1.5


@pytest.mark.long
@pytest.mark.parametrize("name", [*SEQUENCES, *VIDEOS])
def test_the_homography_of_real_pairs_is_found(name: str) -> None:
    seed = (*SEQUENCES, *VIDEOS).index(name)
    pairs, known = seen_by_rig(real_pairs(name), seed, (1.0, 0.6)[seed % 2])
    found = calibrated(pairs, "rgb", LIMIT)
    assert found.residual < 2
    sizes = pairs[0].rgb.shape[:2], pairs[0].thermal.shape
    assert error_of(found.matrix, known, *sizes) < AGREED


def noise(count: int) -> list[ImagePair]:
    random = np.random.default_rng(0)
    return [
        ImagePair(
            str(number),
            random.integers(100, 140, (240, 320)).astype(np.uint8),
            random.integers(90, 110, (240, 320, 3)).astype(np.uint8),
        )
        for number in range(count)
    ]


def test_pairs_without_common_edges_are_refused(rendered: list[ImagePair]) -> None:
    grey = np.full((240, 320), 90, np.uint8)
    plain = [ImagePair("plain", grey, np.dstack([grey] * 3))] * 4
    for pairs in (noise(4), plain):
        with pytest.raises(CalibrationError, match="edges of both cameras agree in 0 of"):
            calibrated(pairs, "rgb", LIMIT)
    strangers = [
        ImagePair("mixed", one.thermal, np.ascontiguousarray(other.rgb[::-1]))
        for one, other in zip(rendered, rendered[::-1], strict=True)
    ]
    with pytest.raises(CalibrationError):
        calibrated(strangers, "rgb", LIMIT)


@pytest.mark.parametrize(("columns", "reference"), [(80, "rgb"), (160, "thermal")])
def test_the_homography_of_a_small_thermal_camera_is_found(
    rendered: list[ImagePair], columns: int, reference: str
) -> None:
    pairs, known = with_small_thermal(*seen_by_rig(rendered, 4, 1.0), columns, 0.8)
    found = calibrated(pairs, reference, LIMIT).matrix
    assert rgb_error(found, known, reference, pairs) < tolerable(known, pairs)


def test_a_limit_in_other_pixels_tells_where_it_comes_from(
    rendered: list[ImagePair], monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs, known = with_small_thermal(*seen_by_rig(rendered, 4, 1.0), 160, 0.8)
    monkeypatch.setattr(estimation, "COARSE", 1e-4)
    with pytest.raises(CalibrationError) as refused:
        calibrated(pairs, "thermal", 0.01)
    told = re.search(
        r"\d pixels of the reference, more than (\S+) "
        r"\(--limit 0.01, in pixels of the finer camera\)",
        str(refused.value),
    )
    assert told
    # Of RGB pixels, so many make a thermal one.
    scale = magnification(known, pairs[0].rgb.shape[:2])
    assert float(told[1]) == pytest.approx(0.01 * scale, rel=0.05)


def test_a_small_thermal_camera_that_shows_other_scenes_is_refused(
    rendered: list[ImagePair],
) -> None:
    pairs, _ = with_small_thermal(*seen_by_rig(rendered, 4, 1.0), 80, 0.8)
    strangers = [
        ImagePair("mixed", one.thermal, np.ascontiguousarray(other.rgb[::-1]))
        for one, other in zip(pairs, pairs[::-1], strict=True)
    ]
    with pytest.raises(CalibrationError):
        calibrated(strangers, "thermal", LIMIT)


def test_a_third_of_the_picture_that_lies_elsewhere_is_noticed() -> None:
    points = np.stack(np.meshgrid(np.arange(9.0), np.arange(9.0)), -1).reshape(-1, 2) * 48
    offsets, information = np.zeros((81, 2)), np.tile(np.eye(2), (81, 1, 1))
    offsets[::20] = 6, -6
    assert astray(Patches(points, offsets, information, 81)) < 1
    offsets[points[:, 1] >= 6 * 48] = 0, 4
    assert astray(Patches(points, offsets, information, 81)) == pytest.approx(4, abs=0.5)


@pytest.mark.long
@pytest.mark.parametrize("reference", ["rgb", "thermal"])
def test_small_thermal_cameras_of_real_pairs_are_found_or_refused(reference: str) -> None:
    names, found = (*SEQUENCES, *VIDEOS), 0
    for seed, name in enumerate(names):
        rig = seen_by_rig(real_pairs(name), seed, 1.0)
        pairs, known = with_small_thermal(*rig, 160, (0.9, 0.7)[seed % 2])
        try:
            matrix = calibrated(pairs, reference, LIMIT).matrix
        except CalibrationError:
            continue
        found += 1
        error = rgb_error(matrix, known, reference, pairs)
        assert error < max(AGREED, tolerable(known, pairs)), name
    assert found >= 0.8 * len(names) - 1


def rgb_error(
    found: np.ndarray, known: np.ndarray, reference: str, pairs: list[ImagePair]
) -> float:
    """Return by how many RGB pixels a calibration is wrong."""
    to_thermal = found if reference == "rgb" else np.linalg.inv(found)
    return error_of(to_thermal, known, pairs[0].rgb.shape[:2], pairs[0].thermal.shape)


def tolerable(known: np.ndarray, pairs: list[ImagePair]) -> float:
    """Return 2 RGB pixels, or half a thermal pixel where that is more, in RGB pixels."""
    return max(2.0, 0.5 / magnification(known, pairs[0].rgb.shape[:2]))


def test_pairs_of_no_one_rig_are_refused(rendered: list[ImagePair]) -> None:
    with pytest.raises(CalibrationError, match="there are 3 pairs; at least 4 are needed"):
        calibrated(rendered[:3], "rgb", LIMIT)
    smaller = ImagePair("small", rendered[0].thermal[:50, :60], rendered[0].rgb)
    with pytest.raises(CalibrationError, match="thermal pictures are 400x300 and 60x50"):
        calibrated([*rendered, smaller], "rgb", LIMIT)


def test_edges_keep_their_vectors_where_the_contrast_is_reversed() -> None:
    picture = cv2.GaussianBlur(np.random.default_rng(0).random((60, 80), np.float32), (0, 0), 2)
    np.testing.assert_allclose(edge_field(picture), edge_field(1 - picture), atol=1e-3)
    across = edge_field(np.repeat(picture[:1], 60, axis=0))
    # Edges of columns have the angle 0, those of rows 90 degrees: twice that turns the sign.
    assert across[..., 0].min() > -1e-3
    np.testing.assert_allclose(edge_field(across[..., 0].T.copy())[..., 1], 0, atol=1e-3)


def written(folder: Path, pairs: list[ImagePair]) -> Path:
    for number, pair in enumerate(pairs):
        picture_files.write(folder / "ir" / f"{number}.png", pair.thermal)
        picture_files.write(folder / "vi" / f"{number}.png", pair.rgb)
    return folder


def test_the_command_writes_what_the_node_loads(
    rendered: list[ImagePair], tmp_path: Path, capsys: Any
) -> None:
    pairs, known = seen_by_rig(rendered, 4, 0.6)
    folder, out = written(tmp_path / "pairs", pairs), tmp_path / "new" / "alignment.yaml"
    assert main(["calibrate", str(folder), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "residual 0." in printed and "4 pairs" in printed
    assert "pixels of the reference" in printed and "pixels of the reference" in out.read_text()
    settings = read_alignment(out)
    assert settings.method == "homography"
    sizes = pairs[0].rgb.shape[:2], pairs[0].thermal.shape
    assert error_of(np.reshape(settings.homography, (3, 3)), known, *sizes) < 1.5
    given = yaml.safe_load(out.read_text())["/**"]["ros__parameters"]
    assert given["reference"] == "rgb"
    assert main(["calibrate", str(folder), "--out", str(out)]) == 2
    assert "is there already" in capsys.readouterr().err


def test_a_bag_is_paired_by_the_parameters_of_its_robot(
    rendered: list[ImagePair], tmp_path: Path
) -> None:
    bag_files = pytest.importorskip("bag_files", reason="rosbags is not installed")
    messages: list[tuple[str, Any]] = []
    for number, pair in enumerate(rendered):
        stamp = 1_700_000_000_000_000_000 + number * 500_000_000
        messages.append(("/rgb/image_raw", bag_files.image(pair.rgb, "rgb8", stamp)))
        late = bag_files.image(pair.thermal, "16UC1", stamp + 100_000_000)
        messages.append(("/thermal/image_raw", late))
    bag, out = bag_files.write_bag(tmp_path / "drive", messages), tmp_path / "alignment.yaml"
    robot = tmp_path / "robot.yaml"
    values = {"sync.offset": -0.1, "reference": "thermal"}
    robot.write_text(yaml.safe_dump({"fusion_node": {"ros__parameters": values}}))
    assert main(["calibrate", str(bag), "--out", str(out)]) != 0
    assert not out.exists()
    assert main(["calibrate", str(bag), "--out", str(out), "--params", str(robot)]) == 0
    given = yaml.safe_load(out.read_text())["/**"]["ros__parameters"]
    assert given["reference"] == "thermal"


def test_the_command_refuses_in_one_line(tmp_path: Path, capsys: Any) -> None:
    folder, out = written(tmp_path, noise(4)), tmp_path / "alignment.yaml"
    assert main(["calibrate", str(folder), "--out", str(out)]) == 2
    (line,) = [x for x in capsys.readouterr().err.splitlines() if x.startswith("bifuse: ")]
    assert "edges of both cameras agree in 0 of" in line
    assert not out.exists()


@pytest.mark.parametrize("kind", ["folder", "bag", "videos"])
def test_pairs_of_two_sizes_are_read_where_that_is_asked_for(kind: str, tmp_path: Path) -> None:
    small, large = np.full((48, 64), 50, np.uint8), np.full((96, 128, 3), 90, np.uint8)
    paths = [tmp_path / "pairs"]
    if kind == "folder":
        written(paths[0], [ImagePair("one", small, large)])
    elif kind == "bag":
        pytest.importorskip("rosbags", reason="rosbags is not installed")
        from bag_files import image, write_bag

        messages = [
            ("/thermal/image_raw", image(small, "mono8", 1_000_000_000)),
            ("/rgb/image_raw", image(large, "rgb8", 1_000_000_000)),
        ]
        write_bag(paths[0], messages)
    else:
        paths = [tmp_path / "thermal.avi", tmp_path / "rgb.avi"]
        for path, picture in zip(paths, (np.dstack([small] * 3), large), strict=True):
            size = picture.shape[1], picture.shape[0]
            video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, size)
            video.write(picture)
            video.release()
    (pair,) = open_pairs(*paths, one_size=False)
    assert (pair.thermal.shape, pair.rgb.shape) == ((48, 64), (96, 128, 3))
    with pytest.raises(PairError, match="must be aligned and of one size"):
        list(open_pairs(*paths))
