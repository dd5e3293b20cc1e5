# SPDX-License-Identifier: Apache-2.0
"""Hypergradients from first derivatives alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from bifuse_core.bilevel.hypergradient.gradients import (
    Reduce,
    alone,
    flat,
    gradients_by_network,
    gradients_of,
    require_scalar,
)


def direct(
    upper: Tensor,
    lower: Tensor,
    omega: Sequence[Tensor],
    theta: Sequence[Tensor],
    *,
    reduce: Reduce = alone,
) -> list[Tensor]:
    """Return dPhi/domega: the task network is taken as fixed.

    Arguments and errors are those of `Hypergradient`; `lower` and `theta` are not used.
    """
    require_scalar(upper, "upper")
    return reduce(gradients_of([upper], omega))


def gauss_newton(
    upper: Tensor,
    lower: Tensor,
    omega: Sequence[Tensor],
    theta: Sequence[Tensor],
    *,
    reduce: Reduce = alone,
    limit: float = 1.0,
    eps: float = 1e-12,
) -> list[Tensor]:
    """Return dPhi/domega - k dphi/domega (eq. 5).

    k = <dPhi/dtheta, dphi/dtheta> / (<dphi/dtheta, dphi/dtheta> + eps). For phi = r^2 / 2, with
    the curvature of r left out, phi_theta_theta is the outer product of dr/dtheta with itself and
    phi_omega_theta that of dr/domega with it; the pseudo-inverse leaves k, and the minus sign of
    eq. 4 stays, where the paper prints a plus.

    Exact for one residual. For several, if phi falls to zero at theta*, on average nearer to G than
    `direct`, which is nearer than with the plus sign. If phi does not fall to zero, dphi/domega
    does not vanish at theta* while k becomes 0/0: the term is noise there, and `direct` is nearer.

    Arguments and errors are those of `Hypergradient`, and: k, which is 0/0 where the task is
    trained out, is clipped to [-limit, limit]; `limit` is at least 0, and `eps` above 0.
    """
    if not (limit >= 0 and eps > 0):
        raise ValueError(f"limit must be at least 0 and eps above 0: {limit=}, {eps=}")
    require_scalar(upper, "upper")
    require_scalar(lower, "lower")
    upper_omega, upper_theta = gradients_by_network(upper, omega, theta, reduce)
    lower_omega, lower_theta = gradients_by_network(lower, omega, theta, reduce)
    upward, downward = flat(upper_theta), flat(lower_theta)
    k = torch.dot(upward, downward) / (torch.dot(downward, downward) + eps)
    k = k.clamp(-limit, limit)
    return [u - k.to(u) * w for u, w in zip(upper_omega, lower_omega, strict=True)]
