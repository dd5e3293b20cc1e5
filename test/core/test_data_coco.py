# SPDX-License-Identifier: Apache-2.0
"""COCO files: what they say is what arrives, and each fault is named with its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from picture_files import HEIGHT, WIDTH

from bifuse_core.data.annotations.coco import frame_key, read_coco
from bifuse_core.data.faults import LabelError, PairError, refuse


def coco(tmp_path: Path, **changes: Any) -> Path:
    content = {
        "images": [
            {"id": 7, "file_name": "a/0003.jpg", "width": WIDTH, "height": HEIGHT},
            {"id": 8, "file_name": "b.png", "width": WIDTH, "height": HEIGHT},
        ],
        "categories": [{"id": 5, "name": "car"}, {"id": 2, "name": "person"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 5, "bbox": [1, 2, 10, 20], "iscrowd": 0},
            {"id": 2, "image_id": 7, "category_id": 2, "bbox": [0, 0, 5, 5], "iscrowd": 1},
        ],
    }
    file = tmp_path / "labels.json"
    file.write_text(json.dumps(content | changes), encoding="utf-8")
    return file


def test_coco_boxes_crowds_and_categories_in_the_order_of_their_ids(tmp_path: Path) -> None:
    content = read_coco(coco(tmp_path))
    assert content.classes == ("person", "car")
    reader = content.of("a/000003")
    assert reader
    found = reader.read(HEIGHT, WIDTH, refuse)
    np.testing.assert_array_equal(found.boxes, [[1, 2, 11, 22]])
    assert found.labels.tolist() == [1]
    np.testing.assert_array_equal(found.ignore, [[0, 0, 5, 5]])
    empty = content.of("b")
    assert empty
    assert empty.read(HEIGHT, WIDTH, refuse).boxes.shape == (0, 4)
    assert content.of("c") is None


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("x/0012.jpg", ("x", "12")),
        ("x/a.TIFF", ("x", "a")),
        ("0000", (".", "0")),
        ("1.5/a.b.png", ("1.5", "a.b")),
        ("scene.day", (".", "scene.day")),
        ("scene.day.png", (".", "scene.day")),
    ],
)
def test_names_are_compared_without_suffix_and_leading_zeros(
    name: str, key: tuple[str, str]
) -> None:
    assert frame_key(name) == key


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"images": 3}, "not readable as COCO"),
        ({"categories": [{"id": 2, "name": "person"}]}, "category 5 is none of"),
        ({"images": []}, "image 7 is not in the file"),
    ],
)
def test_a_faulty_coco_file_is_named(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    file = coco(tmp_path, **changes)
    faults: list[PairError] = []
    read_coco(file, None, faults.append)
    assert says in str(faults[0])
    assert str(file) in str(faults[0])
    with pytest.raises(LabelError, match=says):
        read_coco(file)


def test_a_second_image_of_one_picture_is_named_and_the_first_is_read(tmp_path: Path) -> None:
    images = [{"id": 7, "file_name": "a/0003.jpg"}, {"id": 8, "file_name": "a/3.png"}]
    file = coco(tmp_path, images=images)
    faults: list[PairError] = []
    image = read_coco(file, None, faults.append).of("a/3")
    assert image is not None
    assert len(image.drawn) == 2
    assert [str(f) for f in faults] == [
        f"{file}, a/3.png: is the same picture as {file}, a/0003.jpg"
    ]


def test_a_second_image_of_one_number_is_named(tmp_path: Path) -> None:
    file = coco(tmp_path, images=[{"id": 7, "file_name": "a.png"}, {"id": 7, "file_name": "b.png"}])
    faults: list[PairError] = []
    content = read_coco(file, None, faults.append)
    assert [str(fault) for fault in faults] == [f"{file}, b.png: a second image 7"]
    assert content.of("a") is not None
    assert content.of("b") is None


def test_categories_that_differ_in_spelling_are_one_class(tmp_path: Path) -> None:
    categories = [{"id": 5, "name": "car"}, {"id": 2, "name": "Car"}]
    content = read_coco(coco(tmp_path, categories=categories))
    assert content.classes == ("Car",)
    image = content.of("a/3")
    assert image is not None
    assert [box.label for box in image.drawn] == [0, 0]


def test_one_faulty_annotation_does_not_hide_the_others(tmp_path: Path) -> None:
    good = {"image_id": 7, "category_id": 5, "bbox": [1, 2, 3, 4]}
    bad = [{**good, "bbox": [1, 2]}, {"image_id": 7, "category_id": 5}, {**good, "bbox": "wide"}]
    file = coco(tmp_path, annotations=[bad[0], good, bad[1], good, bad[2]])
    faults: list[PairError] = []
    content = read_coco(file, None, faults.append)
    for number, fault in zip((0, 2, 4), faults, strict=True):
        assert f"annotation number {number}: " in str(fault)
    image = content.of("a/0003.jpg")
    assert image is not None
    assert len(image.drawn) == 2


def test_coco_boxes_for_another_size_are_refused(tmp_path: Path) -> None:
    reader = read_coco(coco(tmp_path)).of("b.png")
    assert reader
    with pytest.raises(LabelError, match="made for a picture of 32x24, not 64x48"):
        reader.read(48, 64, refuse)
