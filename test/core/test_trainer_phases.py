# SPDX-License-Identifier: Apache-2.0
"""Warm start and main phase: what they draw, move and weigh, and how their rates end."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import trainings
from torch import Tensor
from trainings import BrightPixels, numbers

from bifuse_core.bilevel.batch import Batch
from bifuse_core.bilevel.learner import Learner
from bifuse_core.bilevel.strategies.zoo import strategy_of


@pytest.mark.parametrize("strategy", ["bilevel", "joint", "alternating"])
def test_every_rate_ends_at_zero_with_the_run(strategy: str) -> None:
    learner = trainings.learner()
    rounds = {"alternating": {"fusion_steps": 3, "task_steps": 2}}
    settings = trainings.settings(
        strategy=strategy,
        steps=13,
        **({"lower_steps": 2} if strategy == "bilevel" else {}),
        **(rounds if strategy == "alternating" else {}),
    )
    chosen = strategy_of(learner, settings)
    batch = trainings.batch()

    def rates() -> list[float]:
        state = chosen.state_dict()
        return [x["optimiser"]["param_groups"][0]["lr"] for x in (state["fusion"], *state["tasks"])]

    for number in range(13):
        if number == 7:
            assert min(rates()) > 1e-5
        chosen.step(number, lambda: batch, lambda: batch)
    assert rates() == pytest.approx([0, 0, 0], abs=1e-12)


def test_rlw_draws_a_weight_for_every_task_and_step() -> None:
    learner, batch = trainings.learner(), trainings.batch()
    strategy = strategy_of(learner, trainings.settings())
    drawn = []
    for number in range(3):
        figures = strategy.step(number, lambda: batch, lambda: batch)
        drawn.append([figures["weight/visual"], figures["weight/bright_pixels"]])
        assert sum(drawn[-1]) == pytest.approx(2)
    assert len({tuple(pair) for pair in drawn}) == 3


def test_the_warm_start_moves_the_fusion_network_alone(tmp_path: Path) -> None:
    torch.manual_seed(11)
    fusion, start = trainings.Blend(), trainings.Blend()
    start.load_state_dict(fusion.state_dict())
    tasks = trainings.tasks()
    before = [numbers(task.net) for task in tasks]
    figures = trainings.train(
        trainings.settings(warm_start=3, steps=0), fusion, tasks, trainings.splits(), tmp_path
    )
    assert not torch.equal(numbers(fusion), numbers(start))
    assert all(torch.equal(numbers(t.net), b) for t, b in zip(tasks, before, strict=True))
    assert figures.keys() == {"content", "gradient/fusion"}


def test_the_running_mean_goes_on_through_the_phases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed: list[Tensor] = []
    follow = Learner.follow

    def note(self: Learner, step: int) -> None:
        passed.append(numbers(self.fusion))
        follow(self, step)

    monkeypatch.setattr(Learner, "follow", note)
    settings = trainings.settings(warm_start=9, steps=3, average=0.5)
    torch.manual_seed(11)
    fusion = trainings.Blend()
    mean = numbers(fusion)
    trainings.train(settings, fusion, trainings.tasks(), trainings.splits(), tmp_path)
    for step, last in enumerate(passed):
        decay = min(0.5, (1 + step) / (10 + step))
        mean = decay * mean + (1 - decay) * last
    assert len(passed) == 12
    torch.testing.assert_close(numbers(fusion), mean, rtol=0, atol=1e-7)


def test_the_main_phase_draws_each_level_from_its_split(tmp_path: Path) -> None:
    seen: dict[str, set[str]] = {"lower": set(), "upper": set()}

    class Noting(BrightPixels):
        def lower(self, fused: Tensor, batch: Batch) -> Tensor:
            seen["lower"] |= set(batch.names)
            return super().lower(fused, batch)

        def upper(self, fused: Tensor, batch: Batch) -> Tensor:
            seen["upper"] |= set(batch.names)
            return super().lower(fused, batch) - 0 * fused.mean()

    tasks = [trainings.tasks()[0], Noting()]
    trainings.train(
        trainings.settings(steps=8), trainings.Blend(), tasks, trainings.splits(), tmp_path
    )
    assert {name.split("/")[0] for name in seen["lower"]} == {"1"}
    assert {name.split("/")[0] for name in seen["upper"]} == {"2"}
