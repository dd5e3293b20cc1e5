# SPDX-License-Identifier: Apache-2.0
"""The visual task: its critic, the gradient penalty of eq. 6, and both its losses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from rendered_batch import double
from torch import Tensor, nn

from bifuse_core.bilevel.batch import Batch
from bifuse_core.bilevel.objectives.contents import vsm
from bifuse_core.bilevel.objectives.visual import VisualTask, critic_loss
from bifuse_core.nets.critic import PatchCritic


def slope(value: Tensor, of: Tensor) -> Tensor:
    return torch.autograd.grad(value, of)[0]


class Linear(nn.Module):
    """T(s) = <w, s>, whose slope is w everywhere."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, picture: Tensor) -> Tensor:
        return (picture * self.weight).sum(dim=(1, 2, 3), keepdim=True)


class Bent(Linear):
    """A smooth critic whose slope differs from place to place."""

    def forward(self, picture: Tensor) -> Tensor:
        return torch.tanh(picture * self.weight).sum(dim=(1, 2, 3), keepdim=True)


def weight(length: float) -> Tensor:
    direction = torch.randn(1, 48, 48, dtype=torch.float64)
    return length * direction / direction.norm()


@pytest.mark.parametrize("length", [0.0, 0.3, 1.0, 4.0])
def test_eq_6_of_a_linear_critic_in_closed_form(length: float, random_batch: Batch) -> None:
    fused, w = torch.rand_like(random_batch.luma), weight(length)
    apart = (fused - random_batch.target).mean(dim=0)
    expected = (w * apart).sum() + 7 * (length - 1) ** 2
    found = critic_loss(Linear(w), fused, random_batch, penalty=7.0)
    assert found.item() == pytest.approx(expected.item(), abs=1e-9)
    critic = Linear(w)
    gradient = slope(critic_loss(critic, fused, random_batch, penalty=7.0), critic.weight)
    # Where the critic is flat its steepness has no derivative; it counts as zero.
    upwards = w / length if length else w
    expected_gradient = apart + 14 * (length - 1) * upwards
    torch.testing.assert_close(gradient, expected_gradient, rtol=0, atol=1e-9)


def test_the_penalty_is_taken_between_the_two_pictures(random_batch: Batch) -> None:
    class Squared(nn.Module):
        """T(s) = <s, s> / 2, whose slope is s."""

        def forward(self, picture: Tensor) -> Tensor:
            return (picture**2).sum(dim=(1, 2, 3), keepdim=True) / 2

    fused, target = torch.rand_like(random_batch.luma), random_batch.target
    expected = 0.0
    for u, u_m, mix in zip(fused, target, random_batch.mix, strict=True):
        u, u_m = u.numpy(), u_m.numpy()
        between = u_m + mix.item() * (u - u_m)
        expected += ((u**2).sum() - (u_m**2).sum()) / 2
        expected += 10 * (np.sqrt((between**2).sum()) - 1) ** 2
    found = critic_loss(Squared(), fused, random_batch)
    assert found.item() == pytest.approx(expected / 2, rel=1e-10)


def test_a_critic_that_descends_prefers_the_target(rendered: Batch) -> None:
    critic = PatchCritic()
    task = VisualTask(critic, vsm)
    optimiser = torch.optim.Adam(critic.parameters(), 1e-3, betas=(0.0, 0.9))
    fused = rendered.luma

    def preference() -> float:
        with torch.no_grad():
            return (critic(rendered.target).mean() - critic(fused).mean()).item()

    before = preference()
    for _ in range(8):
        optimiser.zero_grad()
        task.lower(fused.clone(), rendered).backward()
        optimiser.step()
    assert preference() > max(before, 0)


def test_the_penalty_reaches_every_kernel(rendered: Batch) -> None:
    critic = PatchCritic()
    fused = rendered.luma.clone()
    with_penalty, without = (
        critic_loss(critic, fused.clone(), rendered, penalty=penalty) for penalty in (10.0, 0.0)
    )
    kernels = [p for n, p in critic.named_parameters() if n.endswith("weight")]
    for found in torch.autograd.grad(with_penalty - without, kernels):
        assert found.isfinite().all()
        assert found.norm() > 0


def directional(loss: Callable[[Tensor], Tensor], at: Tensor, direction: Tensor) -> float:
    step = 1e-6
    return ((loss(at + step * direction) - loss(at - step * direction)) / (2 * step)).item()


def test_slopes_of_eq_6_against_finite_differences(random_batch: Batch) -> None:
    thermal, luma = random_batch.thermal, random_batch.luma
    critic = Bent(weight(20.0))

    def of_omega(omega: Tensor) -> Tensor:
        fused = torch.lerp(luma, thermal, (omega * thermal).sigmoid())
        return critic_loss(critic, fused, random_batch)

    omega = torch.randn(1, 1, 48, 48, dtype=torch.float64, requires_grad=True)
    loss = of_omega(omega)
    along_omega, along_theta = torch.autograd.grad(loss, (omega, critic.weight))
    direction = torch.randn_like(omega)
    expected = directional(of_omega, omega.detach(), direction)
    assert (along_omega * direction).sum().item() == pytest.approx(expected, rel=1e-5)

    fused = torch.lerp(luma, thermal, (omega * thermal).sigmoid()).detach()

    def of_theta(theta: Tensor) -> Tensor:
        return critic_loss(Bent(theta), fused.clone(), random_batch)

    direction = torch.randn_like(critic.weight)
    expected = directional(of_theta, critic.weight.detach(), direction)
    assert (along_theta * direction).sum().item() == pytest.approx(expected, rel=1e-5)


def test_the_penalty_reaches_the_fusion_network(random_batch: Batch) -> None:
    fused = torch.rand_like(random_batch.luma).requires_grad_()
    critic = Bent(weight(20.0))
    with_penalty, without = (
        critic_loss(critic, fused, random_batch, penalty=penalty) for penalty in (10.0, 0.0)
    )
    assert slope(with_penalty - without, fused).norm() > 0


def test_phi_v_falls_as_the_score_of_the_fused_picture_rises(rendered: Batch) -> None:
    critic, batch = PatchCritic().double(), double(rendered)
    fused = batch.luma.clone().requires_grad_()
    value = VisualTask(critic, vsm, adversarial=0.5).upper(fused, batch)
    content, score = vsm(fused, batch), critic(fused).mean()
    assert value.item() == pytest.approx((content - 0.5 * score).item(), abs=1e-12)
    adversarial = slope(value, fused) - slope(content, fused)
    torch.testing.assert_close(adversarial, -0.5 * slope(score, fused), rtol=0, atol=1e-15)
    # Where the content has no say, descent raises the score.
    assert critic(fused - 10 * adversarial).mean() > score


def test_without_adversarial_weight_only_the_content_is_left(rendered: Batch) -> None:
    fused = rendered.luma.clone().requires_grad_()
    value = VisualTask(PatchCritic(), vsm, adversarial=0.0).upper(fused, rendered)
    content = vsm(fused, rendered)
    assert value.item() == content.item()
    torch.testing.assert_close(slope(value, fused), slope(content, fused), rtol=0, atol=0)


def test_the_upper_level_has_no_penalty(rendered: Batch) -> None:
    critic = PatchCritic()
    values = [
        VisualTask(critic, vsm, penalty=p).upper(rendered.luma, rendered).item() for p in (0, 10)
    ]
    assert values[0] == values[1]
