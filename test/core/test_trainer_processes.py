# SPDX-License-Identifier: Apache-2.0
"""Several processes train as one would on the whole batch, and stop together."""

from __future__ import annotations

import multiprocessing
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trainings
import yaml
from picture_files import write
from torch import Tensor

from bifuse_core.__main__ import main
from bifuse_core.bilevel import processes
from bifuse_core.bilevel.batch import Batch
from bifuse_core.bilevel.learner import Learner
from bifuse_core.bilevel.trainer import STATE
from bifuse_core.nets.zoo import load_fusion

ROOT = Path(__file__).resolve().parents[2]
SGD = {"name": "sgd", "learning_rate": 0.2, "schedule": "constant"}
"""Its steps are as long as gradients are; those of Adam would magnify the smallest difference."""

WAYS: dict[str, dict[str, Any]] = {
    "bilevel": {"lower_steps": 2},
    "conjugate_gradient": {
        "hypergradient": {"name": "conjugate_gradient", "options": {"steps": 2, "damping": 1.0}},
        "weighting": {"name": "gradnorm"},
    },
    "joint": {"strategy": "joint"},
    "alternating": {
        "strategy": "alternating",
        "alternating": {"fusion_steps": 2, "task_steps": 1},
    },
}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def in_processes(work: Callable[[int], Any], count: int = 2) -> list[Any]:
    """Return what `work` returns for each rank, or the error it raises; none of them may hang."""
    port = str(free_port())

    def child(rank: int, answer: Connection) -> None:
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        os.environ.update(place, RANK=str(rank), WORLD_SIZE=str(count))
        try:
            with processes.joined(torch.device("cpu")):
                answer.send(work(rank))
        except Exception as error:
            answer.send(error)

    context = multiprocessing.get_context("fork")
    started = []
    for rank in range(count):
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=child, args=(rank, theirs), daemon=True)
        process.start()
        started.append((process, ours))
    try:
        answers = []
        for _, ours in started:
            assert ours.poll(60), "a process hangs"
            answers.append(ours.recv())
        return answers
    finally:
        for process, _ in started:
            process.kill()
            process.join()


def settings(way: str, **changes: Any) -> Any:
    data = {"sources": [{"path": "in memory"}], "batch": 4, "crop": trainings.SIZE}
    optimisers = {"fusion_optimiser": SGD, "task_optimiser": SGD}
    return trainings.settings(
        **{"data": data, "warm_start": 2, "average": 0.5, **optimisers, **WAYS[way], **changes}
    )


@pytest.mark.parametrize("way", WAYS)
def test_two_processes_come_to_the_weights_of_one(way: str, tmp_path: Path) -> None:
    alone = trainings.run(settings(way), tmp_path / "alone")

    def work(rank: int) -> Any:
        trained = trainings.run(settings(way), tmp_path / "together")
        return trained.numbers().numpy(), trained.figures

    (first, figures), (second, _) = in_processes(work)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(first, alone.numbers(), rtol=0, atol=1e-5)
    assert figures == pytest.approx(alone.figures, abs=1e-4)
    # They went far enough for a process that sees half of the batch to end elsewhere.
    half = {"sources": [{"path": "in memory"}], "batch": 2, "crop": trainings.SIZE}
    other = trainings.run(settings(way, data=half), tmp_path / "half")
    assert (other.numbers() - alone.numbers()).abs().max() > 1e-3
    # One file of curves, one state.
    assert len(list((tmp_path / "together" / "tensorboard").iterdir())) == 1


class Broken(trainings.BrightPixels):
    """Breaks at its third call in the second process alone."""

    def __init__(self) -> None:
        super().__init__()
        self._calls = 0

    def lower(self, fused: Tensor, batch: Batch) -> Tensor:
        self._calls += 1
        spoilt = processes.rank() == 1 and self._calls == 3
        return super().lower(fused, batch) * (float("nan") if spoilt else 1.0)


def test_all_processes_stop_where_one_has_a_loss_that_is_not_finite(tmp_path: Path) -> None:
    def work(rank: int) -> None:
        tasks = [trainings.tasks()[0], Broken()]
        chosen = settings("joint", warm_start=0)
        trainings.train(chosen, trainings.Blend(), tasks, trainings.splits(), tmp_path)

    errors = in_processes(work)
    assert all(isinstance(error, FloatingPointError) for error in errors), errors
    assert str(errors[0]) == str(errors[1])
    # The second step has the crops 4 to 7 of both processes: call 3 is its lower one, after 1 and 2
    # of the first step.
    expected = [trainings.splits().whole[number].sample.name for number in range(4, 8)]
    assert f"is nan on the batch {', '.join(expected)}" in str(errors[0])


