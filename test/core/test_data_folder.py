# SPDX-License-Identifier: Apache-2.0
"""The general layout: pictures or videos in two folders, with labels in any format, and lists."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import picture_files
import pytest
from picture_files import mask, thermal, voc, write_pair, yolo_folder

from bifuse_core.__main__ import main
from bifuse_core.data.check import check
from bifuse_core.data.classes import DETECTION_CLASSES, SEGMENTATION_CLASSES
from bifuse_core.data.datasets import list_dataset, open_dataset
from bifuse_core.data.faults import LabelError, PairError, PictureError
from bifuse_core.data.layouts.layout import Options


def test_a_folder_with_yolo_labels_and_masks(tmp_path: Path) -> None:
    yolo_folder(tmp_path)
    dataset = open_dataset(tmp_path)
    assert (dataset.classes, dataset.mask_classes) == (("person", "car"), ("road", "sky", "car"))
    a, b, c = (dataset[number] for number in range(3))
    np.testing.assert_allclose(a.boxes, [[12, 6, 20, 18]])
    assert (a.labels.tolist(), a.mask) == ([1], None)
    assert len(b.boxes) == 0
    assert c.boxes is None
    np.testing.assert_array_equal(c.mask, mask(0, 3))


def test_a_folder_with_voc_labels_names_its_own_classes(tmp_path: Path) -> None:
    write_pair(tmp_path / "ir/s/1.png", tmp_path / "vi/s/1.jpg")
    (tmp_path / "labels/s").mkdir(parents=True)
    (tmp_path / "labels/s/1.xml").write_text(voc(("dog", (1, 2, 5, 9)), ("cat", (1, 2, 5, 9))))
    dataset = open_dataset(tmp_path)
    assert dataset.classes == ("cat", "dog")
    assert (dataset[0].name, dataset[0].labels.tolist()) == ("s/1", [1, 0])


def test_names_that_differ_in_spelling_are_one_class_named_as_first_met(tmp_path: Path) -> None:
    for number, name in enumerate(("dog", "Car", "car")):
        write_pair(tmp_path / f"ir/{number}.png", tmp_path / f"vi/{number}.png")
        (tmp_path / "labels").mkdir(exist_ok=True)
        (tmp_path / f"labels/{number}.xml").write_text(voc((name, (1, 2, 5, 9))))
    dataset = open_dataset(tmp_path)
    assert dataset.classes == ("Car", "dog")
    assert [dataset[number].labels.tolist() for number in range(3)] == [[1], [0], [0]]


def test_broken_xml_is_reported_once(tmp_path: Path) -> None:
    write_pair(tmp_path / "ir/a.png", tmp_path / "vi/a.png")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/a.xml").write_text("<annotation><object>")
    (fault,) = check(list_dataset(tmp_path)).faults
    assert str(fault).startswith(f"{tmp_path}/labels/a.xml: not readable as XML")


def test_coco_pictures_without_a_pair_are_named(tmp_path: Path) -> None:
    for name in ("scene.day", "scene.night"):
        write_pair(tmp_path / f"ir/{name}.png", tmp_path / f"vi/{name}.png")
    names = ("scene.day.png", "scene.night.png", "lost/0001.png")
    content = {
        "images": [{"id": number, "file_name": name} for number, name in enumerate(names)],
        "categories": [{"id": 0, "name": "car"}],
        "annotations": [{"id": 0, "image_id": 1, "category_id": 0, "bbox": [1, 2, 3, 4]}],
    }
    (tmp_path / "labels.json").write_text(json.dumps(content))
    dataset = list_dataset(tmp_path)
    (fault,) = dataset.faults
    assert isinstance(fault, LabelError)
    assert str(fault) == f"{tmp_path}/labels.json, lost/0001.png: belongs to no pair"
    assert [len(dataset[number].boxes) for number in range(2)] == [0, 1]


@pytest.mark.parametrize("place", ["labels/all.json", "weak_labels.json", "other.json"])
def test_a_folder_with_one_coco_file(place: str, tmp_path: Path) -> None:
    for name in ("s/0000", "s/0001"):
        write_pair(tmp_path / f"ir/{name}.png", tmp_path / f"vi/{name}.png")
    content = {
        "images": [{"id": 1, "file_name": "s/0001"}],
        "categories": [{"id": 0, "name": "car"}],
        "annotations": [{"id": 0, "image_id": 1, "category_id": 0, "bbox": [1, 2, 3, 4]}],
    }
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text(json.dumps(content))
    labels = place if place == "other.json" else "labels"
    dataset = open_dataset(tmp_path, options=Options(labels=labels))
    assert dataset.classes == ("car",)
    assert dataset[0].boxes is None
    np.testing.assert_array_equal(dataset[1].boxes, [[1, 2, 4, 6]])


def test_frames_of_videos_are_samples(video: Callable[..., Path], tmp_path: Path) -> None:
    video("ir/drive.mp4", frames=5), video("vi/drive.mp4", frames=5)
    content = {
        "images": [{"id": 1, "file_name": "drive/0003", "width": 64, "height": 48}],
        "categories": [{"id": 0, "name": "car"}],
        "annotations": [],
    }
    (tmp_path / "labels.json").write_text(json.dumps(content))
    dataset = open_dataset(tmp_path)
    for number in (4, 0, 3, 1, 2):
        sample = dataset[number]
        assert sample.name == f"drive/{number:06d}"
        assert np.median(sample.thermal) == pytest.approx(20 * (number + 1), abs=4)
        assert (sample.boxes is None) == (number != 3)


def test_rendered_scenes_are_a_data_set(tmp_path: Path) -> None:
    sizes = ["--width", "96", "--height", "80", "--count", "2"]
    assert main(["render", "--out", str(tmp_path), *sizes]) == 0
    dataset = open_dataset(tmp_path)
    assert (dataset.classes, dataset.mask_classes) == (DETECTION_CLASSES, SEGMENTATION_CLASSES)
    for number in range(2):
        sample = dataset[number]
        assert sample.thermal.dtype == np.uint16
        assert sample.boxes is not None
        assert sample.mask is not None


def test_a_name_listed_twice_is_reported_and_read_once(tmp_path: Path) -> None:
    yolo_folder(tmp_path)
    (tmp_path / "val.txt").write_text("b\na.png\nb.jpg\n")
    dataset = list_dataset(tmp_path, options=Options(split="val"))
    assert [entry.pair.name for entry in dataset.entries] == ["b", "a"]
    assert [str(fault) for fault in dataset.faults] == [
        f"{tmp_path}/val.txt: lists b 2 times; it is read once"
    ]


def test_a_list_that_is_no_text_is_named(tmp_path: Path) -> None:
    yolo_folder(tmp_path)
    (tmp_path / "val.txt").write_bytes("Tür".encode("latin-1"))
    with pytest.raises(PairError, match=r"val\.txt: not readable: .* can't decode"):
        open_dataset(tmp_path, options=Options(split="val"))


def test_labels_without_names_of_classes_ask_for_them(tmp_path: Path) -> None:
    yolo_folder(tmp_path)
    (tmp_path / "classes.txt").unlink()
    with pytest.raises(PairError, match=r"write them to .*classes\.txt"):
        open_dataset(tmp_path)
    (tmp_path / "mask_classes.txt").unlink()
    names = Options(classes=("x", "y"))
    with pytest.raises(PairError, match=r"write them to .*mask_classes\.txt"):
        open_dataset(tmp_path, options=names)
    names = Options(classes=("x", "y"), mask_classes=("p", "q", "r"))
    assert open_dataset(tmp_path, options=names).classes == ("x", "y")


def test_orphans_are_all_listed_and_opening_names_the_first(tmp_path: Path) -> None:
    yolo_folder(tmp_path)
    (tmp_path / "ir/a.png").unlink()
    (tmp_path / "vi/b.png").unlink()
    picture_files.write(tmp_path / "ir/c.bmp", thermal())
    faults = [str(fault) for fault in list_dataset(tmp_path).faults]
    for start in ("vi/a.png: lacks its partner in ir/", "ir/b.png: lacks its partner in vi/"):
        assert f"{tmp_path}/{start}" in faults
    assert f"{tmp_path / 'ir'}: several files are named c" in faults
    assert f"{tmp_path}/labels/a.txt: belongs to no pair" in faults
    with pytest.raises((PictureError, LabelError), match=r"4 more \(`bifuse check` lists them\)"):
        open_dataset(tmp_path)
