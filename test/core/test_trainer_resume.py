# SPDX-License-Identifier: Apache-2.0
"""A run that was interrupted goes on to the same weights, to the bit."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import trainings

from bifuse_core.bilevel import run_state
from bifuse_core.bilevel.learner import Learner
from bifuse_core.bilevel.settings import Settings
from bifuse_core.bilevel.trainer import STATE, finished

ROUNDS = {"fusion_steps": 2, "task_steps": 1}
WAYS: dict[str, dict[str, Any]] = {
    "rlw": {"weighting": {"name": "rlw"}, "lower_steps": 2},
    "dwa": {"weighting": {"name": "dwa", "options": {"window": 2}}},
    "gradnorm": {"weighting": {"name": "gradnorm"}},
    "momentum": {"fusion_optimiser": {"name": "sgd"}, "task_optimiser": {"name": "sgd"}},
    "joint": {"strategy": "joint"},
    "alternating": {"strategy": "alternating", "alternating": ROUNDS},
}
WARM_START, STEPS, SAVED = 4, 6, 2


def settings(way: str, **changes: Any) -> Settings:
    usual = {
        "warm_start": WARM_START,
        "steps": STEPS,
        "average": 0.9,
        "seed": 5,
        "log": {"save_every": SAVED, "pictures_every": 0},
    }
    return trainings.settings(**{**usual, **WAYS[way], **changes})


def interrupted_in(step: int, monkeypatch: pytest.MonkeyPatch, chosen: Settings, out: Path) -> None:
    """Start a run that is stopped by Ctrl-C at the end of a step, counted from 1."""
    steps = 0
    follow = Learner.follow

    def stop(self: Learner, number: int) -> None:
        nonlocal steps
        steps += 1
        if steps == step:
            raise KeyboardInterrupt
        follow(self, number)

    with monkeypatch.context() as patch:
        patch.setattr(Learner, "follow", stop)
        with pytest.raises(KeyboardInterrupt):
            trainings.run(chosen, out, dropout=0.2)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    """Return what each run comes to if nothing stops it."""
    out = tmp_path_factory.mktemp("whole")
    return {way: trainings.run(settings(way), out / way, dropout=0.2).numbers() for way in WAYS}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("step", "saved"),
    [(2, 0), (4, 2), (5, 4), (9, 8)],
    ids=["no state", "warm", "boundary", "main"],
)
def test_an_interrupted_run_comes_to_the_same_weights(
    way: str,
    step: int,
    saved: int,
    whole: dict[str, torch.Tensor],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chosen = settings(way)
    interrupted_in(step, monkeypatch, chosen, tmp_path)
    if saved:
        assert torch.load(tmp_path / STATE, weights_only=True)["step"] == saved
    else:
        assert not (tmp_path / STATE).exists()
    resumed = trainings.run(chosen, tmp_path, dropout=0.2)
    assert torch.equal(resumed.numbers(), whole[way])


def test_what_is_resumed_is_not_what_a_run_without_memory_would_give(
    whole: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    # The ways differ, and so does the seed's part: the equalities above are no accident.
    assert len({tuple(vector.tolist()) for vector in whole.values()}) == len(WAYS)
    again = trainings.run(settings("rlw"), tmp_path / "again", dropout=0.2)
    other = trainings.run(settings("rlw", seed=6), tmp_path / "other", dropout=0.2)
    assert torch.equal(again.numbers(), whole["rlw"])
    assert not torch.equal(other.numbers(), whole["rlw"])


def test_a_finished_run_takes_no_step(
    whole: dict[str, torch.Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = settings("rlw")
    assert not finished(chosen, tmp_path)
    trainings.run(chosen, tmp_path, dropout=0.2)
    assert finished(chosen, tmp_path)
    monkeypatch.setattr(Learner, "fuse", None)
    assert torch.equal(trainings.run(chosen, tmp_path, dropout=0.2).numbers(), whole["rlw"])


@pytest.mark.parametrize("way", ["rlw", "alternating"])
def test_workers_give_the_same_run(
    way: str, whole: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    data = {"sources": [{"path": "in memory"}], "batch": 2, "crop": trainings.SIZE, "workers": 2}
    trained = trainings.run(settings(way, data=data), tmp_path, dropout=0.2)
    assert torch.equal(trained.numbers(), whole[way])


def test_a_state_that_is_being_written_does_not_replace_the_old_one_before_it_is_whole(
    whole: dict[str, torch.Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saves = 0
    save = torch.save

    def break_off(state: object, file: Path) -> None:
        nonlocal saves
        saves += 1
        save(state, file)
        if saves == 3:
            os.truncate(file, 1000)
            raise OSError("disk full")

    chosen = settings("rlw")
    with monkeypatch.context() as patch:
        patch.setattr(run_state.torch, "save", break_off)
        with pytest.raises(OSError, match="disk full"):
            trainings.run(chosen, tmp_path, dropout=0.2)
    assert torch.load(tmp_path / STATE, weights_only=True)["step"] == 2 * SAVED
    resumed = trainings.run(chosen, tmp_path, dropout=0.2)
    assert torch.equal(resumed.numbers(), whole["rlw"])
    assert sorted(file.name for file in tmp_path.iterdir()) == [STATE, "tensorboard"]


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    out = tmp_path_factory.mktemp("state")
    trainings.run(settings("rlw"), out)
    return (out / STATE).read_bytes()


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.7, 0.99])
def test_a_truncated_state_is_refused(state: bytes, share: float, tmp_path: Path) -> None:
    file = tmp_path / STATE
    file.write_bytes(state[: int(share * len(state))])
    with pytest.raises(ValueError, match="state.pt: damaged, or no state of a run"):
        trainings.run(settings("rlw"), tmp_path)


def test_wherever_a_byte_of_the_state_is_damaged_it_is_refused_or_does_not_matter(
    state: bytes, tmp_path: Path
) -> None:
    whole = run_state.read_state(written(tmp_path, state), settings("rlw"))
    random = torch.Generator().manual_seed(0)
    refused = 0
    for place in torch.randint(len(state), (150,), generator=random).tolist():
        spoilt = bytearray(state)
        spoilt[place] ^= 0x55
        try:
            read = run_state.read_state(written(tmp_path, bytes(spoilt)), settings("rlw"))
        except ValueError as error:
            assert STATE in str(error)
            refused += 1
        else:
            assert str(read) == str(whole)
    assert refused > 50


def written(folder: Path, content: bytes) -> Path:
    (folder / STATE).write_bytes(content)
    return folder / STATE


@pytest.mark.parametrize("content", [[1, 2], {"step": 3}, {"settings": {}, "step": "many"}, "text"])
def test_a_file_of_something_else_is_refused(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / STATE)
    with pytest.raises(ValueError, match="state.pt: "):
        run_state.read_state(tmp_path / STATE, settings("rlw"))


@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        ({"seed": 6}, "seed"),
        ({"average": 0.5, "warm_start": 3}, "average, warm_start"),
        ({"fusion_optimiser": {"learning_rate": 0.5}}, "fusion_optimiser.learning_rate"),
        (
            {"data": {"sources": [{"path": "else"}], "batch": 2, "crop": 64}},
            "data.crop, data.sources",
        ),
        ({"weighting": {"name": "dwa", "options": {"window": 3}}}, "weighting.name, weighting.op"),
    ],
)
def test_a_state_of_other_settings_is_refused_and_names_what_differs(
    state: bytes, changes: dict[str, Any], keys: str, tmp_path: Path
) -> None:
    file = written(tmp_path, state)
    with pytest.raises(ValueError) as caught:
        run_state.read_state(file, settings("rlw", **changes))
    message = str(caught.value)
    assert f"{file}: a run with other settings ({keys}" in message
    assert "after 10 steps" in message


def test_a_state_from_before_there_was_a_setting_is_of_its_default(
    state: bytes, tmp_path: Path
) -> None:
    file = written(tmp_path, state)
    content = torch.load(file, weights_only=True)
    source = content["settings"]["data"]["sources"][0]
    del content["settings"]["precision"], source["alignment"], source["sync"]["offset"]
    torch.save(content, file)
    assert run_state.read_state(file, settings("rlw"))["step"] == WARM_START + STEPS
    for changes, key in (
        ({"precision": "bfloat16"}, "precision"),
        ({"data": with_source(source, alignment={"method": "homography"})}, "sources.0.alignment"),
        ({"data": with_source(source, sync={"offset": 0.01})}, "sources.0.sync.offset"),
    ):
        with pytest.raises(ValueError, match=rf"settings \([a-z.]*{key}\) stopped"):
            run_state.read_state(file, settings("rlw", **changes))


def with_source(source: dict[str, Any], **cameras: Any) -> dict[str, Any]:
    return settings("rlw").data.model_dump(exclude_unset=True) | {
        "sources": [{"path": source["path"], **cameras}]
    }


def test_a_run_does_not_go_on_with_other_data(tmp_path: Path) -> None:
    chosen = settings("joint")
    trainings.run(chosen, tmp_path)
    torch.manual_seed(11)
    before = (tmp_path / STATE).read_bytes()
    other = replace(trainings.splits(), whole=trainings.crops(7, 0))
    with pytest.raises(ValueError, match=r"began with \[8\] pairs .* there are \[7\] now"):
        trainings.train(chosen, trainings.Blend(), trainings.tasks(), other, tmp_path)
    assert (tmp_path / STATE).read_bytes() == before
