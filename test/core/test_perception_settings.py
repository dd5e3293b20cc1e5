# SPDX-License-Identifier: Apache-2.0
"""A configuration of a task is read as it is written, or refused with what is wrong in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from bifuse_core.data.sample import Sample
from bifuse_core.perception.labels import vocabulary_of
from bifuse_core.perception.settings import load_task_settings

ROOT = Path(__file__).resolve().parents[2]

PLAIN: dict[str, Any] = {
    "task": "detection",
    "network": "fcos_small",
    "sources": [{"path": "a"}],
    "steps": 10,
}


def written(folder: Path, **changes: Any) -> Path:
    file = folder / "task.yaml"
    file.write_text(yaml.safe_dump({**PLAIN, **changes}))
    return file


@pytest.mark.parametrize("file", sorted((ROOT / "config/tasks").glob("*.yaml")), ids=str)
def test_the_configurations_of_the_package_are_sound(file: Path) -> None:
    settings = load_task_settings(file)
    assert settings.network == file.stem
    trained = {(source.path, source.first, source.every) for source in settings.sources}
    assert not trained & {(source.path, source.first, source.every) for source in settings.scored}


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    source = {"path": "b", "classes": ["man"], "read_as": {"man": "person"}, "known": ["person"]}
    settings = load_task_settings(
        written(tmp_path, sources=[source, {"rendered": 5}], crop={"size": [64, 96]}),
        {"input": "max", "crop.mosaic": 0, "optimiser.learning_rate": 0.5},
    )
    assert settings.sources[0].read_as == {"man": "person"}
    assert settings.sources[0].known == ["person"]
    assert [source.name for source in settings.sources] == ["b", "rendered"]
    assert settings.sources[1].known == ["person", "bicycle", "vehicle"]
    assert (settings.crop.size, settings.crop.mosaic, settings.input) == ((64, 96), 0, "max")
    assert settings.optimiser.learning_rate == 0.5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stepps": 3}, r"stepps: no such key; did you mean 'steps'\?"),
        ({"sources": [{"path": "a", "clases": []}]}, r"did you mean 'classes'\?"),
        ({"scored": [{"path": "a", "everry": 2}]}, r"scored\.0\.everry: .* 'every'"),
        ({"crop": {"mosaik": 1}}, r"crop\.mosaik: .* 'mosaic'"),
        ({"log": {"save": 1}}, r"log\.save: no such key"),
        ({"network": "edge"}, r"network is 'edge'; for detection choose from fcos"),
        ({"task": "fusion"}, r"task: .*'fusion'"),
        ({"input": "minimum"}, r"input is 'minimum'; choose from thermal, rgb, edge"),
        ({"sources": []}, r"sources: .*at least 1"),
        ({"sources": [{"share": 1}]}, r"a path or a number of rendered scenes"),
        ({"sources": [{"path": "a", "rendered": 3}]}, r"a path or a number of rendered scenes"),
        ({"sources": [{"path": "a", "read_as": {"car": "auto"}}]}, r"read_as\.car is 'auto'"),
        ({"sources": [{"path": "a", "known": ["car"]}]}, r"known: 'car' is none of person"),
        ({"crop": {"scale": [2, 1]}}, r"scale is \(2\.0, 1\.0\)"),
        ({"crop": {"mosaic": 1.5}}, r"crop\.mosaic: .*\(it is 1\.5\)"),
        ({"start": "shipped", "backbone": "x"}, r"start and backbone both"),
        ({"steps": 0}, r"steps: .*\(it is 0\)"),
        ({"average": 1}, r"average: "),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        load_task_settings(written(tmp_path, **changes))


def labelled(*labels: int) -> Sample:
    boxes = np.array([(n, 0, n + 1, 1) for n in range(len(labels))], np.float32)
    blank = np.zeros((8, 8), np.uint8)
    regions = np.array([[5, 5, 8, 8]], np.float32)
    rgb = np.zeros((8, 8, 3), np.uint8)
    return Sample("a", blank, rgb, boxes, np.array(labels, np.int64), regions)


def test_classes_become_ours_or_regions_to_ignore_or_nothing() -> None:
    read_as = {"Car": "vehicle", "bus": "vehicle", "dog": "ignore", "lamp": "nothing"}
    words = vocabulary_of(["car", "lamp", "Person", "dog", "Bus"], read_as)
    read = words.read(labelled(2, 1, 3, 0, 4, 2))
    assert read.boxes is not None and read.labels is not None
    # Boxes are numbered by their left side.
    assert list(zip(read.boxes[:, 0], read.labels, strict=True)) == [(0, 0), (3, 2), (4, 2), (5, 0)]
    assert read.ignore.tolist() == [[5, 5, 8, 8], [2, 0, 3, 1]]


def test_a_sample_without_boxes_stays_unknown() -> None:
    blank = np.zeros((8, 8), np.uint8)
    sample = Sample("a", blank, np.zeros((8, 8, 3), np.uint8))
    assert vocabulary_of(["person"], {}).read(sample).boxes is None


def test_classes_that_nobody_explains_are_refused() -> None:
    with pytest.raises(ValueError, match="class 'car' is none of person, bicycle, vehicle"):
        vocabulary_of(["person", "car"], {})
    with pytest.raises(ValueError, match="no class 'cat'; the classes are person"):
        vocabulary_of(["person"], {"cat": "ignore"})
