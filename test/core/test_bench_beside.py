# SPDX-License-Identifier: Apache-2.0
"""Fusion in real time beside what looks at it, and the goals of that."""

from __future__ import annotations

import json
from pathlib import Path
from time import sleep

import numpy as np
import pytest
from numpy.typing import NDArray

from bifuse_core.__main__ import main
from bifuse_core.bench import beside
from bifuse_core.bench.real_time import BOXES, FUSED, MASKS, RealTime, Result, run_in_real_time


class Sleeper:
    """An engine that computes nothing, but takes its time."""

    def __init__(self, fuse: float, detect: float, segment: float) -> None:
        self.seconds = fuse, detect, segment
        self.stamps: list[int] = []

    def fuse(self, thermal: NDArray[np.uint8], rgb: NDArray[np.uint8], stamp: int) -> object:
        self.stamps.append(stamp)
        sleep(self.seconds[0])
        return rgb

    def detect(self, fused: NDArray[np.uint8]) -> None:
        sleep(self.seconds[1])

    def segment(self, fused: NDArray[np.uint8]) -> None:
        sleep(self.seconds[2])


PICTURES = [(np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.uint8))]


def test_slow_looks_do_not_delay_fusion() -> None:
    engine = Sleeper(0.001, 0.2, 0.5)
    found = run_in_real_time(engine, PICTURES, 25, 1.2, (1, 1))  # type: ignore[arg-type]
    counts = {name: len(result.works) for name, result in found.results.items()}
    assert 1 <= counts[MASKS] <= counts[BOXES] < counts[FUSED] <= 30
    assert set(np.diff(engine.stamps)) == {40_000_000}
    for name, least in ((FUSED, 0.001), (BOXES, 0.2), (MASKS, 0.5)):
        result = found.results[name]
        assert result.rate == pytest.approx(counts[name] / 1.2)
        (youngest,) = result.ages.percentiles(0)
        assert result.work >= least and youngest >= least


def test_an_engine_that_fails_is_heard() -> None:
    engine = Sleeper(0.0, -1.0, 0.0)
    with pytest.raises(ValueError, match="non-negative"):
        run_in_real_time(engine, PICTURES, 20, 0.1, (1, 1))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="--seconds is 0"):
        run_in_real_time(engine, PICTURES, 20, 0.0, (1, 1))  # type: ignore[arg-type]


def in_real_time(fused: int, boxes: int, masks: int) -> RealTime:
    numbers = {FUSED: fused, BOXES: boxes, MASKS: masks}
    results = {name: Result(1.0, works=[0.02] * number) for name, number in numbers.items()}
    return RealTime(results, 500.0, 1.0)


def test_the_backend_that_comes_closest_in_all_three_counts() -> None:
    runs = [
        ("torch", 25, in_real_time(25, 30, 2)),
        ("openvino", 25, in_real_time(25, 9, 6)),
        ("openvino", 30, in_real_time(30, 90, 90)),
    ]
    fused, boxes, masks = beside.goals(runs, "edge, 640x480")
    assert [goal.found for goal in (fused, boxes, masks)] == [25, 9, 6]
    assert [goal.reached for goal in (fused, boxes, masks)] == [True, False, True]
    assert fused.reason == "with openvino" and "boxes 20.0 ms" in boxes.reason
    assert {goal.found for goal in beside.goals(runs[2:], "edge, 640x480")} == {None}


def test_real_networks_run_beside_each_other(tmp_path: Path) -> None:
    options = ["--size", "96x80", "--rates", "25", "--seconds", "1", "--backends", "torch"]
    assert main(["bench", "beside", *options, "--device", "cpu", "--out", str(tmp_path)]) == 0
    results, memory = json.loads((tmp_path / "beside.json").read_text())["tables"]
    assert [row[:3] for row in results["rows"]] == [
        ["torch", 25, name] for name in (FUSED, BOXES, MASKS)
    ]
    assert results["rows"][0][3] > 0
    assert len(memory["rows"]) == 1
