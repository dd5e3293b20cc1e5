# SPDX-License-Identifier: Apache-2.0
"""Columns of what the detectors that guided the fusion find."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import yaml
from evaluations import render
from picture_files import write
from seer import Seer, drawn

from bifuse_core.__main__ import main
from bifuse_core.ablation import detecting
from bifuse_core.ablation.detecting import DetectedSet, open_detected_set
from bifuse_core.ablation.plan import Columns
from bifuse_core.ablation.runs import Run
from bifuse_core.bilevel.settings import Settings
from bifuse_core.data.classes import DETECTION_CLASSES
from bifuse_core.nets import zoo
from bifuse_core.nets.checkpoint import save_weights
from bifuse_core.nets.zoo import load_fusion

CPU = torch.device("cpu")
BASE: dict[str, Any] = {
    "network": "edge",
    "data": {"sources": [{"path": "pairs"}], "batch": 1, "crop": 64, "validation_every": 2},
    "steps": 1,
    "log": {"save_every": 1, "pictures_every": 0},
}
PERSON, UNSEEN = (0, 250, (40, 60, 72, 140)), (200, 20, 240, 60)


def run(folder: Path, guidance: str | None = "detection") -> Run:
    """Return a finished run, whose detector sees colours."""
    settings = Settings.model_validate(BASE | {"guidance": guidance})
    folder.mkdir()
    save_weights(folder / "edge.safetensors", "edge", load_fusion("edge")[0], {})
    save_weights(folder / "fcos_small.safetensors", "fcos_small", Seer(), {}, DETECTION_CLASSES)
    return Run(folder.name, settings, folder)


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DetectedSet:
    """Return three pairs, of which the last two count: one person seen, one of two seen."""
    monkeypatch.setitem(zoo.DETECTORS, "fcos_small", lambda classes: Seer())
    rgb = drawn(PERSON).rgb
    for number, boxes in enumerate(([], [PERSON[2]], [PERSON[2], UNSEEN])):
        write(tmp_path / f"set/ir/{number}.png", cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))
        write(tmp_path / f"set/vi/{number}.png", rgb)
        corners = np.array(boxes, float).reshape(-1, 2, 2) / (320, 240)
        lines = [
            f"0 {(a[0] + b[0]) / 2} {(a[1] + b[1]) / 2} {b[0] - a[0]} {b[1] - a[1]}\n"
            for a, b in corners
        ]
        label = tmp_path / f"set/labels/{number}.txt"
        label.parent.mkdir(exist_ok=True)
        label.write_text("".join(lines))
    columns = Columns.model_validate(
        {
            "label": "D",
            "data": "set",
            "first": 1,
            "metrics": ["person", "bicycle", "mAP"],
            "labels": {"classes": ["man"], "read_as": {"man": "person"}},
        }
    )
    return open_detected_set(columns, tmp_path)


def test_a_run_has_the_precision_of_its_detector_on_its_fusion(
    opened: DetectedSet, tmp_path: Path
) -> None:
    assert opened.pairs == 2
    guided, plain = run(tmp_path / "guided"), run(tmp_path / "plain", None)
    masks = run(tmp_path / "masks", "segmentation")
    scores = opened.score([guided, plain, masks], tmp_path / "scores", CPU)
    # Two of three are found, and no wrong one: recall 0 to 0.66 of the 101 levels of COCO.
    assert scores[guided.name]["person"] == pytest.approx(67 / 101)
    assert scores[guided.name]["mAP"] == pytest.approx(67 / 101)
    assert scores[guided.name]["bicycle"] is None
    for other in (plain, masks):
        assert scores[other.name] == dict.fromkeys(("person", "bicycle", "mAP"))


def test_scores_are_kept_until_weights_change(
    opened: DetectedSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [run(tmp_path / "a"), run(tmp_path / "b")]
    judged: list[None] = []
    score_detector = detecting.score_detector

    def counted(*given: Any) -> Any:
        judged.append(None)
        return score_detector(*given)

    monkeypatch.setattr(detecting, "score_detector", counted)
    first = opened.score(runs, tmp_path / "scores", CPU)
    assert len(judged) == 2
    assert opened.score(runs, tmp_path / "scores", CPU) == first
    assert len(judged) == 2

    fusion, _ = load_fusion("edge")
    with torch.no_grad():
        next(fusion.parameters()).mul_(1.01)
    save_weights(runs[0].weights, "edge", fusion, {})
    opened.score(runs, tmp_path / "scores", CPU)
    assert len(judged) == 3

    net = Seer()
    torch.nn.init.ones_(net.unused)
    save_weights(runs[1].folder / "fcos_small.safetensors", "fcos_small", net, {}, ["person"])
    opened.score(runs, tmp_path / "scores", CPU)
    opened.score(runs, tmp_path / "scores", CPU)
    assert len(judged) == 4


def test_a_table_has_a_dash_where_no_detector_guided(tmp_path: Path) -> None:
    render(tmp_path / "pairs")
    plan = {
        "title": "Small",
        "base": "base.yaml",
        "variants": [
            {"name": "Plain"},
            {"name": "Guided", "changes": {"guidance": "detection", "detector.start": "none"}},
        ],
        "columns": [{"label": "D", "data": "pairs", "metrics": ["mAP"]}],
        "seeds": [0],
    }
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(BASE))
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan))
    fixed = ["--data", str(tmp_path), "--out", str(tmp_path / "out"), "--threads", "1"]
    assert main(["ablate", str(tmp_path / "plan.yaml"), *fixed, "--device", "cpu"]) == 0
    text = (tmp_path / "out/table.md").read_text()
    lines = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")]
    found = {line[0]: line[1] for line in lines}
    assert found["| Plain"] == "–"
    assert 0 <= float(found["| Guided"]) < 0.5 and not math.isnan(float(found["| Guided"]))
    assert "D: 3 pairs of pairs" in text
