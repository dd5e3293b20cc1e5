# SPDX-License-Identifier: Apache-2.0
"""A configuration of a task is read as it is written, or refused with what is wrong in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

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
        ({"network": "fcos", "task": "segmentation"}, r"for segmentation choose from segformer_b0"),
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
