# SPDX-License-Identifier: Apache-2.0
"""The times of the engine's networks, and the goals they are set."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from bifuse_core.__main__ import main
from bifuse_core.bench.engine_goals import goals
from bifuse_core.bench.explaining import Share
from bifuse_core.bench.scenes import Scene, scenes, size
from bifuse_core.bench.variants import DETECT, FUSE, SEGMENT, every_variant


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
