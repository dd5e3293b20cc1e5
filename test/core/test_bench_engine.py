# SPDX-License-Identifier: Apache-2.0
"""The times of the engine's networks, one by one and all at once, and the goals they are set."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from time import sleep

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from bifuse_core.__main__ import main
from bifuse_core.bench import beside, fusion
from bifuse_core.bench.engine_goals import goals
from bifuse_core.bench.explaining import Share, function_shares, in_words, operator_shares
from bifuse_core.bench.pairing_goals import goals as pairing_goals
from bifuse_core.bench.real_time import BOXES, FUSED, MASKS, RealTime, Result, run_in_real_time
from bifuse_core.bench.report import Column, Table
from bifuse_core.bench.rounds import in_rounds
from bifuse_core.bench.scenes import Scene, scenes, size
from bifuse_core.bench.variants import DETECT, FUSE, SEGMENT, every_variant


class Clock:
    """Stands still but for what is added."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def after(self, *seconds: float, **stages: float) -> Callable[[], dict[str, float]]:
        """Return a call that takes so long, one after the other, and has such stages."""
        left = list(seconds)

        def call() -> dict[str, float]:
            self.now += left.pop(0)
            return stages

        return call


def test_rounds_take_medians_of_all_runs_but_the_first() -> None:
    clock = Clock()
    slow = clock.after(9.0, 1.0, 4.0, 2.0, upload=3.0, fuse=5.0)
    (found,) = in_rounds([slow], 3, seconds=clock)
    assert found.milliseconds == 2000
    assert list(found.stages.items()) == [("upload", 3.0), ("fuse", 5.0)]


def test_a_quick_call_runs_several_times_a_round_and_a_slow_one_once() -> None:
    clock, order = Clock(), []

    def noted(name: str, seconds: float) -> Callable[[], dict[str, float]]:
        def call() -> dict[str, float]:
            order.append(name)
            clock.now += seconds
            return {}

        return call

    in_rounds([noted("quick", 0.04), noted("slow", 0.5)], 2, seconds=clock)
    assert order == ["quick", "slow", *(["quick"] * 3 + ["slow"]) * 2]


def test_the_dearest_operator_comes_first() -> None:
    factor = torch.rand(300, 300)

    def call() -> None:
        for _ in range(3):
            factor @ factor
        factor[:2] + 1

    shares = operator_shares(call, torch.device("cpu"))
    assert shares[0].name == "aten::mm" and shares[0].calls == 3
    assert 50 < shares[0].percent <= 100
    assert [s.percent for s in shares] == sorted((s.percent for s in shares), reverse=True)


def test_the_dearest_function_comes_first() -> None:
    def dear() -> int:
        number = 0
        while number < 50_000:
            number += 1
        return number

    first, *_ = function_shares(lambda: [dear(), dear(), len("cheap")])
    assert (first.name, first.calls) == ("dear (test_bench_engine.py)", 2)
    assert in_words([Share("a", 61.6, 3), Share("b", 30.2, 1)], most=1) == "a 62 %"


@pytest.fixture(scope="module")
def scene() -> Scene:
    (made,) = scenes(size("96x80"))
    return made


