# SPDX-License-Identifier: Apache-2.0
"""Hypergradients against closed forms, finite differences and unrolled training."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from convolution_task import Convolutions, together
from torch import Tensor

from bifuse_core.bilevel.hypergradient import (
    Hypergradient,
    conjugate_gradient,
    direct,
    gauss_newton,
    hypergradient_by_name,
)


def normal(*shape: int, scale: float = 1.0) -> Tensor:
    return scale * torch.randn(shape, dtype=torch.float64)


def positive(size: int) -> Tensor:
    root = normal(size, size)
    return root @ root.T / size + 0.1 * torch.eye(size, dtype=torch.float64)


class Quadratics:
    """phi = |M theta + N omega - c|^2 / 2 + theta' (A theta / 2 + B omega), and any quadratic Phi.

    M has `residuals` rows; A and B are left out with curved=False.
    """

    def __init__(self, omega: int, theta: int, *, residuals: int = 0, curved: bool = True) -> None:
        self.omega = normal(omega).requires_grad_()
        self.m, self.n, self.c = (
            normal(residuals, theta),
            normal(residuals, omega),
            normal(residuals),
        )
        self.a, self.b = curved * positive(theta), curved * normal(theta, omega)
        self.p, self.q, self.r = positive(theta), normal(theta, omega), positive(omega)
        self.s, self.t = normal(theta), normal(omega)

    def lower(self, omega: Tensor, theta: Tensor) -> Tensor:
        residual = self.m @ theta + self.n @ omega - self.c
        return residual.square().sum() / 2 + theta @ (self.a @ theta / 2 + self.b @ omega)

    def upper(self, omega: Tensor, theta: Tensor) -> Tensor:
        own = theta @ (self.p @ theta / 2 + self.s) + omega @ (self.r @ omega / 2 + self.t)
        return own + theta @ self.q @ omega

    def trained(self, omega: Tensor) -> Tensor:
        """Return theta*(omega), the shortest if there are many."""
        hessian = self.m.T @ self.m + self.a
        slope = self.m.T @ (self.n @ omega - self.c) + self.b @ omega
        return -torch.linalg.pinv(hessian) @ slope

    def exact(self) -> Tensor:
        omega, theta = self.omega.detach(), self.trained(self.omega.detach())
        hessian, cross = self.m.T @ self.m + self.a, self.m.T @ self.n + self.b
        to_theta = self.p @ theta + self.q @ omega + self.s
        to_omega = self.r @ omega + self.q.T @ theta + self.t
        return to_omega - cross.T @ torch.linalg.pinv(hessian) @ to_theta

    def by(self, hypergradient: Hypergradient, away: float = 0.0) -> Tensor:
        """Return the hypergradient where theta is a random step of that length from theta*."""
        theta = self.trained(self.omega.detach())
        theta = (theta + away * torch.randn_like(theta)).requires_grad_()
        losses = self.upper(self.omega, theta), self.lower(self.omega, theta)
        (gradient,) = hypergradient(*losses, [self.omega], [theta])
        return gradient


def by_differences(function: Callable[[Tensor], Tensor], point: Tensor) -> Tensor:
    steps = 1e-5 * torch.eye(point.numel(), dtype=point.dtype)
    values = [function(point + h) - function(point - h) for h in steps]
    return torch.stack(values) / 2e-5


def cosine(a: Tensor, b: Tensor) -> float:
    return F.cosine_similarity(a.flatten().double(), b.flatten().double(), dim=0).item()


@pytest.mark.parametrize(("omega", "theta"), [(1, 1), (3, 7), (8, 4)])
def test_conjugate_gradient_is_the_closed_form_and_the_finite_difference(
    omega: int, theta: int
) -> None:
    quadratics = Quadratics(omega, theta, residuals=5)
    measured = quadratics.by(conjugate_gradient)
    torch.testing.assert_close(measured, quadratics.exact())

    def objective(omega: Tensor) -> Tensor:
        return quadratics.upper(omega, quadratics.trained(omega))

    differences = by_differences(objective, quadratics.omega.detach())
    torch.testing.assert_close(measured, differences, rtol=1e-6, atol=1e-6)
    assert (quadratics.by(direct) - measured).norm() > 0.05 * measured.norm()


@pytest.mark.parametrize(("sign", "damping"), [(1, 0.7), (-1, 50.0)])
def test_damping_is_added_to_the_hessian(sign: int, damping: float) -> None:
    quadratics = Quadratics(3, 5)
    quadratics.a = sign * quadratics.a
    measured = quadratics.by(hypergradient_by_name("conjugate_gradient", damping=damping))
    omega = quadratics.omega.detach()
    slope = quadratics.p @ quadratics.trained(omega) + quadratics.q @ omega + quadratics.s
    damped = quadratics.a + damping * torch.eye(5, dtype=torch.float64)
    expected = quadratics.by(direct) - quadratics.b.T @ torch.linalg.solve(damped, slope)
    torch.testing.assert_close(measured, expected, rtol=1e-6, atol=1e-6)


def test_conjugate_gradient_stops_at_negative_curvature() -> None:
    quadratics = Quadratics(3, 4)
    quadratics.a = -quadratics.a
    torch.testing.assert_close(quadratics.by(conjugate_gradient), quadratics.by(direct))


def test_conjugate_gradient_gets_nearer_with_every_step() -> None:
    quadratics = Quadratics(5, 5)
    exact, distances = quadratics.exact(), []
    for steps in (0, 3, 5):
        few = hypergradient_by_name("conjugate_gradient", steps=steps, tolerance=0.0)
        distances.append((quadratics.by(few) - exact).norm().item())
    assert distances[0] > distances[1] > 1e-3
    assert distances[2] < 1e-8


def test_a_lower_loss_that_is_linear_in_theta_leaves_the_direct_term() -> None:
    omega, theta = normal(3).requires_grad_(), normal(3).requires_grad_()
    upper = (omega * theta.square()).sum()
    for lower in (theta.sum(), (theta * omega).sum()):
        (measured,) = conjugate_gradient(upper, lower, [omega], [theta])
        torch.testing.assert_close(measured, theta.detach().square())


def test_gauss_newton_is_exact_on_one_residual_and_the_printed_sign_is_opposite() -> None:
    residual, slope = normal(2, 6), normal(6)

    def trained(omega: Tensor, theta: Tensor) -> Tensor:
        """Return the nearest theta of no residual: where gradient descent from theta arrives."""
        value = residual[0] @ theta + residual[1] @ omega
        return theta - residual[0] * value / residual[0].square().sum()

    omega, theta = normal(6).requires_grad_(), normal(6).requires_grad_()
    lower = (residual[0] @ theta + residual[1] @ omega).square() / 2
    # Without a direct term.
    upper = slope @ theta + 0 * omega.sum()
    (measured,) = gauss_newton(upper, lower, [omega], [theta], limit=math.inf)
    start = theta.detach()
    expected = by_differences(lambda w: slope @ trained(w, start), omega.detach())
    torch.testing.assert_close(measured, expected, rtol=1e-7, atol=1e-9)
    (first,) = direct(upper, lower, [omega], [theta])
    printed = first + (first - measured)
    assert cosine(printed, expected) == pytest.approx(-1)


def mean_cosines(away: float, omega: int, theta: int, **kind: int) -> tuple[float, float, float]:
    """Return how near to the exact one direct, minus k and plus k point, over 200 quadratics."""
    gauss = hypergradient_by_name("gauss_newton", limit=math.inf)
    cosines = []
    for _ in range(200):
        quadratics = Quadratics(omega, theta, **kind)
        state = torch.get_rng_state()
        first = quadratics.by(direct, away)
        torch.set_rng_state(state)
        minus = quadratics.by(gauss, away)
        exact = quadratics.exact()
        cosines.append([cosine(g, exact) for g in (first, minus, 2 * first - minus)])
    first, minus, plus = torch.tensor(cosines).mean(0).tolist()
    return first, minus, plus


def test_where_residuals_vanish_minus_is_nearer_than_direct_and_plus_is_farther() -> None:
    first, minus, plus = mean_cosines(0.1, 5, 5, residuals=2, curved=False)
    # About 0.76, 0.85 and 0.54, whatever the seed.
    assert plus + 0.1 < first < minus - 0.03


def test_where_they_do_not_vanish_minus_is_nearer_than_plus_only_far_from_the_minimum() -> None:
    _, minus, plus = mean_cosines(2.0, 10, 10)
    # About 0.3 and -0.1; at 0.1 from the minimum both are zero within the noise.
    assert minus > plus + 0.2


def test_a_trained_out_task_leaves_the_direct_term() -> None:
    omega, theta = normal(4).requires_grad_(), normal(4).requires_grad_()
    upper = (omega * theta).sum()
    lower = (omega * (theta - theta.detach()).square()).sum()
    (measured,) = gauss_newton(upper, lower, [omega], [theta])
    torch.testing.assert_close(measured, theta.detach())


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("limit", [0.0, 0.5, 1.0])
def test_the_ratio_is_clipped(sign: float, limit: float) -> None:
    omega, theta = normal(4).requires_grad_(), normal(4).requires_grad_()
    lower = (omega * theta).sum()
    # The ratio is 3.
    upper = 3 * sign * (omega.detach() * theta).sum() + omega.sum()
    (measured,) = gauss_newton(upper, lower, [omega], [theta], limit=limit)
    torch.testing.assert_close(measured, 1 - sign * limit * theta.detach())


def test_conjugate_gradient_is_the_derivative_of_the_unrolled_training() -> None:
    task = Convolutions()

    def train(theta: list[Tensor], steps: int, *, unroll: bool) -> list[Tensor]:
        for _ in range(steps):
            slope = torch.autograd.grad(task.lower(theta), theta, create_graph=unroll)
            theta = [t - s for t, s in zip(theta, slope, strict=True)]
        return theta

    # Steps before the last hundreds no longer matter for the derivative: they need no graph.
    start = [t.detach().requires_grad_() for t in train(task.theta, 1500, unroll=False)]
    theta = train(start, 500, unroll=True)
    unrolled = together(list(torch.autograd.grad(task.upper(theta), task.omega)))

    task.theta = [t.detach().requires_grad_() for t in theta]
    measured = together(
        conjugate_gradient(*task.losses(), task.omega, task.theta, steps=60, tolerance=1e-8)
    )
    first = together(direct(*task.losses(), task.omega, task.theta))
    assert (measured - unrolled).norm() < 1e-4 * unrolled.norm()
    assert (first - unrolled).norm() > 0.02 * unrolled.norm()
