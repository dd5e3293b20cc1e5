# SPDX-License-Identifier: Apache-2.0
"""Recordings of cameras that do not see the same pixels: fused, labelled and read as aligned."""

from __future__ import annotations

import argparse
import json
import pickle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

pytest.importorskip("rosbags", reason="rosbags is not installed")

import misaligned_bag  # noqa: E402
import rendered_bag  # noqa: E402

from bifuse_core.__main__ import main  # noqa: E402
from bifuse_core.bilevel.camera_options import chosen_cameras  # noqa: E402
from bifuse_core.bilevel.sections import CameraSettings  # noqa: E402
from bifuse_core.data.datasets import open_dataset  # noqa: E402
from bifuse_core.data.faults import PictureError  # noqa: E402
from bifuse_core.data.filling import filled  # noqa: E402
from bifuse_core.data.layouts.layout import Options  # noqa: E402
from bifuse_core.data.pictures import write_picture  # noqa: E402
from bifuse_core.data.tensors import TensorPairs, normalised  # noqa: E402
from bifuse_core.engine.aligned import AlignedFusion  # noqa: E402
from bifuse_core.engine.engine import Engine  # noqa: E402
from bifuse_core.imaging.alignment.settings import AlignmentSettings  # noqa: E402
from bifuse_core.imaging.thermal import ThermalNormaliser, ThermalSettings  # noqa: E402
from bifuse_core.perception.inputs import input_by_name  # noqa: E402

COUNT, RATE = 3, 2.0
SIZE, THERMAL_SIZE = (240, 320), (250, 330)
BLIND = 60
"""RGB columns at the left that the thermal camera does not see."""
TOPICS = ("/rig/thermal/image_raw", "/rig/rgb/image_raw")
VIEW = misaligned_bag.thermal_view(SIZE, 1.1, BLIND)
HOMOGRAPHY = AlignmentSettings("homography", VIEW.ravel())
CENTIKELVIN = ThermalSettings("centikelvin")
SEEN = np.s_[20:220, BLIND + 15 : 305]
"""Pixels of RGB that the thermal camera sees, and their neighbours too."""


@pytest.fixture(scope="module")
def frames() -> Any:
    return rendered_bag.drive("dusk", COUNT, rate=RATE, seed=4)


@pytest.fixture(scope="module")
def taken(frames: Any) -> Any:
    return misaligned_bag.seen_by(frames, VIEW, THERMAL_SIZE)


