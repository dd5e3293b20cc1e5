# SPDX-License-Identifier: Apache-2.0
"""The visual task V: a critic tells the fused picture from the saliency target (eq. 6 and 7)."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from bifuse_core.bilevel.batch import Batch
from bifuse_core.bilevel.objectives.contents import Content


def critic_loss(critic: nn.Module, fused: Tensor, batch: Batch, *, penalty: float = 10.0) -> Tensor:
    """Return phi_V = E T_V(u) - E T_V(u_m) + eta R (eq. 6), a scalar.

    R = E (|dT_V / ds| - 1)^2 at a random point s between u and u_m of each picture, as Gulrajani
    et al. (2017) take it; the paper's formula has it at u.

    Args:
        critic: T_V, (B, 1, C, C) -> (B, 1, h, w) scores.
        fused: (B, 1, C, C) u, with or without a graph to the fusion network.
        batch: tells u_m, and how far on the way from there to u s lies.
        penalty: eta.
    """
    target = batch.target
    place = batch.mix.view(-1, 1, 1, 1)
    between = torch.lerp(target, fused, place)
    if not between.requires_grad:
        between.requires_grad_()
    scores = critic(between).mean(dim=(1, 2, 3)).sum()
    (slope,) = torch.autograd.grad(scores, between, create_graph=True)
    steepness = slope.flatten(1).norm(dim=1)
    return critic(fused).mean() - critic(target).mean() + penalty * ((steepness - 1) ** 2).mean()


@dataclass
class VisualTask:
    """The task V of the paper.

    Attributes:
        net: the critic T_V.
        content: the content term of Phi_V.
        adversarial: weight of -E T_V(u) in Phi_V; 0 leaves the critic without a say.
        penalty: eta of eq. 6.
        name: of the task.
    """

    net: nn.Module
    content: Content
    adversarial: float = 0.01
    penalty: float = 10.0
    name: str = field(default="visual")

    def lower(self, fused: Tensor, batch: Batch) -> Tensor:
        """Return phi_V (eq. 6), a scalar."""
        return critic_loss(self.net, fused, batch, penalty=self.penalty)

    def upper(self, fused: Tensor, batch: Batch) -> Tensor:
        """Return Phi_V (eq. 7): the content term - adversarial * E T_V(u), a scalar.

        The paper prints the score of a real picture there; it is that of the fused one, which the
        fusion network can raise.
        """
        return self.content(fused, batch) - self.adversarial * self.net(fused).mean()