def test_a_scene_is_of_its_size_and_the_same_each_time(scene: Scene) -> None:
    assert scene.rgb.shape == (80, 96, 3) and scene.rgb.dtype == np.uint8
    assert {bits: x.dtype for bits, x in scene.thermal.items()} == {8: np.uint8, 16: np.uint16}
    assert np.ptp(scene.thermal[8]) > 100
    np.testing.assert_array_equal(scene.thermal[8], scenes(size("96x80"))[0].thermal[8])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["engine", "--runs", "0"], "argument --runs: '0' is no whole number of at least 1"),
        (["fusion", "--threads", "two"], "argument --threads: 'two' is no whole number"),
        (["beside", "--rates", "25", "-5"], "argument --rates: '-5' is no whole number"),
        (["pairing", "--seeds", "1.5"], "argument --seeds: '1.5' is no whole number"),
    ],
)
def test_counts_are_whole_and_positive(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["bench", *arguments])
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("text", ["640", "640x", "x480", "0x480", "640x480x2", "-1x5", "axb"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no size such as 640x480"):
        size(text)


def test_every_variant_has_its_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--device", "cpu", "--networks", "edge", "max", "--backends", "torch"]
    options += ["--sizes", "96x80", "--runs", "1", "--threads", "1"]
    threads = torch.get_num_threads()
    assert main(["bench", "engine", *options, "--out", str(tmp_path)]) == 0
    assert torch.get_num_threads() == threads
    report = json.loads((tmp_path / "engine.json").read_text())
    times, operators = report["tables"]
    expected = {
        *((FUSE, network, "96x80", bits) for network in ("edge", "max") for bits in (8, 16)),
        (DETECT, "fcos_small", "96x80", None),
        (SEGMENT, "segformer_b0", "96x80", None),
    }
    found = [(work, net, s, bits) for work, net, _, _, s, bits, *_ in times["rows"]]
    assert len(found) == len(expected) and set(found) == expected
    titles = [column["title"] for column in times["columns"]]
    for row in times["rows"]:
        ms, *stages = row[titles.index("ms") :]
        assert ms > 0
        assert (None in stages) == (row[0] != FUSE)
        if row[0] == FUSE:
            assert sum(stages) == pytest.approx(ms)
    assert {row[1] for row in operators["rows"]} == {"edge", "max", "fcos_small", "segformer_b0"}
    assert all(0 <= row[3] <= 100 for row in operators["rows"])
    assert {goal["found"] for goal in report["goals"]} == {None}
    assert "| fuse | edge | torch | fp32 | 96x80 | 16 |" in capsys.readouterr().out


def test_a_backend_that_is_not_there_is_left_out_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, scene: Scene
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    seen = {"96x80": scene}
    cpu, backends = torch.device("cpu"), ("openvino", "tensorrt", "torch")
    sights = {DETECT: "fcos_small"}
    variants, missing = every_variant(["edge", "bdl"], sights, backends, ["fp32"], cpu, 1, seen)
    assert {variant.labels[:3] for variant in variants} == {
        (FUSE, "edge", "torch"),
        (FUSE, "bdl", "torch"),
        (DETECT, "fcos_small", "torch"),
    }
    absent, elsewhere = missing
    assert absent.startswith("openvino in fp32: ") and "pip install" in absent
    assert elsewhere.startswith("tensorrt in fp32: ") and "does not run on cpu" in elsewhere


LABELS = {
    "edge": (FUSE, "edge", "torch", "fp32", "640x480", 8),
    "bdl": (FUSE, "bdl", "torch", "fp16", "640x480", 8),
    "boxes": (DETECT, "fcos_small", "torch", "fp16", "640x480", None),
    "boxes elsewhere": (DETECT, "fcos_small", "tensorrt", "fp16", "640x480", None),
    "mask": (SEGMENT, "segformer_b0", "torch", "fp16", "640x480", None),
}


def test_goals_of_the_cpu_are_measured_on_the_cpu() -> None:
    shares = {LABELS["edge"]: [Share("aten::log", 70.0, 3), Share("aten::add", 30.0, 1)]}
    edge, *others = goals({LABELS["edge"]: 40.0}, shares, card="", threads=2)
    assert (edge.found, edge.reached, edge.at_most) == (40.0, False, True)
    assert edge.reason == "with torch; edge: aten::log 70 %, aten::add 30 %"
    assert [(goal.found, goal.reached) for goal in others] == [(None, None)] * 2
    if not torch.cuda.is_available():
        assert {goal.reason for goal in others} == {"no CUDA device"}
    (fast, *_) = goals({LABELS["edge"]: 30.0}, shares, card="", threads=2)
    assert fast.reached and fast.reason == "with torch"


def test_goals_of_cuda_are_measured_there_with_the_fastest_backend() -> None:
    times = {"bdl": 1.4, "boxes": 3.0, "boxes elsewhere": 2.0, "mask": 2.5}
    shares = {LABELS[name]: [Share("gemm", 80.0, 9)] for name in ("bdl", "boxes", "mask")}
    found = {LABELS[name]: ms for name, ms in times.items()}
    edge, fusing, all_three = goals(found, shares, card="NVIDIA H100 80GB", threads=2)
    assert edge.found is None and edge.reason
    assert (fusing.found, fusing.reached, fusing.reason) == (1.4, True, "with torch")
    assert all_three.found == pytest.approx(5.9) and all_three.reached
    found[LABELS["mask"]] = 3.0
    _, fusing, all_three = goals(found, shares, card="NVIDIA A2", threads=2)
    assert fusing.reason == "with torch; on NVIDIA A2"
    assert not all_three.reached
    # TensorRT's are unknown to PyTorch's profiler.
    reasons = [f"{net}: gemm 80 %" for net in ("bdl", "segformer_b0")]
    assert all_three.reason == "; ".join(["with torch, tensorrt", "on NVIDIA A2", *reasons])
    del found[LABELS["mask"]]
    *_, all_three = goals(found, shares, card="NVIDIA H100 80GB", threads=2)
    assert all_three.found is None and "options" in all_three.reason


def test_the_paper_s_network_is_to_be_half_as_fast_again() -> None:
    fast, slow = fusion.goals({2: 2.0, 1: 1.2}, 16, 16)
    assert (fast.reached, fast.reason, slow.reached) == (True, "", False)
    assert slow.reason.count("%") == 3
    (absent,) = fusion.goals({}, 16, 16)
    assert absent.found is None and "options" in absent.reason


TITLES = ("jitter +-ms", "offset ms", "slop ms", "bound %", "ATS found %", "ATS wrong %")
TITLES += ("found %", "wrong %", "verified wrong %", "cost us")


def steady(*rows: tuple[float, ...]) -> Table:
    return Table("t", "", tuple(map(Column, TITLES)), rows)


def test_pairing_is_judged_by_its_worst_cell() -> None:
    good = (5, 0, 20, 100.0, 90.0, 5.0, 99.0, 0.0, 0.0, 6.0)
    bad = (15, 10, 33, 97.0, 96.5, 0.1, 95.0, 0.3, 0.05, 12.0)
    reached = pairing_goals(steady(good, (15, *good[1:])), 100)
    assert all(goal.reached and goal.reason == "" for goal in reached)
    found = {goal.name: goal for goal in pairing_goals(steady(good, bad), 100)}
    verdicts = {name: (round(g.found or 0, 6), g.reached) for name, g in found.items()}
    assert verdicts == {
        "true pairs missing to the bound": (2.0, False),
        "verified pairs that are wrong, jitter +-5 and +-10 ms": (0.0, True),
        "all pairs that are wrong, jitter +-5 and +-10 ms": (0.0, True),
        "verified pairs that are wrong, jitter +-15 ms": (0.05, True),
        "all pairs that are wrong, jitter +-15 ms": (0.3, False),
        "true pairs that ATS finds beyond ours": (1.5, False),
        "wrong pairs beyond those of ATS": (0.2, False),
        "CPU time of a message": (12.0, False),
    }
    for goal in found.values():
        assert goal.reached or "jitter 15, offset 10, slop 33 ms" in goal.reason
    assert "_slots (lock.py)" in found["CPU time of a message"].reason


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
