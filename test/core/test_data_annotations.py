# SPDX-License-Identifier: Apache-2.0
"""Boxes: what the files say is what arrives, and each fault is named with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from picture_files import HEIGHT, WIDTH, voc

from bifuse_core.data.annotations.boxes import TOLERANCE, Boxes, BoxReader
from bifuse_core.data.annotations.coco import read_coco
from bifuse_core.data.annotations.voc import VocFile
from bifuse_core.data.annotations.yolo import YoloFile
from bifuse_core.data.faults import LabelError, PairError, refuse

NAMES = ("person", "car")
anywhere = settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def faults_of(reader: BoxReader) -> list[str]:
    """Return every fault, having seen that strict reading stops at the first."""
    faults: list[PairError] = []
    reader.read(HEIGHT, WIDTH, faults.append)
    if faults:
        with pytest.raises(type(faults[0])) as caught:
            reader.read(HEIGHT, WIDTH, refuse)
        assert str(caught.value) == str(faults[0])
    return [str(fault) for fault in faults]


def assert_sound(found: Boxes, classes: int) -> None:
    assert found.boxes.shape == (len(found.labels), 4)
    assert found.boxes.dtype == np.float32
    assert found.labels.dtype == np.int64
    for boxes in (found.boxes, found.ignore):
        assert np.isfinite(boxes).all()
        assert (boxes[:, 2:] > boxes[:, :2]).all()
        assert (boxes >= 0).all()
        assert (boxes <= [WIDTH, HEIGHT, WIDTH, HEIGHT]).all()
    assert ((found.labels >= 0) & (found.labels < classes)).all()


def yolo(tmp_path: Path, text: str) -> YoloFile:
    file = tmp_path / "a.txt"
    file.write_text(text, encoding="utf-8")
    return YoloFile(file, len(NAMES))


def test_yolo_boxes_become_corners_in_pixels(tmp_path: Path) -> None:
    found = yolo(tmp_path, "1 0.5 0.5 0.25 0.5\n\n0 0.125 0.25 0.25 0.5\n").read(24, 32, refuse)
    np.testing.assert_allclose(found.boxes, [[12, 6, 20, 18], [0, 0, 8, 12]])
    assert found.labels.tolist() == [1, 0]
    assert found.ignore.shape == (0, 4)


def test_an_empty_label_file_says_that_nothing_is_there(tmp_path: Path) -> None:
    assert yolo(tmp_path, "").read(24, 32, refuse).boxes.shape == (0, 4)


def test_rounding_beyond_the_edge_is_clipped(tmp_path: Path) -> None:
    beyond = 0.9 * TOLERANCE / WIDTH
    found = yolo(tmp_path, f"0 {beyond} 0.5 0.5 0.5\n0 0.25 0.5 {0.5 + 2 * beyond} 0.5")
    boxes = found.read(HEIGHT, WIDTH, lambda fault: None).boxes
    np.testing.assert_allclose(boxes, [[0, 6, 16.9, 18]], atol=1e-4)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("0 0.5 0.5 0.2", "is not class, x, y, width, height"),
        ("0 0.5 0.5 0.2 0.2 0.9", "is not class, x, y, width, height"),
        ("car 0.5 0.5 0.2 0.2", "'car 0.5 0.5 0.2 0.2' is not"),
        ("0.5 0.5 0.5 0.2 0.2", "is not class"),
        ("2 0.5 0.5 0.2 0.2", "label 2 is none of the 2 classes"),
        ("-1 0.5 0.5 0.2 0.2", "label -1 is none of the 2 classes"),
        ("0 0.5 0.5 0 0.2", "is empty"),
        ("0 0.5 0.5 -0.2 0.2", "is empty"),
        ("0 0.95 0.5 0.3 0.2", "reaches outside the picture of 32x24"),
        ("0 1.5 0.5 0.2 0.2", "outside"),
        ("0 nan 0.5 0.2 0.2", "is not finite"),
        ("0 1e400 0.5 0.2 0.2", "is not finite"),
    ],
)
def test_a_faulty_line_is_named_and_the_others_are_read(
    tmp_path: Path, line: str, says: str
) -> None:
    reader = yolo(tmp_path, f"0 0.5 0.5 0.5 0.5\n{line}\n1 0.5 0.5 0.5 0.5\n")
    (fault,) = faults_of(reader)
    assert fault.startswith(f"{tmp_path / 'a.txt'}:2: ")
    assert says in fault
    assert reader.read(HEIGHT, WIDTH, lambda fault: None).labels.tolist() == [0, 1]


@anywhere
@given(
    st.lists(
        st.lists(
            st.one_of(st.integers(-2, 3), st.floats(-0.5, 1.5), st.sampled_from(["nan", "x", ""])),
            min_size=4,
            max_size=6,
        ),
        max_size=6,
    )
)
def test_any_yolo_text_gives_sound_boxes_or_named_faults(tmp_path: Path, rows: list[Any]) -> None:
    reader = yolo(tmp_path, "\n".join(" ".join(str(word) for word in row) for row in rows))
    faults: list[PairError] = []
    found = reader.read(HEIGHT, WIDTH, faults.append)
    assert_sound(found, 2)
    assert all(isinstance(fault, LabelError) for fault in faults)
    lines = [row for row in rows if any(str(word).strip() for word in row)]
    assert len(found.labels) + len(faults) == len(lines)


@anywhere
@given(st.binary(max_size=60))
def test_any_bytes_in_any_label_file_are_boxes_or_named_faults(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "a"
    file.write_bytes(data)
    faults: list[PairError] = []
    for reader in (YoloFile(file, 2), VocFile(file, NAMES)):
        assert_sound(reader.read(HEIGHT, WIDTH, faults.append), 2)
    read_coco(file, NAMES, faults.append)
    assert {type(fault) for fault in faults} <= {LabelError}


def voc_file(tmp_path: Path, text: str, **options: Any) -> VocFile:
    file = tmp_path / "a.xml"
    file.write_text(text, encoding="utf-8")
    return VocFile(file, NAMES, **options)


def test_voc_corners_and_names(tmp_path: Path) -> None:
    text = voc(("Car", (1, 2, 11, 22)), ("PERSON", (0, 0, 32, 24)))
    found = voc_file(tmp_path, text).read(HEIGHT, WIDTH, refuse)
    np.testing.assert_array_equal(found.boxes, [[1, 2, 11, 22], [0, 0, 32, 24]])
    assert found.labels.tolist() == [1, 0]


def test_difficult_objects_are_regions_to_ignore(tmp_path: Path) -> None:
    text = voc(("car", (1, 2, 11, 22))).replace("<difficult>0", "<difficult>1")
    found = voc_file(tmp_path, text).read(HEIGHT, WIDTH, refuse)
    assert len(found.boxes) == 0
    np.testing.assert_array_equal(found.ignore, [[1, 2, 11, 22]])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("<annotation><object>", "not readable as XML"),
        (voc(("tree", (1, 2, 3, 4))), "object 1: 'tree' is none of person, car"),
        (voc(("car", (5, 2, 5, 4))), "object 1: box (5, 2, 5, 4) is empty"),
        (voc(("car", (1, 2, 40, 4))), "reaches outside the picture of 32x24"),
        (voc(("car", (1, 2, 3, 4))).replace("<xmax>3</xmax>", ""), "needs the numbers xmin"),
        (voc(("car", (1, 2, 3, 4)), size=(64, 48)), "made for a picture of 64x48, not 32x24"),
    ],
)
def test_a_faulty_voc_file_is_named(tmp_path: Path, text: str, says: str) -> None:
    (fault,) = faults_of(voc_file(tmp_path, text))
    assert fault.startswith(str(tmp_path / "a.xml"))
    assert says in fault


def test_the_size_in_a_voc_file_may_be_left_aside(tmp_path: Path) -> None:
    text = voc(("car", (1, 2, 3, 4)), size=(64, 48))
    assert len(voc_file(tmp_path, text, same_size=False).read(HEIGHT, WIDTH, refuse).boxes) == 1
