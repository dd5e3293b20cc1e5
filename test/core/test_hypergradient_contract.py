# SPDX-License-Identifier: Apache-2.0
"""What every hypergradient keeps to: processes, precision, .grad, unused parameters, bad calls."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

import pytest
import torch
from convolution_task import Convolutions, together
from torch import Tensor

from bifuse_core.bilevel.hypergradient import (
    HYPERGRADIENTS,
    conjugate_gradient,
    gauss_newton,
    hypergradient_by_name,
)


class Processes:
    """Two threads that average their gradients as processes do."""

    def __init__(self) -> None:
        self._barrier = threading.Barrier(2, timeout=20)
        self._posted: dict[int, list[Tensor]] = {}

    def run(self, work: Callable[[int, Callable[[list[Tensor]], list[Tensor]]], None]) -> None:
        threads = [threading.Thread(target=work, args=(i, self._reduce(i))) for i in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _reduce(self, rank: int) -> Callable[[list[Tensor]], list[Tensor]]:
        def reduce(gradients: list[Tensor]) -> list[Tensor]:
            self._posted[rank] = gradients
            self._barrier.wait()
            mean = [(a + b) / 2 for a, b in zip(*self._posted.values(), strict=True)]
            self._barrier.wait()
            return mean

        return reduce


@pytest.mark.parametrize("name", HYPERGRADIENTS)
def test_two_processes_with_half_a_batch_each_are_one_with_the_whole(name: str) -> None:
    hypergradient = HYPERGRADIENTS[name]
    whole = Convolutions()
    expected = together(hypergradient(*whole.losses(), whole.omega, whole.theta))
    results = {}

    def work(rank: int, reduce: Callable[[list[Tensor]], list[Tensor]]) -> None:
        half = Convolutions()
        losses = half.losses(slice(2 * rank, 2 * rank + 2))
        results[rank] = together(hypergradient(*losses, half.omega, half.theta, reduce=reduce))

    Processes().run(work)
    torch.testing.assert_close(results[0], expected)
    torch.testing.assert_close(results[1], results[0], rtol=0, atol=0)
    task = Convolutions()
    alone = together(hypergradient(*task.losses(slice(2)), task.omega, task.theta))
    assert (alone - expected).norm() > 0.01 * expected.norm()


@pytest.mark.parametrize("name", HYPERGRADIENTS)
def test_mixed_precision_gives_nearly_the_same_in_single_precision(name: str) -> None:
    task = Convolutions(torch.float32)
    single = HYPERGRADIENTS[name](*task.losses(), task.omega, task.theta)
    with torch.autocast("cpu", torch.bfloat16):
        losses = task.losses()
    mixed = HYPERGRADIENTS[name](*losses, task.omega, task.theta)
    assert {g.dtype for g in mixed} == {torch.float32}
    assert (together(mixed) - together(single)).norm() < 0.05 * together(single).norm()


@pytest.mark.parametrize("name", HYPERGRADIENTS)
def test_the_factor_of_a_gradient_scaler_passes_through(name: str) -> None:
    task = Convolutions()
    plain = together(HYPERGRADIENTS[name](*task.losses(), task.omega, task.theta))
    scaled = [1024 * loss for loss in task.losses()]
    measured = together(HYPERGRADIENTS[name](*scaled, task.omega, task.theta))
    torch.testing.assert_close(measured, 1024 * plain, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", HYPERGRADIENTS)
def test_it_leaves_grad_alone_and_can_be_repeated(name: str) -> None:
    task = Convolutions()
    task.omega[0].grad = torch.ones_like(task.omega[0])
    losses = task.losses()
    first, second = (HYPERGRADIENTS[name](*losses, task.omega, task.theta) for _ in range(2))
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    assert torch.equal(task.omega[0].grad, torch.ones_like(task.omega[0]))
    assert all(p.grad is None for p in (task.omega[1], *task.theta))
    assert not any(g.requires_grad for g in first)


@pytest.mark.parametrize("name", HYPERGRADIENTS)
def test_parameters_that_a_level_does_not_use(name: str) -> None:
    task = Convolutions()
    expected = HYPERGRADIENTS[name](*task.losses(), task.omega, task.theta)
    unused = torch.zeros(3, 2, dtype=torch.float64, requires_grad=True)
    only_upper = torch.ones((), dtype=torch.float64, requires_grad=True)
    only_lower = torch.ones((), dtype=torch.float64, requires_grad=True)
    upper, lower = task.losses()
    measured = HYPERGRADIENTS[name](
        upper + 3 * only_upper,
        lower + only_lower.square(),
        [*task.omega, unused, only_upper],
        [*task.theta, unused.detach().requires_grad_()],
    )
    torch.testing.assert_close(measured[:2], expected)
    torch.testing.assert_close(measured[2], torch.zeros_like(unused))
    torch.testing.assert_close(measured[3].item(), 3.0)
    # Of single precision and without dimensions: a factor in double precision must not widen it.
    scalar = torch.ones((), requires_grad=True)
    small = HYPERGRADIENTS[name](3 * scalar, scalar * lower.float(), [scalar], task.theta)
    assert small[0].dtype == torch.float32


@pytest.mark.parametrize("name", HYPERGRADIENTS)
def test_a_broken_loss_shows_in_the_result(name: str) -> None:
    task = Convolutions()
    upper, lower = task.losses()
    result = HYPERGRADIENTS[name](upper * math.nan, lower * math.nan, task.omega, task.theta)
    assert together(result).isnan().all()


@pytest.mark.parametrize("name", HYPERGRADIENTS)
def test_losses_that_are_no_scalars_are_refused(name: str) -> None:
    task = Convolutions()
    upper, lower = task.losses()
    with pytest.raises(ValueError, match=r"upper loss must be a scalar, not of shape \(2,\)"):
        HYPERGRADIENTS[name](torch.stack([upper, upper]), lower, task.omega, task.theta)
    with pytest.raises(ValueError, match="upper loss depends on nothing"):
        HYPERGRADIENTS[name](upper.detach(), lower, task.omega, task.theta)
    if name != "direct":
        with pytest.raises(ValueError, match=r"lower loss must be a scalar, not of shape \(2,\)"):
            HYPERGRADIENTS[name](upper, torch.stack([lower, lower]), task.omega, task.theta)
        with pytest.raises(ValueError, match="lower loss depends on nothing"):
            HYPERGRADIENTS[name](upper, lower.detach(), task.omega, task.theta)


def test_options_out_of_range_are_refused() -> None:
    task = Convolutions()
    arguments = (*task.losses(), task.omega, task.theta)
    for options in ({"limit": -1.0}, {"limit": math.nan}, {"eps": 0.0}):
        with pytest.raises(ValueError, match="limit must be at least 0 and eps above 0"):
            gauss_newton(*arguments, **options)
    with pytest.raises(ValueError, match="damping"):
        conjugate_gradient(*arguments, damping=-1)


def test_unknown_names_and_options_are_answered_with_the_choices() -> None:
    with pytest.raises(ValueError, match="'newton'.*gauss_newton, direct, conjugate_gradient"):
        hypergradient_by_name("newton")
    with pytest.raises(ValueError, match="gauss_newton has no option 'steps'.*: limit, eps$"):
        hypergradient_by_name("gauss_newton", steps=3)
    with pytest.raises(ValueError, match="direct has no option 'limit'.*: none$"):
        hypergradient_by_name("direct", limit=3)
    with pytest.raises(ValueError, match="no option 'reduce'"):
        hypergradient_by_name("direct", reduce=1.0)
