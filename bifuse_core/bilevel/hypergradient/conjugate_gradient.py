# SPDX-License-Identifier: Apache-2.0
"""The hypergradient of eq. 4 with the inverse Hessian, by conjugate gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from bifuse_core.bilevel.hypergradient.gradients import (
    Reduce,
    alone,
    flat,
    gradients_by_network,
    gradients_of,
    require_scalar,
    split,
)


def conjugate_gradient(
    upper: Tensor,
    lower: Tensor,
    omega: Sequence[Tensor],
    theta: Sequence[Tensor],
    *,
    reduce: Reduce = alone,
    steps: int = 20,
    tolerance: float = 1e-6,
    damping: float = 0.0,
) -> list[Tensor]:
    """Return dPhi/domega - phi_omega_theta v with (phi_theta_theta + damping I) v = dPhi/dtheta.

    Where theta minimises phi this is eq. 4 itself, up to the tolerance: the reference for what is
    cheaper. It costs up to `steps` + 1 derivatives of dphi/dtheta.

    Arguments and errors are those of `Hypergradient`, and: `lower` must be differentiable twice
    (else PyTorch raises RuntimeError); the solver stops after `steps`, or when the residual is
    `tolerance` times dPhi/dtheta, or where a direction without positive curvature shows that theta
    is no minimum. It then keeps the v it has, which is zero at the first step and leaves the direct
    term; `damping`, at least 0, above the negative curvature gets past such directions.
    """
    require_scalar(upper, "upper")
    require_scalar(lower, "lower")
    if not damping >= 0:
        raise ValueError(f"damping must be at least 0: {damping=}")
    upper_omega, upper_theta = gradients_by_network(upper, omega, theta, reduce)
    slope = torch.autograd.grad(
        lower, theta, create_graph=True, allow_unused=True, materialize_grads=True
    )

    def slope_along(vector: Tensor, inputs: Sequence[Tensor]) -> list[Tensor]:
        """Return the gradient of <dphi/dtheta, vector> for the inputs."""
        return reduce(gradients_of(slope, inputs, split(vector, theta)))

    def curvature(vector: Tensor) -> Tensor:
        return flat(slope_along(vector, theta)) + damping * vector

    mixed = slope_along(solve(curvature, flat(upper_theta), steps, tolerance), omega)
    return [u - m for u, m in zip(upper_omega, mixed, strict=True)]


def solve(
    product: Callable[[Tensor], Tensor], target: Tensor, steps: int, tolerance: float
) -> Tensor:
    """Solve A x = target for a positive definite A (Hestenes and Stiefel 1952).

    Args:
        product: returns A times a vector.
        target: (N,) right-hand side.
        steps: at most so many products.
        tolerance: good enough is a residual of this part of the target's length.

    Returns:
        (N,) x, or how far it got before a direction p with p'Ap <= 0.
    """
    solution, residual, direction = torch.zeros_like(target), target, target
    size = torch.dot(residual, residual)
    enough = tolerance**2 * size
    # NaN passes both comparisons: a broken loss shows in the result instead of hiding here.
    for _ in range(steps):
        if size <= enough:
            break
        image = product(direction)
        bend = torch.dot(direction, image)
        if bend <= 0:
            break
        length = size / bend
        solution = solution + length * direction
        residual = residual - length * image
        previous, size = size, torch.dot(residual, residual)
        direction = residual + (size / previous) * direction
    return solution
