# SPDX-License-Identifier: Apache-2.0
"""`train-task` from files to files; `evaluate-task` takes what it leaves."""

from __future__ import annotations

import json
import re
from pathlib import Path

import cv2
import pytest
import squares
import torch
import yaml
from picture_files import write
from safetensors.torch import save_file

from bifuse_core.__main__ import main
from bifuse_core.nets.checkpoint import card_of, save_weights, sha256_of
from bifuse_core.nets.zoo import create_detector, load_detector

CLASSES = ["person", "bicycle", "car"]


@pytest.fixture()
def data(tmp_path: Path) -> Path:
    """Write three labelled pairs."""
    folder = tmp_path / "data/a"
    (folder / "labels").mkdir(parents=True)
    for number in range(3):
        sample = squares.picture(number)
        assert sample.boxes is not None and sample.labels is not None
        write(folder / f"vi/{number}.png", sample.rgb)
        write(folder / f"ir/{number}.png", cv2.cvtColor(sample.rgb, cv2.COLOR_RGB2GRAY))
        lines = []
        for label, (left, top, right, bottom) in zip(sample.labels, sample.boxes, strict=True):
            sizes = ((left + right) / 256, (top + bottom) / 192, (right - left) / 128)
            lines.append(f"{label} {' '.join(map(str, sizes))} {(bottom - top) / 96}\n")
        (folder / f"labels/{number}.txt").write_text("".join(lines))
    return tmp_path / "data"


@pytest.fixture()
def config(tmp_path: Path) -> Path:
    source = {"path": "a", "classes": CLASSES, "read_as": {"car": "vehicle"}}
    content = {
        "task": "detection",
        "network": "fcos_small",
        "input": "max",
        "sources": [source],
        "scored": [{**source, "first": 1}],
        "crop": {"size": [64, 96]},
        "batch": 2,
        "steps": 2,
        "frozen_steps": 1,
    }
    file = tmp_path / "run.yaml"
    file.write_text(yaml.safe_dump(content))
    return file


def arguments(command: str, config: Path, data: Path, *more: str) -> list[str]:
    # No test sets the number of threads of those after it.
    threads = str(torch.get_num_threads())
    return [command, str(config), "--data", str(data), "--threads", threads, *more]


def test_weights_come_with_a_card_and_are_scored_on_the_input_it_names(
    config: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    public = tmp_path / "public.safetensors"
    save_file(create_detector("fcos_small", 3).backbone.state_dict(), public)
    train = arguments("train-task", config, data, "--out", str(out), "--set", f"backbone={public}")
    assert main(train) == 0
    assert f"{public}: 110 tensors taken" in capsys.readouterr().out
    weights = out / "fcos_small.safetensors"
    card = yaml.safe_load(card_of(weights).read_text())
    assert card["sha256"] == sha256_of(weights)
    assert card["data"] == [{"name": "a", "pictures": 3, "weight": 1.0}]
    assert card["start"] == f"public public.safetensors, sha256 {sha256_of(public)}"
    assert card["settings"]["input"] == "max" and card["settings"]["steps"] == 2
    assert set(card["scores"]) == {"AP50 person", "AP50 vehicle"}
    assert load_detector("fcos_small", weights).classes == ("person", "bicycle", "vehicle")

    assert main(train) == 0
    assert f"{weights}: finished, sha256 {card['sha256']}" in capsys.readouterr().out

    scored = tmp_path / "scored"
    evaluate = arguments("evaluate-task", config, data, "--weights", str(weights))
    assert main([*evaluate, "--out", str(scored), "--pictures", "0"]) == 0
    record = json.loads((scored / "scores.json").read_text())["inputs"]["max"]
    assert record["sha256"] == card["sha256"] and record["input"] == "max"
    assert set(record["scores"]) == {"a"}
    assert set(record["scores"]["a"]) == {"AP50", "AP"}
    found = record["scores"]["a"]["AP50"]
    assert found["bicycle"] is None
    for name in ("person", "vehicle"):
        assert found[name] == pytest.approx(card["scores"][f"AP50 {name}"], abs=0.02)


def test_weights_of_other_classes_are_neither_trained_on_nor_scored(
    config: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = tmp_path / "others.safetensors"
    others = ("vehicle", "person", "bicycle")
    save_weights(weights, "fcos_small", create_detector("fcos_small", 3), {}, others)
    out, more = tmp_path / "out", ["--set", f"start={weights}"]
    text = "tells apart vehicle, person, bicycle; needed are person, bicycle, vehicle"
    assert main(arguments("train-task", config, data, "--out", str(out), *more)) == 2
    assert text in capsys.readouterr().err
    assert main(arguments("evaluate-task", config, data, "--weights", str(weights))) == 2
    assert text in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["crop.size=[60, 96]"], r"crop.size is \[60, 96\]; fcos_small takes multiples of 32"),
        (["backbone=nothing.safetensors"], "nothing.safetensors: no such weights file"),
        (["start=nothing.safetensors"], "nothing.safetensors: no such weights file"),
        (["network=fcos", "start=shipped"], "no such weights file"),
        (["sources=[{path: b}]"], "b: no such file or folder"),
        (["scored=[{path: a}, {path: a}]"], "scored has 'a' twice"),
        (["stepps=3"], "did you mean 'steps'"),
    ],
)
def test_what_cannot_be_used_is_one_line_before_anything_is_written(
    changes: list[str],
    message: str,
    config: Path,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    more = ["--out", str(out), "--set", *changes]
    assert main(arguments("train-task", config, data, *more)) == 2
    assert re.search(message, capsys.readouterr().err)
    assert not out.exists()