@pytest.fixture(scope="module")
def bag(taken: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return misaligned_bag.record(tmp_path_factory.mktemp("rig") / "drive", taken, RATE, {})


@pytest.fixture(scope="module")
def parameters(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return `--params` of the two files that a robot has, and the topics."""
    folder = tmp_path_factory.mktemp("parameters")
    node = {"thermal": {"unit": "centikelvin", "transport": "raw"}, "sync.method": "cadence"}
    found = {
        "reference": "rgb",
        "alignment.method": "homography",
        "alignment.homography": VIEW.ravel().tolist(),
    }
    files = [
        misaligned_bag.write_parameters(folder / "my_bifuse.yaml", {**node, "network": "edge"}),
        misaligned_bag.write_parameters(folder / "alignment.yaml", found),
    ]
    return ["--params", *map(str, files), "--camera", f"topics=[{','.join(TOPICS)}]"]


def live(
    network: str,
    taken: Any,
    reference: str,
    settings: AlignmentSettings,
    thermal: ThermalSettings = CENTIKELVIN,
) -> list[Any]:
    """Return what the node makes of the moments."""
    engine = Engine(network, device="cpu", thermal=thermal)
    fuse = AlignedFusion(engine, settings, reference, {}.__getitem__)
    late = rendered_bag.LATE * (reference == "thermal")
    return [
        fuse(frame.thermal, frame.rgb, rendered_bag.stamp(number, RATE) - late)
        for number, frame in enumerate(taken)
    ]


def pictures(folder: Path) -> list[np.ndarray[Any, Any]]:
    files = sorted(folder.rglob("*.png"))
    return [np.asarray(cv2.imread(str(file)))[..., ::-1] for file in files]


@pytest.mark.parametrize("reference", ["rgb", "thermal"])
def test_a_bag_is_fused_as_the_node_fuses_it(
    taken: Any, bag: Path, parameters: list[str], tmp_path: Path, reference: str
) -> None:
    matrix = VIEW if reference == "rgb" else np.linalg.inv(VIEW)
    more = [f"reference={reference}", f"alignment.homography={matrix.ravel().tolist()}"]
    out = tmp_path / "out"
    command = ["fuse", str(bag), "--out", str(out), "--network", "vsm", "--device", "cpu"]
    assert main([*command, *parameters, *more]) == 0
    settings = AlignmentSettings("homography", matrix.ravel())
    expected = live("vsm", taken, reference, settings)
    np.testing.assert_array_equal(pictures(out), expected)
    assert expected[0].shape[:2] == (SIZE if reference == "rgb" else THERMAL_SIZE)


def test_labels_are_those_of_aligned_cameras(
    frames: Any, taken: Any, bag: Path, parameters: list[str], tmp_path: Path
) -> None:
    plain = rendered_bag.record(tmp_path / "plain", frames, RATE)
    # Two views have two ranges, unless these are fixed.
    fixed = ["thermal.range=fixed", "thermal.minimum=0", "thermal.maximum=30"]
    unit = ["--camera", "thermal.unit=centikelvin"]
    for source, more, out in ((plain, unit, "aligned"), (bag, parameters, "rig")):
        command = ["label", str(source), "--out", str(tmp_path / out), "--every", "2"]
        assert main([*command, "--threads", "1", *more, *fixed]) == 0
    # The pictures are those of the node; where both cameras see, those of aligned cameras.
    thermal = ThermalSettings("centikelvin", range="fixed", minimum=0, maximum=30)
    node = np.array(live("edge", taken, "rgb", HOMOGRAPHY, thermal), int)[::2]
    rig, aligned = (np.array(pictures(tmp_path / o / "fused"), int) for o in ("rig", "aligned"))
    assert np.abs(rig - node).max() <= 1
    # The blur of the warp; three pixels beside the truth it would be 7 levels.
    assert np.abs(rig - aligned)[(slice(None), *SEEN)].mean() < 1.5
    for picture, frame in zip(rig, frames[::2], strict=True):
        np.testing.assert_array_equal(picture[25:215, :40], frame.rgb[25:215, :40])
    # Objects that lie where both cameras see are found in both, within the blur of the warp.
    found, known = (sure_boxes(tmp_path / o / "labels.json") for o in ("rig", "aligned"))
    overlaps = [
        max(iou(box, other) for n, other, _ in found if n == name)
        for name, box, score in known
        if box[0] > SEEN[1].start and score > 0.5 and box[2] - box[0] > 8
    ]
    assert len(overlaps) > 5 and min(overlaps) > 0.4
    assert np.mean(overlaps) > 0.8


def test_both_trainings_take_a_misaligned_bag(
    frames: Any, bag: Path, parameters: list[str], tmp_path: Path
) -> None:
    labels = rendered_bag.write_truth(bag.parent / "true.json", frames, RATE)
    brief = ["crop.size=[96,128]", "batch=1", "steps=1", "crop.mosaic=0"]
    retrain = ["retrain", str(bag), "--labels", str(labels), "--out", str(tmp_path / "own")]
    more = ["--device", "cpu", "--threads", "1", "--set", *brief]
    # One step is no better than none, or by chance.
    assert main([*retrain, *parameters, *more]) in (0, 1)
    written = yaml.safe_load((tmp_path / "own/retrain.yaml").read_text())
    source = written["sources"][0]
    assert source["alignment"] == {"method": "homography", "homography": VIEW.ravel().tolist()}
    assert source["thermal"] == {"unit": "centikelvin"} and source["topics"] == list(TOPICS)

    source = {key: source[key] for key in ("topics", "thermal", "alignment")}
    data = {"sources": [{"path": "drive", **source}], "crop": 48, "batch": 1, "validation_every": 0}
    config = tmp_path / "run.yaml"
    config.write_text(yaml.safe_dump({"network": "edge", "data": data, "warm_start": 1}))
    train = ["train", str(config), "--data", str(bag.parent), "--out", str(tmp_path / "run")]
    assert main([*train, "--device", "cpu", "--threads", "1"]) == 0
    assert (tmp_path / "run/edge.safetensors").is_file()


def sure_boxes(file: Path) -> list[tuple[str, list[float], float]]:
    """Return picture, corners and score of each object in a COCO file."""
    content = json.loads(file.read_text())
    names = {one["id"]: one["file_name"] for one in content["images"]}
    return [
        (names[one["image_id"]], [x, y, x + width, y + height], one["attributes"]["score"])
        for one in content["annotations"]
        if not one["iscrowd"]
        for x, y, width, height in (one["bbox"],)
    ]


def iou(a: list[float], b: list[float]) -> float:
    width = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return width * height / (sum(areas) - width * height)


def test_samples_lie_in_the_grid_of_the_reference(frames: Any, taken: Any, bag: Path) -> None:
    rendered_bag.write_truth(bag.parent / "true.json", frames, RATE)
    options = Options(topics=TOPICS, alignment=HOMOGRAPHY, labels="true.json")
    dataset = pickle.loads(pickle.dumps(open_dataset(bag, options=options)))
    live_limits = ThermalNormaliser(CENTIKELVIN)
    for number, (frame, seen) in enumerate(zip(frames, taken, strict=True)):
        sample = dataset[number]
        np.testing.assert_array_equal(sample.rgb, frame.rgb)
        np.testing.assert_allclose(sample.boxes, frame.boxes)
        away = np.abs(sample.thermal[SEEN].astype(float) - frame.thermal[SEEN])
        # Twice interpolated: hundredths of a kelvin, beside contrasts of tens of kelvin.
        assert away.mean() < 15
        assert sample.valid is not None
        assert sample.valid[SEEN].all() and not sample.valid[25:215, :40].any()
        # Measured on what the camera took.
        assert dataset.thermal_limits(number, CENTIKELVIN) == live_limits.limits(
            seen.thermal, rendered_bag.stamp(number, RATE)
        )


@pytest.mark.parametrize("reference", ["rgb", "thermal"])
def test_where_one_camera_sees_nothing_both_pictures_say_the_same(
    bag: Path, reference: str
) -> None:
    matrix = VIEW if reference == "rgb" else np.linalg.inv(VIEW) @ np.diag([1.3, 1.3, 1])
    alignment = AlignmentSettings("homography", matrix.ravel())
    dataset = open_dataset(
        bag, options=Options(topics=TOPICS, alignment=alignment, reference=reference)
    )
    (tensors, *_) = TensorPairs(dataset, CENTIKELVIN)
    sample = dataset[0]
    assert sample.valid is not None
    blind = sample.valid == 0
    assert 0.05 < blind.mean() < 0.5
    assert (tensors.thermal[0] - tensors.luma[0]).abs().numpy()[blind].max() < 1.5 / 255
    assert (tensors.thermal[0] - tensors.luma[0]).abs().numpy()[~blind].mean() > 0.05
    # As counts, what is filled in has the same levels.
    limits = dataset.thermal_limits(0, CENTIKELVIN)
    assert limits is not None
    level = normalised(filled(sample, limits), limits=limits).thermal
    np.testing.assert_allclose(level, tensors.thermal[0], atol=1e-3)


def test_a_single_camera_is_grey_where_it_sees_nothing(bag: Path) -> None:
    options = Options(topics=TOPICS, alignment=HOMOGRAPHY)
    sample = normalised(open_dataset(bag, options=options)[0])
    assert sample.valid is not None
    assert (input_by_name("thermal")(sample)[sample.valid == 0] == 114).all()
    np.testing.assert_array_equal(input_by_name("rgb")(sample), sample.rgb)


def test_pictures_of_a_folder_keep_their_own_thermal_range(taken: Any, tmp_path: Path) -> None:
    for side, picture in (("ir", taken[0].thermal), ("vi", taken[0].rgb)):
        write_picture(tmp_path / side / "a.png", picture)
    dataset = open_dataset(tmp_path, options=Options(alignment=HOMOGRAPHY))
    assert dataset[0].thermal.shape == SIZE
    alone = ThermalNormaliser(CENTIKELVIN).limits(taken[0].thermal, 0)
    assert dataset.thermal_limits(0, CENTIKELVIN) == alone
    assert dataset.thermal_limits(0, ThermalSettings(range="fixed")) is None
    with pytest.raises(PictureError, match="unless alignment.method says how they lie"):
        open_dataset(tmp_path)[0]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--params", "{folder}/magic.yaml"], "{folder}/magic.yaml: alignment.method: "),
        (
            ["--params", "{folder}/typo.yaml"],
            "alignment.methud: no such key; did you mean 'method'",
        ),
        (["--params", "{folder}/none.yaml"], "{folder}/none.yaml"),
        (
            ["--camera", "alignment.homography=[1,2]"],
            "--camera: alignment.homography is [1.0, 2.0]",
        ),
        (["--camera", "reference=lidar"], "--camera: reference: "),
        (["--camera", "alignment.method=calibrated"], "no camera_info on /rig/thermal/camera_info"),
        (["--camera", "alignment.method=none"], "one size, unless alignment.method says"),
    ],
)
@pytest.mark.parametrize("command", ["fuse", "label"])
def test_alignments_that_cannot_be_are_one_line(
    bag: Path,
    tmp_path: Path,
    command: str,
    more: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    misaligned_bag.write_parameters(tmp_path / "magic.yaml", {"alignment.method": "magic"})
    misaligned_bag.write_parameters(tmp_path / "typo.yaml", {"alignment": {"methud": "none"}})
    topics = f"topics=[{','.join(TOPICS)}]"
    options = (
        ["--camera", *more[1:], topics] if more[0] == "--camera" else [*more, "--camera", topics]
    )
    options = [part.format(folder=tmp_path) for part in options]
    assert main([command, str(bag), "--out", str(tmp_path / "out"), *options]) == 2
    error = capsys.readouterr().err
    assert message.format(folder=tmp_path) in error
    assert "Traceback" not in error


def test_a_source_of_a_training_takes_the_node_s_parameters() -> None:
    settings = CameraSettings(
        alignment={"method": "homography", "homography": VIEW.ravel().tolist()},
        reference="thermal",
    )
    assert settings.options.alignment == HOMOGRAPHY and settings.options.reference == "thermal"
    assert CameraSettings().options.one_size
    with pytest.raises(ValueError, match="not invertible"):
        CameraSettings(alignment={"homography": [0.0] * 9})


def test_the_package_s_parameter_file_says_the_defaults() -> None:
    file = Path(__file__).resolve().parents[2] / "config" / "bifuse.yaml"
    cameras = chosen_cameras(argparse.Namespace(params=[file], camera=[]))
    assert cameras.options == Options() and cameras.normalisation == ThermalSettings()
