# SPDX-License-Identifier: Apache-2.0
"""The fusion networks in the style of published ones, against plain computations."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from bifuse_core.nets.tardal import TardalFusion
from bifuse_core.nets.umfusion import UmFusion


def pair() -> tuple[Tensor, Tensor]:
    return torch.rand(1, 1, 13, 10), torch.rand(1, 1, 13, 10)


def conv(x: Tensor, weights: dict[str, Tensor], layer: str) -> Tensor:
    weight = weights[f"{layer}.weight"]
    return F.conv2d(x, weight, weights[f"{layer}.bias"], padding=weight.shape[-1] // 2)


def dense(x: Tensor, weights: dict[str, Tensor], layer: str, count: int) -> Tensor:
    for i in range(count):
        x = torch.cat((x, torch.clamp(conv(x, weights, f"{layer}.{i}"), min=0)), 1)
    return x


def test_tardal_against_a_plain_computation() -> None:
    net = TardalFusion().requires_grad_(False)
    weights = net.state_dict()
    thermal, luma = pair()
    x = torch.clamp(conv(torch.cat((thermal, luma), 1), weights, "head.0"), min=0)
    x = dense(x, weights, "dense", 3)
    assert x.shape[1] == 128
    for layer in ("tail.0", "tail.2", "tail.4"):
        x = torch.clamp(conv(x, weights, layer), min=0)
    x = conv(x, weights, "tail.6")
    torch.testing.assert_close(net(thermal, luma), 1 / (1 + torch.exp(-x)))


def test_umfusion_against_a_plain_computation() -> None:
    net = UmFusion().requires_grad_(False)
    weights = net.state_dict()
    cameras = dict(zip(("thermal", "luma"), pair(), strict=True))
    features = {}
    for camera, picture in cameras.items():
        path = f"{camera}_path"
        shallow = conv(picture, weights, f"{path}.shallow")
        x, blocks = conv(shallow, weights, f"{path}.head"), []
        for i in range(3):
            block = f"{path}.blocks.{i}"
            x = x + conv(dense(x, weights, f"{block}.dense", 4), weights, f"{block}.merge")
            blocks.append(x)
        merged = conv(torch.cat(blocks, 1), weights, f"{path}.merge.0")
        features[camera] = shallow + conv(merged, weights, f"{path}.merge.1")
    gates = [conv(features[camera], weights, f"{camera}_gate") for camera in cameras]
    attention = 1 / (1 + torch.exp(-gates[0] * gates[1]))
    x = torch.cat([f * (1 + attention) for f in features.values()], 1)
    fused = 1 / (1 + torch.exp(-conv(x, weights, "tail")))
    torch.testing.assert_close(net(*cameras.values()), fused)
