# SPDX-License-Identifier: Apache-2.0
"""The smallest bi-level problem of convolutions: one layer fuses, two find the answer."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass
class Convolutions:
    """A fusion layer, a small task network on top, and pictures to train and to validate on."""

    dtype: torch.dtype = torch.float64

    def __post_init__(self) -> None:
        generator = torch.Generator().manual_seed(3)

        def draw(*shape: int, scale: float = 1.0) -> Tensor:
            numbers = torch.randn(shape, generator=generator, dtype=torch.float64)
            return (scale * numbers).to(self.dtype)

        self.train, self.validation = draw(4, 2, 9, 9), draw(4, 2, 9, 9)
        self.answers = torch.stack([x.prod(1) for x in (self.train, self.validation)]).tanh()
        self.omega = [draw(2, 2, 3, 3, scale=0.4), draw(2, scale=0.1)]
        self.theta = [draw(2, 2, 3, 3, scale=0.3), draw(2, scale=0.1), draw(1, 2, 1, 1)]
        for parameter in (*self.omega, *self.theta):
            parameter.requires_grad_()

    def fused(self, pictures: Tensor) -> Tensor:
        return F.conv2d(pictures, *self.omega, padding=1).tanh()

    def error(self, pictures: Tensor, answers: Tensor, theta: list[Tensor]) -> Tensor:
        hidden = F.conv2d(self.fused(pictures), *theta[:2], padding=1).tanh()
        return (F.conv2d(hidden, theta[2])[:, 0] - answers).square().mean()

    def lower(self, theta: list[Tensor], part: slice = slice(None)) -> Tensor:
        decay = sum((t.square().sum() for t in theta), torch.zeros(()))
        return self.error(self.train[part], self.answers[0][part], theta) + 0.02 * decay

    def upper(self, theta: list[Tensor], part: slice = slice(None)) -> Tensor:
        content = self.fused(self.validation[part]).square().mean()
        return self.error(self.validation[part], self.answers[1][part], theta) + 0.1 * content

    def losses(self, part: slice = slice(None)) -> tuple[Tensor, Tensor]:
        return self.upper(self.theta, part), self.lower(self.theta, part)


def together(gradients: list[Tensor]) -> Tensor:
    return torch.cat([g.flatten() for g in gradients])
