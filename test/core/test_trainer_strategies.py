# SPDX-License-Identifier: Apache-2.0
"""Every strategy learns, and takes the steps that its source says."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import trainings
from torch import Tensor
from trainings import PLAIN, BrightPixels, numbers

from bifuse_core.bilevel.batch import Batch
from bifuse_core.bilevel.learner import Learner, Task
from bifuse_core.bilevel.objectives.contents import vsm
from bifuse_core.bilevel.objectives.visual import VisualTask
from bifuse_core.bilevel.strategies.strategy import Strategy
from bifuse_core.bilevel.strategies.zoo import strategy_of

STRATEGIES = ("bilevel", "joint", "alternating")

RATE = 0.3
"""Learning rate of the steps computed by hand."""

BY_HAND = {
    "fusion_optimiser": {**PLAIN, "learning_rate": RATE},
    "task_optimiser": {**PLAIN, "learning_rate": RATE},
}
EQUAL = {"weighting": {"name": "equal"}}


def draws(*batches: Batch) -> Callable[[], Batch]:
    """Return a `Draw` of these batches in turn."""
    return iter(batches).__next__


def upper_losses(fusion: torch.nn.Module, tasks: list[Task]) -> list[float]:
    batch = trainings.batch(seed=77, size=8)
    with torch.no_grad():
        fused = fusion(batch.thermal, batch.luma)
        return [vsm(fused, batch).item(), tasks[1].upper(fused, batch).item()]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_lowers_the_losses_of_both_tasks_on_pictures_it_has_not_seen(
    strategy: str, tmp_path: Path
) -> None:
    torch.manual_seed(11)
    fusion, tasks = trainings.Blend(), trainings.tasks()
    before = upper_losses(fusion, tasks)
    rounds = {"alternating": {"fusion_steps": 5, "task_steps": 5}}
    settings = trainings.settings(
        strategy=strategy,
        warm_start=5,
        steps=60,
        average=0.9,
        fusion_optimiser={"learning_rate": 0.1},
        task_optimiser={"learning_rate": 0.03},
        **(rounds if strategy == "alternating" else {}),
    )
    figures = trainings.train(settings, fusion, tasks, trainings.splits(), tmp_path)
    after = upper_losses(fusion, tasks)
    assert after[0] < 0.5 * before[0]
    assert after[1] < 0.85 * before[1]
    assert all(value == value for value in figures.values())
    assert not fusion.training


class Watched:
    """A task that notes each call, with all parameters as they are at that moment."""

    def __init__(self, task: Task, learner: Learner, calls: list[tuple[str, Tensor, Tensor]]):
        self.net, self.name = task.net, task.name
        self._task, self._learner, self._calls = task, learner, calls

    def _note(self, level: str) -> None:
        thetas = torch.cat([numbers(task.net) for task in self._learner.tasks])
        self._calls.append((f"{level} {self.name}", numbers(self._learner.fusion), thetas))

    def lower(self, fused: Tensor, batch: Batch) -> Tensor:
        self._note("lower")
        return self._task.lower(fused, batch)

    def upper(self, fused: Tensor, batch: Batch) -> Tensor:
        self._note("upper")
        return self._task.upper(fused, batch)


def watched(**changes: Any) -> tuple[Strategy, Learner, list[tuple[str, Tensor, Tensor]]]:
    learner = trainings.learner()
    calls: list[tuple[str, Tensor, Tensor]] = []
    learner.tasks = tuple(Watched(task, learner, calls) for task in learner.tasks)
    strategy = strategy_of(learner, trainings.settings(**BY_HAND, **changes))
    return strategy, learner, calls


def test_lower_steps_move_theta_alone_and_the_fusion_step_omega_alone() -> None:
    strategy, learner, calls = watched(lower_steps=3)
    omega = numbers(learner.fusion)
    batches = [trainings.batch(seed) for seed in range(4)]
    strategy.step(0, draws(*batches[:3]), draws(batches[3]))
    lower = ["lower visual", "lower bright_pixels"]
    assert [name for name, *_ in calls[:6]] == lower * 3
    assert sorted(name for name, *_ in calls[6:8]) == ["lower visual", "upper visual"]
    assert sorted(name for name, *_ in calls[8:]) == ["lower bright_pixels", "upper bright_pixels"]
    # Every evaluation saw omega as it was, and each of the six lower steps moved theta.
    assert all(torch.equal(seen, omega) for _, seen, _ in calls)
    thetas = [theta for *_, theta in calls]
    assert all(not torch.equal(a, b) for a, b in zip(thetas[:6], thetas[1:7], strict=True))
    assert all(torch.equal(theta, thetas[6]) for theta in thetas[6:])
    # Then omega moved, and theta no more.
    assert not torch.equal(numbers(learner.fusion), omega)
    assert torch.equal(torch.cat([numbers(task.net) for task in learner.tasks]), thetas[-1])


def gradient(loss: Tensor, parameters: Iterator[torch.nn.Parameter]) -> Tensor:
    parts = torch.autograd.grad(loss, list(parameters), retain_graph=True)
    return torch.cat([part.flatten() for part in parts])


def moved(net: torch.nn.Module, gradient: Tensor) -> None:
    vector = numbers(net) - RATE * gradient
    torch.nn.utils.vector_to_parameters(vector, net.parameters())


def trained_by_hand(fusion: torch.nn.Module, task: Task, batch: Batch) -> None:
    """Let a task take one lower step."""
    fused = fusion(batch.thermal, batch.luma).detach()
    moved(task.net, gradient(task.lower(fused, batch), task.net.parameters()))


def assert_same(learner: Learner, fusion: torch.nn.Module, tasks: tuple[Task, ...]) -> None:
    torch.testing.assert_close(numbers(learner.fusion), numbers(fusion), rtol=0, atol=1e-6)
    for task, expected in zip(learner.tasks, tasks, strict=True):
        torch.testing.assert_close(numbers(task.net), numbers(expected.net), rtol=0, atol=1e-6)


def test_a_step_of_bilevel_is_equations_4_and_5_and_algorithm_1() -> None:
    # So that what the critic's training changes is large enough to be seen.
    visual = VisualTask(trainings.Critic(), vsm, adversarial=1.0)
    learner = Learner(trainings.Blend(), [visual, BrightPixels()], torch.float32, 0.0)
    fusion, tasks = copy.deepcopy(learner.fusion), copy.deepcopy(learner.tasks)
    below, above = trainings.batch(1), trainings.batch(2)
    strategy = strategy_of(learner, trainings.settings(**BY_HAND, **EQUAL))
    figures = strategy.step(0, draws(below), draws(above))

    for task in tasks:
        trained_by_hand(fusion, task, below)
    total, corrections = torch.zeros_like(numbers(fusion)), []
    for task in tasks:
        upper = task.upper(fusion(above.thermal, above.luma), above)
        lower = task.lower(fusion(below.thermal, below.luma), below)
        assert figures[f"upper/{task.name}"] == pytest.approx(upper.item(), rel=1e-5)
        upper_theta, lower_theta = (gradient(x, task.net.parameters()) for x in (upper, lower))
        k = (upper_theta @ lower_theta / (lower_theta @ lower_theta)).clamp(-1, 1)
        corrections.append(k * gradient(lower, fusion.parameters()))
        total += gradient(upper, fusion.parameters()) - corrections[-1]
    moved(fusion, total)
    assert_same(learner, fusion, tasks)
    # Neither second term is lost in the tolerance, or its sign would not be tested.
    assert all(RATE * correction.norm() > 2e-5 for correction in corrections)
    assert figures["gradient/fusion"] == pytest.approx(total.norm().item(), rel=1e-4)
    assert figures["weight/visual"] == figures["weight/bright_pixels"] == 1.0


def test_a_step_of_joint_moves_all_networks_from_where_they_were() -> None:
    learner = trainings.learner()
    fusion, tasks = copy.deepcopy(learner.fusion), copy.deepcopy(learner.tasks)
    batch = trainings.batch(1)
    # Settings of two tasks; those of the learner stand in for them.
    manual = {"name": "manual", "options": {"weights": [0.5, 2.0]}}
    weights = {"guidance": "detection", "weighting": manual}
    strategy = strategy_of(learner, trainings.settings(strategy="joint", **BY_HAND, **weights))
    strategy.step(0, draws(batch), draws())
    fused = fusion(batch.thermal, batch.luma)
    total = 0.5 * tasks[0].upper(fused, batch) + 2.0 * tasks[1].upper(fused, batch)
    omega = gradient(total, fusion.parameters())
    for task in tasks:
        trained_by_hand(fusion, task, batch)
    moved(fusion, omega)
    assert_same(learner, fusion, tasks)


@pytest.mark.parametrize("turn", [0, 1, 2])
def test_a_fusion_step_of_alternating_weighs_the_tasks_by_the_round(turn: int) -> None:
    learner = trainings.learner()
    fusion, tasks = copy.deepcopy(learner.fusion), copy.deepcopy(learner.tasks)
    batch = trainings.batch(1)
    rounds = {"fusion_steps": 2, "task_steps": 3, "growth": 0.7}
    settings = trainings.settings(strategy="alternating", alternating=rounds, **BY_HAND)
    strategy_of(learner, settings).step(5 * turn, draws(batch), draws())
    fused = fusion(batch.thermal, batch.luma)
    total = tasks[0].upper(fused, batch) + 0.7 * turn * tasks[1].upper(fused, batch)
    moved(fusion, gradient(total, fusion.parameters()))
    assert_same(learner, fusion, tasks)


def test_alternating_moves_fusion_and_tasks_in_rounds() -> None:
    rounds = {"fusion_steps": 2, "task_steps": 3}
    strategy, learner, calls = watched(strategy="alternating", alternating=rounds)
    nets = [learner.fusion, *(task.net for task in learner.tasks)]
    pattern = ""
    for number in range(11):
        before = [numbers(net) for net in nets]
        strategy.step(number, draws(trainings.batch(number)), draws())
        changed = [not torch.equal(a, numbers(net)) for a, net in zip(before, nets, strict=True)]
        assert changed in ([True, False, False], [False, True, True])
        pattern += "F" if changed[0] else "t"
    assert pattern == "FFtttFFtttF"
