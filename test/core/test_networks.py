# SPDX-License-Identifier: Apache-2.0
"""The fusion networks: size, bounds, locality, and their parts against plain computations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bifuse_core.nets.bdl import BdlFusion, DilatedDenseResidualBlock
from bifuse_core.nets.edge import EdgeFusion, camera_features
from bifuse_core.nets.zoo import FUSION_NETWORKS, create_fusion

SIZES = [(1, 1), (3, 2), (16, 16), (17, 23), (45, 61), (64, 33)]


def inputs(*shape: int) -> tuple[Tensor, Tensor]:
    return torch.rand(*shape), torch.rand(*shape)


def sharpened(network: str) -> nn.Module:
    # Random weights give nearly constant pictures; larger ones make every layer count.
    net = create_fusion(network).requires_grad_(False)
    for parameter in net.parameters():
        parameter.mul_(1.7)
    return net


@pytest.mark.parametrize(
    ("network", "parameters"),
    [("edge", 19_277), ("bdl", 417_730), ("tardal", 296_129), ("umfusion", 631_169)],
)
def test_number_of_parameters(network: str, parameters: int) -> None:
    assert sum(p.numel() for p in create_fusion(network).parameters()) == parameters


def test_unknown_network_error_lists_the_choices() -> None:
    with pytest.raises(ValueError, match=r"'nonsense'.*edge, bdl, tardal, umfusion"):
        create_fusion("nonsense")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("network", FUSION_NETWORKS)
def test_any_size_goes_in_and_comes_out_within_0_and_1(network: str, size: tuple[int, int]) -> None:
    fused = sharpened(network)(*inputs(2, 1, *size))
    assert fused.shape == (2, 1, *size)
    assert fused.min() >= 0
    assert fused.max() <= 1
    if size > (16, 16):
        assert fused.std() > 1e-3


@pytest.mark.parametrize("size", SIZES)
def test_edge_lies_between_the_two_cameras_at_every_pixel(size: tuple[int, int]) -> None:
    thermal, luma = inputs(2, 1, *size)
    fused = sharpened("edge")(thermal, luma)
    assert (fused >= torch.minimum(thermal, luma) - 1e-6).all()
    assert (fused <= torch.maximum(thermal, luma) + 1e-6).all()


def test_edge_returns_the_picture_that_both_cameras_agree_on() -> None:
    picture = torch.rand(1, 1, 45, 61)
    torch.testing.assert_close(sharpened("edge")(picture, picture), picture)


@pytest.mark.parametrize("size", [(17, 23), (45, 61), (1, 1)])
def test_edge_continues_the_border_of_sizes_that_are_no_multiple_of_16(
    size: tuple[int, int],
) -> None:
    height, width = size
    net = sharpened("edge")
    thermal, luma = inputs(1, 1, *size)
    border = ((0, 0), (0, 0), (0, -height % 16), (0, -width % 16))
    whole = [torch.from_numpy(np.pad(x.numpy(), border, mode="edge")) for x in (thermal, luma)]
    expected = net(*whole)[..., :height, :width]
    torch.testing.assert_close(net(thermal, luma), expected)


def test_edge_composes_with_bilinearly_enlarged_weights() -> None:
    net = sharpened("edge")
    thermal, luma = inputs(1, 1, 32, 48)
    coarse = net.weights(thermal, luma)[0, 0].numpy()
    assert coarse.shape == (8, 12)
    # Pixel centres, clamped at the border.
    shares = np.empty((32, 48))
    rows = np.clip((np.arange(32) + 0.5) / 4 - 0.5, 0, 7)
    columns = np.clip((np.arange(48) + 0.5) / 4 - 0.5, 0, 11)
    for y, row in enumerate(rows):
        for x, column in enumerate(columns):
            top, left = int(row), int(column)
            bottom, right = min(top + 1, 7), min(left + 1, 11)
            v, h = row - top, column - left
            upper = (1 - h) * coarse[top, left] + h * coarse[top, right]
            lower = (1 - h) * coarse[bottom, left] + h * coarse[bottom, right]
            shares[y, x] = (1 - v) * upper + v * lower
    t, y = thermal[0, 0].numpy(), luma[0, 0].numpy()
    fused = net(thermal, luma)[0, 0].numpy()
    np.testing.assert_allclose(fused, y + shares * (t - y), atol=1e-6)


@pytest.mark.parametrize("network", FUSION_NETWORKS)
def test_the_result_does_not_depend_on_the_rest_of_the_batch(network: str) -> None:
    net = sharpened(network)
    thermal, luma = inputs(3, 1, 21, 35)
    # A neighbour in the batch that is black and one that is white.
    thermal[1], luma[2] = 0, 1
    alone = torch.cat([net(thermal[i : i + 1], luma[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(net(thermal, luma), alone, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("network", "reach"), [("edge", 128), ("bdl", 39), ("tardal", 24), ("umfusion", 32)]
)
def test_a_change_in_one_corner_leaves_what_is_far_from_it_untouched(
    network: str, reach: int
) -> None:
    net = sharpened(network)
    thermal, luma = inputs(1, 1, 64, reach + 64)
    fused = net(thermal, luma)
    thermal[..., :16, :16], luma[..., :16, :16] = 1, 0
    changed = (net(thermal, luma) - fused).abs()
    assert changed[..., :16, :16].max() > 1e-3
    assert changed[..., reach:].max() < 1e-6


@pytest.mark.parametrize("network", FUSION_NETWORKS)
def test_training_and_inference_compute_the_same(network: str) -> None:
    net, pair = sharpened(network), inputs(2, 1, 21, 35)
    training = [net.train()(*pair) for _ in range(2)]
    inference = [net.eval()(*pair) for _ in range(2)]
    for fused in (*training[1:], *inference):
        torch.testing.assert_close(fused, training[0], rtol=0, atol=0)


@pytest.mark.parametrize("network", FUSION_NETWORKS)
def test_gradients_reach_every_parameter(network: str) -> None:
    net = create_fusion(network)
    with torch.no_grad():
        # As after a first step: the last layer of `edge` begins at zero.
        for parameter in net.parameters():
            parameter += 0.01 * torch.randn_like(parameter)
    thermal, luma = inputs(2, 1, 48, 48)
    (net(thermal, luma) * torch.rand(2, 1, 48, 48)).sum().backward()
    without = [
        name for name, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0
    ]
    assert without == []


def test_camera_features_against_loops() -> None:
    image = torch.rand(1, 1, 8, 12)
    pixels = image[0, 0].double().numpy()
    expected = np.zeros((4, 2, 3))
    for row in range(2):
        for column in range(3):
            level = slope_x = slope_y = 0.0
            for y in range(4 * row, 4 * row + 4):
                for x in range(4 * column, 4 * column + 4):
                    level += pixels[y, x] / 16
                    slope_x += abs(pixels[y, x + 1] - pixels[y, x]) / 16 if x < 11 else 0
                    slope_y += abs(pixels[y + 1, x] - pixels[y, x]) / 16 if y < 7 else 0
            expected[:, row, column] = (
                level - 0.3,
                0.5 * np.log(level + 0.02) + 0.6,
                0.5 * np.log(8 * slope_x + 0.02) + 0.5,
                0.5 * np.log(8 * slope_y + 0.02) + 0.5,
            )
    np.testing.assert_allclose(camera_features(image)[0].numpy(), expected, atol=1e-5)


def test_camera_features_tell_black_from_dark() -> None:
    black, dark = torch.zeros(1, 1, 8, 8), torch.full((1, 1, 8, 8), 0.02)
    difference = camera_features(dark) - camera_features(black)
    # Half the logarithm of twice the floor.
    torch.testing.assert_close(difference[:, 1], torch.full((1, 2, 2), 0.5 * np.log(2)).float())


def dense_block(x: Tensor, weights: dict[str, Tensor], prefix: str) -> Tensor:
    parts = [x]
    for i in range(5):
        weight, bias = weights[f"{prefix}dense.{i}.weight"], weights[f"{prefix}dense.{i}.bias"]
        padded = F.pad(torch.cat(parts, 1), (2, 2, 2, 2))
        parts.append(torch.clamp(F.conv2d(padded, weight, bias, dilation=2), min=0))
    merged = torch.einsum(
        "oi,bihw->bohw", weights[f"{prefix}merge.weight"][..., 0, 0], torch.cat(parts, 1)
    )
    merged = merged + weights[f"{prefix}merge.bias"][:, None, None]
    return x + torch.clamp(merged, min=0)


def test_dilated_dense_residual_block_against_a_plain_computation() -> None:
    block = DilatedDenseResidualBlock(6, 4).requires_grad_(False)
    x = torch.randn(2, 6, 9, 11)
    torch.testing.assert_close(block(x), dense_block(x, block.state_dict(), ""))


def test_bdl_against_a_plain_computation() -> None:
    net = BdlFusion().requires_grad_(False)
    weights = net.state_dict()
    thermal, luma = inputs(1, 1, 13, 10)
    x = F.conv2d(torch.cat((thermal, luma), 1), weights["head.weight"], weights["head.bias"], 1, 1)
    x = torch.where(x > 0, x, weights["activation.weight"] * x)
    for block in ("blocks.0.", "blocks.1."):
        x = dense_block(x, weights, block)
    for layer in ("tail.0", "tail.1"):
        x = F.conv2d(x, weights[f"{layer}.weight"], weights[f"{layer}.bias"], 1, 1)
    torch.testing.assert_close(net(thermal, luma), 1 / (1 + torch.exp(-x)))


def test_edge_weights_never_saturate() -> None:
    net = EdgeFusion().requires_grad_(False)
    net.up_quarter[1].bias.fill_(1e4)
    u = net.weights(*inputs(1, 1, 16, 16))
    torch.testing.assert_close(u, torch.full_like(u, 1 / (1 + np.exp(-6))))
