# SPDX-License-Identifier: Apache-2.0
"""The plain way to run fusion networks against the engine's, and the times of both."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch

from bifuse_core.__main__ import main
from bifuse_core.bench.fusion import fuse_plainly, goals, speeds
from bifuse_core.engine.engine import Engine
from bifuse_core.nets.bdl import BdlFusion
from bifuse_core.nets.checkpoint import save_weights
from bifuse_core.nets.zoo import load_fusion


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    net = BdlFusion().requires_grad_(False)
    for parameter in net.parameters():
        parameter.mul_(1.5)
    file = tmp_path / "bdl.safetensors"
    save_weights(file, "bdl", net, {})
    return file


def test_both_ways_give_the_same_picture(random: np.random.Generator, weights: Path) -> None:
    thermal = random.integers(0, 256, (30, 41), np.uint8)
    rgb = random.integers(0, 256, (30, 41, 3), np.uint8)
    plain = fuse_plainly(load_fusion("bdl", weights)[0], thermal, rgb)
    fused = Engine("bdl", weights=weights, device="cpu", precision="fp32").fuse(thermal, rgb, 0)
    assert np.abs(plain.astype(int) - fused).max() <= 1


def test_times_are_medians_of_what_the_clock_says(weights: Path) -> None:
    ticks = count()

    def clock() -> float:
        # Three readings a run, one second apart: 1 s for each way.
        return float(next(ticks))

    threads = torch.get_num_threads()
    assert speeds("bdl", 16, 16, threads=1, runs=2, weights=weights, seconds=clock) == (1, 1, 1)
    assert next(ticks) == 9
    assert torch.get_num_threads() == threads


def test_the_report_has_a_line_for_each_network_and_number_of_threads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--width", "32", "--height", "24", "--runs", "1", "--threads", "1", "2"]
    assert main(["bench", "fusion", *options, "--out", str(tmp_path)]) == 0
    (table,) = json.loads((tmp_path / "fusion.json").read_text())["tables"]
    assert [row[:2] for row in table["rows"]] == [[n, t] for n in ("edge", "bdl") for t in (1, 2)]
    assert all(row[4] == pytest.approx(row[2] / row[3]) for row in table["rows"])
    assert "| edge | 1 |" in capsys.readouterr().out


def test_the_paper_s_network_is_to_be_half_as_fast_again() -> None:
    fast, slow = goals({2: 2.0, 1: 1.2}, 16, 16)
    assert (fast.reached, fast.reason, slow.reached) == (True, "", False)
    assert slow.reason.count("%") == 3
    (absent,) = goals({}, 16, 16)
    assert absent.found is None and "options" in absent.reason
