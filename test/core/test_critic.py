# SPDX-License-Identifier: Apache-2.0
"""The patch critic: what a score sees, and the derivatives that the gradient penalty needs."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from bifuse_core.nets.critic import PATCH, PatchCritic


def gradient_penalty(critic: PatchCritic, pictures: Tensor) -> Tensor:
    (slope,) = torch.autograd.grad(
        critic(pictures).mean((1, 2, 3)).sum(), pictures, create_graph=True
    )
    return ((slope.flatten(1).norm(dim=1) - 1) ** 2).mean()


def test_number_of_parameters() -> None:
    assert sum(p.numel() for p in PatchCritic().parameters()) == 166_625


@pytest.mark.parametrize(("row", "column"), [(0, 0), (0, 9), (7, 3), (9, 9)])
def test_a_score_sees_its_own_patch_of_34x34_and_nothing_else(row: int, column: int) -> None:
    picture = torch.rand(1, 1, 70, 70, dtype=torch.float64, requires_grad=True)
    scores = PatchCritic().double()(picture)
    assert scores.shape == (1, 1, 10, 10)
    (slope,) = torch.autograd.grad(scores[0, 0, row, column], picture)
    rows, columns = slope[0, 0].nonzero().unbind(1)
    seen = rows.min().item(), rows.max().item(), columns.min().item(), columns.max().item()
    top, left = 4 * row, 4 * column
    assert seen == (top, top + PATCH - 1, left, left + PATCH - 1)


@pytest.mark.parametrize(
    ("size", "scores"), [((34, 34), (1, 1)), ((37, 38), (1, 2)), ((96, 96), (16, 16))]
)
def test_one_score_every_four_pixels(size: tuple[int, int], scores: tuple[int, int]) -> None:
    assert PatchCritic()(torch.rand(2, 1, *size)).shape == (2, 1, *scores)


@pytest.mark.parametrize("size", [(33, 96), (96, 33), (1, 1)])
def test_a_picture_smaller_than_a_patch_is_refused_with_both_sizes(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=f"34x34 pixels; this picture is {size[1]}x{size[0]}"):
        PatchCritic()(torch.rand(1, 1, *size))


def test_patches_are_judged_alike_wherever_they_lie() -> None:
    patch = torch.rand(1, 1, PATCH, PATCH)
    critic = PatchCritic()
    picture = torch.rand(1, 1, 50, 50)
    picture[..., 16:, 16:] = patch
    torch.testing.assert_close(critic(picture)[..., 4, 4], critic(patch)[..., 0, 0])


@pytest.mark.parametrize("training", [True, False])
def test_scores_do_not_depend_on_the_rest_of_the_batch(training: bool) -> None:
    critic = PatchCritic().train(training)
    pictures = torch.rand(3, 1, 45, 50)
    pictures[1], pictures[2] = 0, 1
    alone = torch.cat([critic(picture[None]) for picture in pictures])
    torch.testing.assert_close(critic(pictures), alone, atol=1e-6, rtol=0)


def test_scores_have_no_bounds() -> None:
    critic, picture = PatchCritic(), torch.rand(1, 1, 40, 40)
    with torch.no_grad():
        for bias in (-1e4, 1e4):
            critic.layers[-1].bias.fill_(bias)
            assert critic(picture).mean().item() == pytest.approx(bias, rel=1e-3)


def test_the_gradient_penalty_moves_every_kernel_by_finite_gradients() -> None:
    critic = PatchCritic()
    gradient_penalty(critic, torch.rand(4, 1, 48, 48, requires_grad=True)).backward()
    for name, parameter in critic.named_parameters():
        if name.endswith("weight"):
            assert parameter.grad is not None
            assert parameter.grad.isfinite().all()
            assert parameter.grad.abs().sum() > 0


def test_the_second_derivative_is_that_of_finite_differences() -> None:
    critic = PatchCritic().double()
    pictures = torch.rand(2, 1, 38, 38, dtype=torch.float64, requires_grad=True)
    weight = critic.layers[2].weight
    (slope,) = torch.autograd.grad(gradient_penalty(critic, pictures), weight)
    direction = torch.randn_like(weight)
    # So short that no LeakyReLU changes side: the penalty jumps where one does.
    step, values = 1e-9, []
    for sign in (1, -1):
        with torch.no_grad():
            weight += sign * step * direction
        values.append(gradient_penalty(critic, pictures).item())
        with torch.no_grad():
            weight -= sign * step * direction
    expected = (values[0] - values[1]) / (2 * step)
    assert (slope * direction).sum().item() == pytest.approx(expected, rel=1e-3)


def test_it_learns_to_tell_sharp_pictures_from_blurred_ones() -> None:
    critic = PatchCritic()
    optimiser = torch.optim.Adam(critic.parameters(), 1e-3, betas=(0.0, 0.9))

    def sharp_and_blurred() -> tuple[Tensor, Tensor]:
        sharp = torch.rand(4, 1, 40, 40)
        return sharp, F.avg_pool2d(F.pad(sharp, (1, 1, 1, 1), mode="reflect"), 3, stride=1)

    for _ in range(30):
        sharp, blurred = sharp_and_blurred()
        between = torch.lerp(blurred, sharp, torch.rand(4, 1, 1, 1)).requires_grad_()
        loss = critic(blurred).mean() - critic(sharp).mean()
        loss = loss + 10 * gradient_penalty(critic, between)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    sharp, blurred = sharp_and_blurred()
    assert critic(sharp).mean((1, 2, 3)).min() > critic(blurred).mean((1, 2, 3)).max()
