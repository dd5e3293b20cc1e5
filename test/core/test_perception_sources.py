# SPDX-License-Identifier: Apache-2.0
"""Labelled data sets in memory, as a task network sees them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from picture_files import HEIGHT, WIDTH, write, write_pair

from bifuse_core.data.faults import PairError
from bifuse_core.data.sample import Sample
from bifuse_core.engine.engine import Engine
from bifuse_core.imaging.thermal import ThermalNormaliser
from bifuse_core.nets.checkpoint import CheckpointError
from bifuse_core.nets.zoo import shipped_weights
from bifuse_core.perception.inputs import input_by_name, rgb
from bifuse_core.perception.settings import TaskSourceSettings
from bifuse_core.perception.sources import Source, open_sources

BOX = "0.5 0.5 0.25 0.5"


def folder(path: Path, count: int = 5) -> Path:
    """Write pairs; all but the first have a label file."""
    for number in range(count):
        write_pair(path / f"ir/{number}.png", path / f"vi/{number}.png", number)
    (path / "labels").mkdir()
    for number in range(1, count):
        (path / f"labels/{number}.txt").write_text(f"1 {BOX}\n2 {BOX}\n0 {BOX}\n")
    return path


def opened(path: Path, task: str = "detection", **changes: Any) -> Source:
    read_as = {"car": "vehicle", "dog": "ignore"}
    content = {"path": "a", "classes": ["person", "dog", "car"], "read_as": read_as}
    (source,) = open_sources([TaskSourceSettings(**{**content, **changes})], path, task, rgb)
    return source


def test_labelled_samples_come_with_our_classes_and_with_what_is_known(tmp_path: Path) -> None:
    folder(tmp_path / "a")
    source = opened(tmp_path, known=["person"], weight=0.5, share=2)
    assert [sample.name for sample in source.samples] == ["1", "2", "3", "4"]
    assert (source.name, source.weight, source.share) == ("a", 0.5, 2)
    assert source.known == (True, False, False)
    for sample in source.samples:
        assert sample.labels is not None and sample.boxes is not None
        assert sample.labels.tolist() == [2, 0]
        box = [0.375 * WIDTH, 0.25 * HEIGHT, 0.625 * WIDTH, 0.75 * HEIGHT]
        assert sample.boxes.tolist() == [box, box]
        assert sample.ignore.tolist() == [box]
    assert [s.name for s in opened(tmp_path, first=1, every=2).samples] == ["2", "4"]
    # Of four labelled ones the middle two, and of these the last.
    assert [s.name for s in opened(tmp_path, part=[0.25, 0.75]).samples] == ["2", "3"]
    assert [s.name for s in opened(tmp_path, part=[0.25, 0.75], first=1).samples] == ["3"]
    with pytest.raises(ValueError, match="part is .*; the first must be below the second"):
        opened(tmp_path, part=[0.5, 0.5])
    with pytest.raises(ValueError, match="a: class 'dog' is none of"):
        opened(tmp_path, read_as={"car": "vehicle"})
    with pytest.raises(PairError, match="a: not one sample with labels for detection"):
        opened(tmp_path, first=4)


def test_crowds_of_a_coco_file_are_ignored_and_pictures_that_it_does_not_list_left_out(
    tmp_path: Path,
) -> None:
    path = folder(tmp_path / "a", 3)
    for file in (path / "labels").iterdir():
        file.unlink()
    (path / "labels").rmdir()
    annotation = {"image_id": 7, "category_id": 1, "bbox": [2, 3, 10, 12]}
    content = {
        "images": [{"id": 7, "file_name": "1"}],
        "categories": [{"id": 1, "name": "bicycle"}],
        "annotations": [{"id": 1, **annotation}, {"id": 2, **annotation, "iscrowd": 1}],
    }
    (path / "weak_labels.json").write_text(json.dumps(content))
    (sample,) = opened(tmp_path, classes=None, read_as={}).samples
    assert sample.name == "1"
    assert sample.labels is not None and sample.labels.tolist() == [1]
    assert sample.ignore.tolist() == [[2, 3, 12, 15]]


def test_rendered_scenes_are_a_source(tmp_path: Path) -> None:
    settings = TaskSourceSettings(rendered=2, seed=4)
    (source,) = open_sources([settings], tmp_path, "detection", rgb)
    assert source.name == "rendered 4" and len(source.samples) == 2
    assert all(sample.rgb.shape == (480, 640, 3) for sample in source.samples)
    labels = np.concatenate([sample.labels for sample in source.samples])
    assert len(labels) and set(labels.tolist()) <= {0, 1, 2}


def sample(dtype: Any = np.uint8) -> Sample:
    random = np.random.default_rng(0)
    thermal = random.integers(0, np.iinfo(dtype).max, (32, 48)).astype(dtype)
    return Sample("a", thermal, random.integers(0, 256, (32, 48, 3)).astype(np.uint8))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("name", ["max", "mean", "edge"])
def test_a_fusion_is_seen_as_the_engine_shows_it(name: str, dtype: Any) -> None:
    pair = sample(dtype)
    shown = Engine(name, device="cpu").fuse(pair.thermal, pair.rgb, 0)
    thermal = ThermalNormaliser()(pair.thermal, 0)
    normalised = Sample("a", thermal, pair.rgb)
    assert np.array_equal(input_by_name(name, "cpu")(normalised), shown)
    if name == "edge":
        file = shipped_weights("edge")
        assert np.array_equal(input_by_name(f"edge={file}", "cpu")(normalised), shown)


def test_a_camera_alone_is_seen_as_it_is() -> None:
    pair = sample()
    normalised = Sample("a", ThermalNormaliser()(pair.thermal, 0), pair.rgb)
    assert np.array_equal(input_by_name("rgb")(normalised), pair.rgb)
    grey = input_by_name("thermal")(normalised)
    assert grey.dtype == np.uint8
    assert all(np.array_equal(grey[..., channel], pair.thermal) for channel in range(3))


def test_inputs_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no fusion 'minimum'"):
        input_by_name("minimum")
    with pytest.raises(CheckpointError, match="no such weights file"):
        input_by_name(f"edge={tmp_path / 'none.safetensors'}")


def test_thermal_counts_are_normalised_as_a_robot_would(tmp_path: Path) -> None:
    path = tmp_path / "a"
    counts = np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(HEIGHT, WIDTH) * 20
    write(path / "ir/0.png", counts)
    write(path / "vi/0.png", np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    (path / "labels").mkdir()
    (path / "labels/0.txt").write_text("")
    settings = TaskSourceSettings(path=Path("a"), classes=["person"])
    (source,) = open_sources([settings], tmp_path, "detection", input_by_name("thermal"))
    expected = np.rint(255 * ThermalNormaliser()(counts, 0)).astype(np.uint8)
    assert np.array_equal(source.samples[0].rgb[..., 0], expected)
    assert source.samples[0].boxes is not None and len(source.samples[0].boxes) == 0