def test_processes_that_do_not_see_the_same_state_are_refused(tmp_path: Path) -> None:
    chosen = settings("joint")
    trainings.run(chosen, tmp_path / "0")
    errors = in_processes(lambda rank: trainings.run(chosen, tmp_path / str(rank)))
    for error in errors:
        assert isinstance(error, ValueError)
        assert "go on from different steps (6, 0)" in str(error)


def test_a_batch_that_cannot_be_divided_is_refused(tmp_path: Path) -> None:
    data = {"sources": [{"path": "in memory"}], "batch": 3, "crop": trainings.SIZE}
    chosen = settings("joint", data=data)
    errors = in_processes(lambda rank: trainings.run(chosen, tmp_path / str(rank)))
    assert all("a batch of 3 cannot be divided evenly among 2" in str(error) for error in errors)


def test_alone_nothing_is_gathered_or_averaged() -> None:
    tensors = [torch.ones(2), torch.zeros(3, 1)]
    assert processes.averaged(tensors) is tensors
    assert processes.gathered(("a", "b")) == ["a", "b"]
    assert (processes.rank(), processes.count()) == (0, 1)


def test_tensors_are_averaged_in_their_shapes_and_texts_gathered_in_order() -> None:
    def work(rank: int) -> Any:
        tensors = processes.averaged([torch.full((2, 1), float(rank)), torch.tensor(4.0 + rank)])
        return [tensor.tolist() for tensor in tensors], processes.gathered([f"{rank}a", f"{rank}b"])

    assert in_processes(work) == [([[[0.5], [0.5]], 4.5], ["0a", "0b", "1a", "1b"])] * 2


@pytest.mark.long
def test_torchrun_resumes_and_comes_to_the_weights_of_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    for side, shape in (("ir", (56, 64)), ("vi", (56, 64, 3))):
        (tmp_path / "pairs" / side).mkdir(parents=True)
        for number in range(6):
            picture = random.integers(0, 256, shape, np.uint8)
            write(tmp_path / "pairs" / side / f"{number}.png", picture)
    content = {
        "network": "edge",
        "data": {"sources": [{"path": "pairs"}], "batch": 4, "crop": 48},
        "warm_start": 2,
        "steps": 3,
        "lower_steps": 2,
        "fusion_optimiser": SGD,
        "task_optimiser": SGD,
        "average": 0.0,
        "log": {"save_every": 1},
    }
    config = tmp_path / "run.yaml"
    config.write_text(yaml.safe_dump(content))
    arguments = ["train", str(config), "--data", str(tmp_path), "--threads", "1"]
    arguments += ["--device", "cpu"]

    # One process, stopped in its fourth step, and gone on from there by two.
    follow, steps = Learner.follow, iter(range(9))

    def stop(self: Learner, number: int) -> None:
        if next(steps) == 3:
            raise KeyboardInterrupt
        follow(self, number)

    with monkeypatch.context() as patch:
        patch.setattr(Learner, "follow", stop)
        assert main([*arguments, "--out", str(tmp_path / "out")]) == 130
    torchrun = ["-m", "torch.distributed.run", "--nproc-per-node", "2"]
    torchrun += ["--master-port", str(free_port()), "-m", "bifuse_core"]
    done = subprocess.run(
        [sys.executable, *torchrun, *arguments, "--out", str(tmp_path / "out")],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("sha256") == 1
    assert "bilevel:  33%" in done.stderr
    names = sorted(file.name for file in (tmp_path / "out").iterdir())
    assert names == ["edge.safetensors", "edge.yaml", STATE, "tensorboard"]
    # The stopped process wrote one file of curves, the two together one more.
    assert len(list((tmp_path / "out" / "tensorboard").iterdir())) == 2

    assert main([*arguments, "--out", str(tmp_path / "alone")]) == 0
    states = [torch.load(tmp_path / out / STATE, weights_only=True) for out in ("out", "alone")]
    for part in ("fusion", "mean"):
        for name, tensor in states[0][part].items():
            torch.testing.assert_close(tensor, states[1][part][name], rtol=0, atol=1e-5)
    for name, tensor in states[0]["tasks"][0].items():
        torch.testing.assert_close(tensor, states[1]["tasks"][0][name], rtol=0, atol=1e-5)
    load_fusion("edge", tmp_path / "out" / "edge.safetensors")
