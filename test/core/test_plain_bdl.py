# SPDX-License-Identifier: Apache-2.0
"""The plain way to run the paper's network against the engine's, and the times of both."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch

from bifuse_core.bench.plain_bdl import fuse_plainly, speeds
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
    assert speeds(16, 16, threads=1, runs=2, weights=weights, seconds=clock) == (1, 1, 1)
    assert next(ticks) == 9
    assert torch.get_num_threads() == threads
