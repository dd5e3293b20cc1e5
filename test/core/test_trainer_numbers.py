# SPDX-License-Identifier: Apache-2.0
"""What happens to numbers: precision, clipping, and values that are not finite."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import trainings
from torch import Tensor, nn
from trainings import PLAIN, BrightPixels, numbers

from bifuse_core.bilevel.batch import Batch
from bifuse_core.bilevel.learner import Descent, Learner
from bifuse_core.bilevel.sections import OptimiserSettings
from bifuse_core.nets.zoo import create_fusion

STRATEGIES = ("bilevel", "joint", "alternating")


# The others take minutes on processors that do not have bfloat16.
@pytest.mark.parametrize("network", ["edge", pytest.param("tardal", marks=pytest.mark.long)])
def test_bfloat16_trains_with_parameters_and_losses_in_float32(
    network: str, tmp_path: Path
) -> None:
    computed, given = set(), set()

    class Noting(BrightPixels):
        def lower(self, fused: Tensor, batch: Batch) -> Tensor:
            given.add(fused.dtype)
            loss = super().lower(fused, batch)
            given.add(loss.dtype)
            return loss

    fusion = create_fusion(network)
    for layer in fusion.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(lambda _, __, out: computed.add(out.dtype))
    before = numbers(fusion)
    figures = trainings.train(
        trainings.settings(network=network, warm_start=1, steps=2, precision="bfloat16"),
        fusion,
        [trainings.tasks()[0], Noting()],
        trainings.splits(),
        tmp_path,
    )
    assert torch.bfloat16 in computed
    assert given == {torch.float32}
    assert {p.dtype for p in fusion.parameters()} == {torch.float32}
    assert not torch.equal(numbers(fusion), before)
    assert numbers(fusion).isfinite().all()
    assert all(math.isfinite(value) for value in figures.values())


def test_bfloat16_stays_near_float32(tmp_path: Path) -> None:
    ends = [
        trainings.run(trainings.settings(precision=precision, steps=6), tmp_path / precision)
        for precision in ("float32", "bfloat16")
    ]
    start = trainings.run(trainings.settings(steps=1), tmp_path / "start").numbers()
    exact, rounded = (end.numbers() for end in ends)
    assert not torch.equal(exact, rounded)
    assert (exact - rounded).norm() < 0.2 * (exact - start).norm()


def test_a_long_gradient_is_shortened_and_a_short_one_is_not() -> None:
    net = nn.Linear(2, 1, bias=False)
    for given, clip, length in ((torch.tensor([[3.0, 4.0]]), 2.0, 2.0), (None, 9.0, 5.0)):
        given = torch.tensor([[3.0, 4.0]]) if given is None else given
        descent = Descent(net, OptimiserSettings(**{**PLAIN, "learning_rate": 1, "clip": clip}), 1)
        before = numbers(net)
        assert descent.step([given]) == pytest.approx(5.0)
        step = before - numbers(net)
        assert step.norm().item() == pytest.approx(length, rel=1e-5)
        torch.testing.assert_close(step / step.norm(), torch.tensor([0.6, 0.8]))


class Broken(BrightPixels):
    """Breaks at its nth call, at one level; or it is only the gradient that breaks."""

    def __init__(self, level: str, call: int, *, gradient: bool = False) -> None:
        super().__init__()
        self._level, self._call, self._gradient, self._calls = level, call, gradient, 0

    def lower(self, fused: Tensor, batch: Batch) -> Tensor:
        return self._spoilt("lower", super().lower(fused, batch), fused)

    def upper(self, fused: Tensor, batch: Batch) -> Tensor:
        return self._spoilt("upper", BrightPixels.lower(self, fused, batch), fused)

    def _spoilt(self, level: str, loss: Tensor, fused: Tensor) -> Tensor:
        self._calls += level == self._level
        if level != self._level or self._calls != self._call:
            return loss
        if self._gradient:
            # The slope of a root is infinite at 0.
            weight = next(self.net.parameters())
            return loss + ((fused - fused.detach()).sum() + 0 * weight.sum()).sqrt()
        return loss * float("nan")


@pytest.mark.parametrize(
    ("strategy", "level", "gradient", "message"),
    [
        ("bilevel", "lower", False, "phi of task bright_pixels is nan on the batch"),
        ("bilevel", "upper", False, "Phi of bright_pixels is nan on the batch"),
        ("bilevel", "upper", True, "the gradient of the hypergradients has length (nan|inf)"),
        ("joint", "upper", False, "Phi of bright_pixels is nan on the batch"),
        ("joint", "upper", True, "the gradient of the joint loss has length (nan|inf)"),
        ("joint", "lower", True, "gradient of phi of task bright_pixels has length (nan|inf)"),
        ("alternating", "upper", False, "Phi of bright_pixels is nan on the batch"),
    ],
)
def test_what_is_not_finite_stops_the_run_with_the_pairs_named_and_the_networks_sound(
    strategy: str, level: str, gradient: bool, message: str, tmp_path: Path
) -> None:
    fusion, broken = trainings.Blend(), Broken(level, 3, gradient=gradient)
    tasks = [trainings.tasks()[0], broken]
    with pytest.raises(FloatingPointError, match=message) as caught:
        trainings.train(
            trainings.settings(strategy=strategy, steps=9),
            fusion,
            tasks,
            trainings.splits(),
            tmp_path,
        )
    # A pair of the split that was read, and not only the number of a step.
    split = {"upper": 2, "lower": 1}[level] if strategy == "bilevel" else 0
    assert any(f"{split}/{number}" in str(caught.value) for number in range(8))
    assert numbers(fusion).isfinite().all()
    assert all(numbers(task.net).isfinite().all() for task in tasks)


def test_a_content_that_is_not_finite_stops_the_warm_start(tmp_path: Path) -> None:
    class Spoilt(trainings.Blend):
        def forward(self, thermal: Tensor, luma: Tensor) -> Tensor:
            return super().forward(thermal, luma) / 0

    with pytest.raises(FloatingPointError, match=r"the content loss is (nan|inf) on the batch 0/"):
        trainings.train(
            trainings.settings(warm_start=1),
            Spoilt(),
            trainings.tasks(),
            trainings.splits(),
            tmp_path,
        )


def test_the_running_mean_is_what_is_kept() -> None:
    learner = Learner(nn.Linear(1, 1, bias=False), [], torch.float32, 0.75)
    weight = learner.fusion.weight
    with torch.no_grad():
        learner.mean.weight.fill_(0.0)
        weight.fill_(10.0)
    learner.follow(0)
    # In step n the decay is (1 + n) / (10 + n), up to the one that was asked for.
    assert learner.mean.weight.item() == pytest.approx(9.0)
    learner.follow(1000)
    assert learner.mean.weight.item() == pytest.approx(9.25)
    assert not learner.mean.training
    last = Learner(learner.fusion, [], torch.float32, 0.0)
    with torch.no_grad():
        weight.fill_(3.0)
    last.follow(0)
    assert last.mean.weight.item() == 3.0
