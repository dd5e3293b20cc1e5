# SPDX-License-Identifier: Apache-2.0
"""What a network costs, against its own arithmetic."""

from __future__ import annotations

import time

import torch
from torch import Tensor, nn

from bifuse_core.engine.cost import cost_of
from bifuse_core.nets.bdl import BdlFusion


def test_operations_are_counted() -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 4, 1)).eval()
    cost = cost_of(net, torch.rand(1, 3, 10, 12), runs=1)
    assert cost.parameters == 3 * 8 * 9 + 8 + 8 * 4 + 4
    assert cost.flops == 2 * 10 * 12 * (3 * 8 * 9 + 8 * 4)


def test_network_of_the_paper() -> None:
    # 128 GMAC at 640x480 are 417 k a pixel.
    picture = torch.rand(1, 1, 48, 64)
    cost = cost_of(BdlFusion().eval(), picture, picture, runs=1)
    assert cost.parameters == 417_730
    assert abs(cost.flops / 2 / (48 * 64) - 128e9 / (640 * 480)) < 2e3


class Attention(nn.Module):
    def forward(self, tokens: Tensor) -> Tensor:
        return nn.functional.scaled_dot_product_attention(tokens, tokens, tokens)


def test_attention_is_counted() -> None:
    cost = cost_of(Attention(), torch.rand(1, 2, 50, 16), runs=1)
    assert cost.flops == 2 * (2 * 2 * 50 * 50 * 16)


class Slow(nn.Module):
    def forward(self, picture: Tensor) -> Tensor:
        time.sleep(0.02)
        return picture


def test_time_is_that_of_one_call() -> None:
    assert 0.02 <= cost_of(Slow(), torch.rand(1), runs=3).seconds < 0.2
