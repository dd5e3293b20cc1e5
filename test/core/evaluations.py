# SPDX-License-Identifier: Apache-2.0
"""Runs of `evaluate` for tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from bifuse_core.__main__ import main
from bifuse_core.engine.fusions import BASELINES
from bifuse_core.evaluation import run
from bifuse_core.metrics.fusion.score import score_fusion

PAIRS = 3
METHODS = ["edge", *BASELINES]


def render(folder: Path) -> Path:
    """Render pairs of 96 x 80 pixels into a folder."""
    sizes = ["--width", "96", "--height", "80"]
    assert main(["render", "--out", str(folder), "--count", str(PAIRS), "--seed", "4", *sizes]) == 0
    return folder


def evaluate(pairs: Path, out: Path, *options: str) -> int:
    fixed = ["--out", str(out), "--device", "cpu", "--threads", "1"]
    return main(["evaluate", str(pairs), *fixed, *options])


def record(out: Path) -> dict[str, Any]:
    return json.loads((out / "scores.json").read_text())


def count_scored(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Return a list that grows with every picture that is scored from now on."""
    scored: list[None] = []

    def counted(*pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        scored.append(None)
        return score_fusion(*pictures)

    monkeypatch.setattr(run, "score_fusion", counted)
    return scored
