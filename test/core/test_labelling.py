# SPDX-License-Identifier: Apache-2.0
"""Proposed labels: what three looks agree on, as COCO that others read, for folders and bags."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rosbags", reason="rosbags is not installed")

import rendered_bag  # noqa: E402
from faster_coco_eval import COCO  # noqa: E402

from bifuse_core.__main__ import main  # noqa: E402
from bifuse_core.data.annotations.coco import read_coco  # noqa: E402
from bifuse_core.data.datasets import open_dataset  # noqa: E402
from bifuse_core.data.faults import LabelError, refuse  # noqa: E402
from bifuse_core.data.layouts.layout import Options  # noqa: E402
from bifuse_core.engine.engine import Engine  # noqa: E402
from bifuse_core.imaging.thermal import ThermalNormaliser  # noqa: E402
from bifuse_core.labelling.agreement import Proposals, agreed  # noqa: E402
from bifuse_core.labelling.coco import Labelled, coco_of  # noqa: E402
from bifuse_core.labelling.page import doubt  # noqa: E402
from bifuse_core.metrics.detection import FoundBoxes  # noqa: E402
from bifuse_core.perception.inputs import input_by_name  # noqa: E402
from bifuse_core.perception.settings import TaskSourceSettings  # noqa: E402
from bifuse_core.perception.sources import open_sources  # noqa: E402

CLASSES = ("person", "bicycle", "vehicle")
COUNT, RATE = 4, 2.0


def found(*objects: tuple[list[float], int, float]) -> FoundBoxes:
    boxes, labels, scores = zip(*objects, strict=True) if objects else ((), (), ())
    return FoundBoxes(boxes, labels, scores)


def iou(a: Any, b: Any) -> float:
    """Return the intersection over union of two boxes, by the areas of pixels counted."""
    canvas = np.zeros((2, 400, 400), bool)
    for layer, (left, top, right, bottom) in zip(canvas, np.rint([a, b]).astype(int), strict=True):
        layer[top:bottom, left:right] = True
    return float((canvas[0] & canvas[1]).sum() / (canvas[0] | canvas[1]).sum())


def test_boxes_that_overlap_are_one_object_of_the_surest_box() -> None:
    person, near, far = [0, 0, 10, 20], [1, 0, 11, 20], [6, 0, 16, 20]
    fused = found((person, 0, 0.6), (far, 0, 0.4))
    thermal = found((near, 0, 0.8))
    rgb = found((near, 2, 0.7))
    proposals = agreed([fused, thermal, rgb], sure=0.5)
    np.testing.assert_array_equal(proposals.boxes, [near, near, far])
    assert proposals.labels.tolist() == [0, 2, 0]
    np.testing.assert_allclose(proposals.scores, [0.8, 0.7, 0.4], rtol=1e-6)
    assert proposals.agreement.tolist() == [2, 1, 1]
    # Seen by one alone: an object where it is sure, else neither object nor background.
    assert proposals.ignore.tolist() == [False, False, True]


def test_two_boxes_of_one_picture_are_two_objects() -> None:
    box, again = [0, 0, 10, 20], [0, 0, 10, 18]
    proposals = agreed([found((box, 0, 0.6), (again, 0, 0.5)), found((box, 0, 0.9))], sure=0.5)
    assert proposals.agreement.tolist() == [2, 1]
    assert proposals.ignore.tolist() == [False, False]
    assert len(agreed([found(), found()], sure=0.5).boxes) == 0


def test_parts_of_an_object_are_not_objects_and_no_sign_of_agreement() -> None:
    car, window, rear = [0, 0, 100, 60], [10, 5, 50, 25], [40, 0, 100, 60]
    driver = [20, 5, 40, 30]
    fused = found((car, 2, 0.9), (window, 2, 0.8), (driver, 0, 0.8))
    proposals = agreed([fused, found((rear, 2, 0.7)), found((window, 2, 0.6))], sure=0.5)
    np.testing.assert_array_equal(proposals.boxes, [car, driver])
    assert proposals.labels.tolist() == [2, 0]
    assert proposals.agreement.tolist() == [2, 1]
    # The part may be the surer one.
    proposals = agreed([found((car, 2, 0.6)), found((window, 2, 0.9))], sure=0.5)
    np.testing.assert_array_equal(proposals.boxes, [window])


def test_somebody_before_somebody_is_a_second_person() -> None:
    behind, before = [0, 0, 40, 100], [12, 20, 42, 100]
    assert len(agreed([found((behind, 0, 0.9), (before, 0, 0.8))], sure=0.5).boxes) == 2


def test_what_is_hardly_there_or_in_an_object_is_left_out() -> None:
    car, covered, beside = [0, 0, 100, 60], [20, 5, 40, 30], [95, 5, 115, 30]
    thermal = found((covered, 0, 0.45), (beside, 0, 0.45), ([200, 0, 220, 40], 0, 0.35))
    proposals = agreed([found((car, 2, 0.9)), thermal], sure=0.5)
    np.testing.assert_array_equal(proposals.boxes, [car, beside])
    assert proposals.ignore.tolist() == [False, True]
    # Two that are hardly sure are not enough, three are.
    faint = found(([0, 0, 10, 20], 0, 0.35))
    assert len(agreed([faint, faint, found()], sure=0.5).boxes) == 0
    assert agreed([faint] * 3, sure=0.5).ignore.tolist() == [False]
    # In one that is itself to be ignored it stands.
    proposals = agreed([found((car, 2, 0.48)), thermal], sure=0.5)
    np.testing.assert_array_equal(proposals.boxes, [car, covered, beside])
    assert proposals.ignore.all()


def test_the_doubts_of_all_objects_are_the_doubt_of_a_picture() -> None:
    ones = [found(([0, 0, 10, 20], 0, 0.9)), found(([0, 0, 10, 20], 0, 0.6)), found()]
    assert doubt(agreed(ones, 0.5), 3) == pytest.approx(1 - 0.9 * 2 / 3)
    both = [found(([0, 0, 10, 20], 0, 0.9), ([50, 0, 60, 20], 0, 0.6)), *ones[1:]]
    assert doubt(agreed(both, 0.5), 3) == pytest.approx(2 - 0.9 * 2 / 3 - 0.6 / 3)
    assert doubt(agreed([found()], 0.5), 3) == 0


def proposals() -> Proposals:
    return agreed([found(([1, 2, 11.5, 22], 2, 0.8), ([20, 2, 30, 9], 0, 0.4))], sure=0.5)


def test_a_coco_library_reads_objects_and_crowds() -> None:
    nothing = agreed([found()], sure=0.5)
    pictures = [Labelled("a/1", (24, 32), proposals()), Labelled("a/2", (24, 32), nothing)]
    coco = COCO(coco_of(pictures, CLASSES))
    assert [image["file_name"] for image in coco.dataset["images"]] == ["a/1.png", "a/2.png"]
    names = {category["id"]: category["name"] for category in coco.dataset["categories"]}
    assert list(names.values()) == [*CLASSES, "ignore"]
    (vehicle,) = coco.loadAnns(coco.getAnnIds(iscrowd=0))
    (ignored,) = coco.loadAnns(coco.getAnnIds(iscrowd=1))
    assert names[vehicle["category_id"]] == "vehicle" and vehicle["bbox"] == [1, 2, 10.5, 20]
    assert vehicle["area"] == 210 and vehicle["attributes"] == {"score": 0.8, "agreement": 1}
    assert names[ignored["category_id"]] == "ignore" and ignored["bbox"] == [20, 2, 10, 7]
    assert coco.getAnnIds(imgIds=[2]) == []


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("rendered") / "data"
    sizes = ["--width", "320", "--height", "240"]
    assert main(["render", "--out", str(place), "--count", "3", "--seed", "4", *sizes]) == 0
    return place


def test_a_labelled_folder_is_read_as_it_was_written(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "labelled"
    assert main(["label", str(folder), "--out", str(out), "--threads", "1"]) == 0
    assert f"to look through: {out / 'page.html'}" in capsys.readouterr().out
    source, labelled = open_dataset(folder), open_dataset(out)
    assert labelled.classes == (*CLASSES, "ignore") and len(labelled) == len(source) == 3
    coco = COCO(str(out / "labels.json"))
    by_name = {image["file_name"]: image["id"] for image in coco.dataset["images"]}
    engine, objects = Engine(detector="fcos_small", device="cpu"), 0
    for number in range(3):
        pair, read = source[number], labelled[number]
        assert read.name == pair.name and read.boxes is not None and read.labels is not None
        np.testing.assert_array_equal(read.thermal, pair.thermal)
        np.testing.assert_array_equal(read.rgb, pair.rgb)
        drawn = coco.loadAnns(coco.getAnnIds(imgIds=[by_name[f"{pair.name}.png"]], iscrowd=0))
        corners = [[x, y, x + w, y + h] for x, y, w, h in (one["bbox"] for one in drawn)]
        np.testing.assert_allclose(read.boxes, np.reshape(corners, (-1, 4)), atol=1e-3)
        # All that the robot is sure of is there, where it is no part of another.
        live = engine(pair.thermal, pair.rgb, number * 10**12)
        sure = [box for box, score in zip(live.boxes, live.scores, strict=True) if score > 0.6]
        for box in sure:
            assert max(iou(box, other) for other in (*read.boxes, *read.ignore)) > 0.4
        objects += len(sure)
    assert objects > 0
    page = (out / "page.html").read_text()
    ranked = [float(part.split(",")[0]) for part in page.split(": doubt ")[1:]]
    assert len(ranked) == 3 and ranked == sorted(ranked, reverse=True)
    for link in (*page.split('src="')[1:], *page.split('href="')[1:]):
        assert (out / link.split('"')[0]).is_file()
    assert page.count('href="') == 9 and "3 of 3 (" in page
    assert len(list((out / "fused").iterdir())) == 3


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--threshold", "1.5"], "--threshold is 1.5; it must be within 0..1"),
        (["--every", "0"], "--every is 0; it must be 1 or more"),
        (["--camera", "sync.slopp=1"], "--camera: sync.slopp: no such key; did you mean 'slop'?"),
        (["--out", "{folder}"], "{folder} holds something already and is not overwritten"),
        (["--fusion", "none"], "no fusion 'none'"),
    ],
)
def test_what_cannot_be_used_is_one_line(
    folder: Path,
    tmp_path: Path,
    more: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    more = [part.format(folder=folder) for part in more]
    assert main(["label", str(folder), "--out", str(tmp_path / "out"), *more]) == 2
    error = capsys.readouterr().err
    assert message.format(folder=folder) in error and error.count("\n") == 1


def test_a_labelled_bag_is_learnt_from_as_the_node_sees_it(tmp_path: Path) -> None:
    frames = rendered_bag.drive("night", COUNT, rate=RATE, width=160, height=120)
    bag = rendered_bag.record(tmp_path / "drive", frames, RATE)
    out = tmp_path / "labelled"
    label = ["label", str(bag), "--out", str(out), "--every", "2", "--threads", "1"]
    assert main(label) == 0
    stamps = [rendered_bag.stamp(number, RATE) for number in range(COUNT)]
    assert [file.stem for file in sorted((out / "ir").iterdir())] == list(map(str, stamps[::2]))
    page = (out / "page.html").read_text()
    assert f"1 of 2, 0.0 s ({stamps[0]})" in page and f"2 of 2, 1.0 s ({stamps[2]})" in page

    labels = "labelled/labels.json"
    dataset = open_dataset(bag, options=Options(labels=labels))
    written = read_coco(out / "labels.json")
    assert dataset.classes == (*CLASSES, "ignore")
    for number, frame in enumerate(frames):
        sample, known = dataset[number], written.of(str(stamps[number]))
        np.testing.assert_array_equal(sample.rgb, frame.rgb)
        if known is None:
            assert number % 2 and sample.boxes is None
        else:
            assert sample.boxes is not None
            expected = known.read(*frame.thermal.shape, refuse)
            np.testing.assert_array_equal(sample.boxes, expected.boxes)

    settings = TaskSourceSettings(path=Path("drive"), labels=labels)
    (source,) = open_sources([settings], tmp_path, "detection", input_by_name("thermal"))
    live = ThermalNormaliser()
    seen = [live(f.thermal, s) for f, s in zip(frames, stamps, strict=True)][::2]
    assert len(source.samples) == 2
    for sample, thermal in zip(source.samples, seen, strict=True):
        np.testing.assert_array_equal(sample.rgb[..., 0], np.rint(255 * thermal).astype(np.uint8))


def test_labels_of_another_recording_are_refused(tmp_path: Path) -> None:
    frames = rendered_bag.drive("day", 2, rate=RATE, width=64, height=64)
    bag = rendered_bag.record(tmp_path / "drive", frames, RATE)
    rendered_bag.write_truth(tmp_path / "own.json", frames, RATE)
    assert open_dataset(bag, options=Options(labels="own.json"))[1].boxes is not None
    rendered_bag.write_truth(tmp_path / "other.json", frames, RATE / 2)
    with pytest.raises(LabelError, match=r"other.json, images/\d+.png: is the stamp of no pair in"):
        open_dataset(bag, options=Options(labels="other.json"))
    with pytest.raises(LabelError, match="none.json: not readable as COCO"):
        open_dataset(bag, options=Options(labels="none.json"))


def test_regions_to_ignore_stay_that_where_a_program_forgets_crowds(tmp_path: Path) -> None:
    frames = rendered_bag.drive("day", 1, rate=RATE, width=64, height=64)
    rendered_bag.record(tmp_path / "drive", frames, RATE)
    content = coco_of([Labelled(str(rendered_bag.stamp(0, RATE)), (64, 64), proposals())], CLASSES)
    for annotation in content["annotations"]:
        annotation["iscrowd"] = 0
    (tmp_path / "labels.json").write_text(json.dumps(content))
    settings = TaskSourceSettings(path=Path("drive"), labels="labels.json")
    (source,) = open_sources([settings], tmp_path, "detection")
    (sample,) = source.samples
    assert sample.labels is not None and sample.labels.tolist() == [2]
    np.testing.assert_array_equal(sample.ignore, [[20, 2, 30, 9]])
