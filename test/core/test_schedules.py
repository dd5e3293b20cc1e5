# SPDX-License-Identifier: Apache-2.0
"""Learning rates follow their closed forms."""

from __future__ import annotations

import math

import pytest
import torch

from bifuse_core.bilevel.schedules import cosine, optimiser_of, stepwise
from bifuse_core.bilevel.sections import OptimiserSettings


def test_cosine_rises_over_a_twentieth_and_falls_to_zero() -> None:
    parts = [cosine(step, steps=200) for step in range(201)]
    assert parts[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert parts[10] == 1.0
    assert parts[105] == pytest.approx(0.5)
    for step in range(10, 201):
        assert parts[step] == pytest.approx(math.cos(math.pi / 2 * (step - 10) / 190) ** 2)
    assert parts[200] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("steps", [0, 1, 2, 9])
def test_cosine_is_defined_for_the_shortest_runs_and_behind_their_end(steps: int) -> None:
    parts = [cosine(step, steps=steps) for step in range(steps + 3)]
    assert all(0 <= part <= 1 for part in parts)
    assert parts[0] == 1.0
    assert parts[-1] == pytest.approx(0 if steps > 1 else parts[-1], abs=1e-12)


@pytest.mark.parametrize(
    ("step", "part"),
    [
        (0, 0.001),
        (499, 0.5),
        (999, 1.0),
        (1000, 1.0),
        (29_999, 1.0),
        (30_000, 0.1),
        (39_999, 0.1),
        (40_000, 0.01),
        (10**6, 0.01),
    ],
)
def test_steps_are_those_of_the_published_code(step: int, part: float) -> None:
    assert stepwise(step) == pytest.approx(part)


@pytest.mark.parametrize("schedule", ["cosine", "steps", "constant"])
@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_an_optimiser_has_the_rate_of_its_schedule_in_every_step(name: str, schedule: str) -> None:
    settings = OptimiserSettings.model_validate(
        {"name": name, "learning_rate": 0.02, "weight_decay": 0, "schedule": schedule}
    )
    parameter = torch.zeros(1, requires_grad=True)
    optimiser, scheduler = optimiser_of([parameter], settings, 40)
    for step in range(40):
        expected = {"cosine": cosine(step, steps=40), "steps": stepwise(step), "constant": 1.0}
        assert optimiser.param_groups[0]["lr"] == pytest.approx(0.02 * expected[schedule])
        parameter.grad = torch.ones(1)
        before = parameter.item()
        optimiser.step()
        if name == "adamw" and step == 0:
            # The first step of Adam is the rate itself, whatever the gradient.
            assert before - parameter.item() == pytest.approx(0.02 * expected[schedule], rel=1e-4)
        scheduler.step()


def test_the_options_reach_the_optimiser() -> None:
    parameter = [torch.zeros(1, requires_grad=True)]
    sgd = OptimiserSettings(name="sgd", momentum=0.7, weight_decay=0.3)
    group = optimiser_of(parameter, sgd, 1)[0].param_groups[0]
    assert (group["momentum"], group["weight_decay"]) == (0.7, 0.3)
    group = optimiser_of(parameter, OptimiserSettings(weight_decay=0.2), 1)[0].param_groups[0]
    assert (group["betas"], group["weight_decay"]) == ((0.9, 0.999), 0.2)
