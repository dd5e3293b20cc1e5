# SPDX-License-Identifier: Apache-2.0
"""`bifuse train`: from a configuration and data to weights with a card that others can use."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from bifuse_core.__main__ import main
from bifuse_core.bilevel.learner import Learner
from bifuse_core.bilevel.trainer import STATE
from bifuse_core.commands import train
from bifuse_core.nets.checkpoint import card_of, sha256_of
from bifuse_core.nets.zoo import load_fusion

pytest_plugins = ("train_fixtures",)


def contents(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("network", ["edge", "tardal", "umfusion"])
def test_it_writes_weights_that_fuse_and_a_card_that_tells_how_they_came_about(
    network: str,
    trained: Callable[..., int],
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", ["/some/where/bifuse", "train", "run.yaml", "--out", "o p"])
    threads = torch.get_num_threads()
    assert trained("out", "--set", f"network={network}", "average=0.5") == 0
    assert torch.get_num_threads() == threads
    weights = tmp_path / "out" / f"{network}.safetensors"
    checksum = sha256_of(weights)
    assert f"{weights}: sha256 {checksum}" in capsys.readouterr().out
    assert load_fusion(network, weights)[1] == checksum

    card = yaml.safe_load(card_of(weights).read_text())
    assert (card["network"], card["sha256"], card["seed"]) == (network, checksum, 3)
    assert card["command"] == "bifuse train run.yaml --out 'o p'"
    assert card["config"] == "run.yaml"
    assert card["data"] == [{"path": "pairs", "pairs": 6}]
    assert (card["settings"]["average"], card["settings"]["warm_start"]) == (0.5, 2)
    assert {"upper/visual", "lower/visual"} <= card["last_figures"].keys()
    assert card["torch"] == torch.__version__

    # What is kept is the running mean, in half precision.
    state = torch.load(tmp_path / "out" / STATE, weights_only=True)
    for name, tensor in load_file(weights).items():
        assert torch.equal(tensor, state["mean"][name].half())
    fused = tmp_path / "fused"
    arguments = ["fuse", str(data / "pairs"), "--network", network, "--weights", str(weights)]
    assert main([*arguments, "--out", str(fused), "--device", "cpu"]) == 0
    assert len(list(fused.iterdir())) == 6


def test_ctrl_c_leaves_a_state_from_which_the_same_command_goes_on_to_the_same_weights(
    trained: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow, steps = Learner.follow, iter(range(9))

    def stop(self: Learner, number: int) -> None:
        if next(steps) == 3:
            raise KeyboardInterrupt
        follow(self, number)

    with monkeypatch.context() as patch:
        patch.setattr(Learner, "follow", stop)
        assert trained("stopped") == 130
    assert not (tmp_path / "stopped" / "edge.safetensors").exists()
    assert trained("stopped") == 0
    assert trained("whole") == 0
    sums = [(tmp_path / out / "edge.safetensors").read_bytes() for out in ("stopped", "whole")]
    assert sums[0] == sums[1]


def test_a_finished_run_is_left_as_it_is(
    trained: Callable[..., int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert trained() == 0
    before = contents(tmp_path / "out")
    capsys.readouterr()
    monkeypatch.setattr(train, "open_splits", None)
    assert trained() == 0
    assert "finished, sha256" in capsys.readouterr().out
    assert contents(tmp_path / "out") == before


def test_weights_that_got_lost_are_written_from_the_state(
    trained: Callable[..., int], tmp_path: Path
) -> None:
    assert trained() == 0
    weights = tmp_path / "out" / "edge.safetensors"
    before = weights.read_bytes()
    weights.unlink()
    assert trained() == 0
    assert weights.read_bytes() == before


def test_the_folder_of_another_run_is_refused_and_left_alone(
    trained: Callable[..., int], tmp_path: Path, complaint: Callable[[], str]
) -> None:
    assert trained() == 0
    before = contents(tmp_path / "out")
    assert trained("out", "--set", "seed=4", "data.crop=64") == 2
    assert "state.pt: a run with other settings (data.crop, seed) stopped here" in complaint()
    assert contents(tmp_path / "out") == before


def test_what_is_not_finite_ends_it_with_one_line_that_names_the_pairs(
    trained: Callable[..., int], tmp_path: Path, complaint: Callable[[], str]
) -> None:
    assert trained("out", "--set", "fusion_optimiser.learning_rate=1.0e+30", "steps=9") == 2
    line = complaint()
    assert " is nan on the batch " in line or " has length " in line
    names = line.partition("on the batch ")[2].replace(" and ", ", ").split(", ")
    assert set(names) <= {f"{number:02d}" for number in range(6)}
    assert not (tmp_path / "out" / "edge.safetensors").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("stepps=3", "run.yaml: stepps: no such key; did you mean 'steps'?"),
        ("data.crop=big", "run.yaml: data.crop: "),
        ("data.crop", "--set takes KEY=VALUE, not 'data.crop'"),
        ("data.crop=[1", "--set data.crop: '[1' is no YAML value"),
        ("data.validation_every=9", "6 samples cannot be divided with data.validation_every 9"),
        ("weighting={name: manual, options: {weights: [1, 1]}}", "2 weights for 1 tasks"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused_before_training(
    change: str,
    message: str,
    trained: Callable[..., int],
    tmp_path: Path,
    complaint: Callable[[], str],
) -> None:
    assert trained("out", "--set", change) == 2
    assert message in complaint()
    assert not list(tmp_path.glob("out/*"))


def test_missing_data_and_devices_and_damaged_pictures_are_named(
    trained: Callable[..., int], data: Path, tmp_path: Path, complaint: Callable[[], str]
) -> None:
    assert trained("out", data=tmp_path / "nowhere") == 2
    assert f"{tmp_path / 'nowhere' / 'pairs'}: no such file or folder" in complaint()
    assert trained("out", "--device", "abacus") == 2
    assert "no device 'abacus'" in complaint()
    shutil.copytree(data, tmp_path / "spoilt")
    for file in (tmp_path / "spoilt").rglob("*.png"):
        file.write_bytes(file.read_bytes()[:300])
    assert trained("out", "--set", "data.workers=1", data=tmp_path / "spoilt") == 2
    assert ".png" in complaint()
