# SPDX-License-Identifier: Apache-2.0
"""The fast form of the paper's network: the same pictures, with fewer operations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from bifuse_core.engine.engine import Engine
from bifuse_core.engine.fast_bdl import FastBdl
from bifuse_core.engine.winograd import ELEMENTS_TO_RESULTS, PIXELS_TO_ELEMENTS, kernel_elements
from bifuse_core.nets.bdl import BdlFusion
from bifuse_core.nets.checkpoint import save_weights

SIZES = [(1, 1), (1, 9), (8, 1), (2, 3), (7, 8), (8, 8), (9, 17), (16, 31), (33, 46), (40, 64)]


@pytest.fixture
def net() -> BdlFusion:
    # Random weights give nearly constant pictures; larger ones make every layer count.
    net = BdlFusion().requires_grad_(False)
    for parameter in net.parameters():
        parameter.mul_(1.7)
    return net


@pytest.mark.parametrize("size", SIZES)
def test_it_fuses_as_the_plain_network_in_double_precision(
    net: BdlFusion, size: tuple[int, int]
) -> None:
    thermal, luma = torch.rand(2, 2, 1, *size)
    fused = FastBdl(net)(thermal, luma)
    exact = net.double()(thermal.double(), luma.double())
    assert fused.shape == exact.shape
    if min(size) > 8:
        assert exact.std() > 1e-2
    # A grey level is 4e-3.
    assert (fused - exact).abs().max() < 1e-5


def test_one_tile_is_convolved_by_its_elements() -> None:
    window, kernel = torch.randn(5, 6, 6), torch.randn(3, 5, 3, 3)
    elements = PIXELS_TO_ELEMENTS @ window.flatten(1).T
    products = torch.einsum("eoi,ei->eo", kernel_elements(kernel), elements)
    results = (ELEMENTS_TO_RESULTS @ products).T.view(3, 4, 4)
    torch.testing.assert_close(results, F.conv2d(window[None], kernel)[0], rtol=1e-4, atol=1e-4)


def operations(call: Callable[[], object]) -> int:
    with FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops()


def test_the_engine_takes_it_and_does_less_than_half_of_the_operations(
    net: BdlFusion, tmp_path: Path
) -> None:
    file = tmp_path / "bdl.safetensors"
    save_weights(file, "bdl", net, {})
    thermal, rgb = np.zeros((64, 96), np.uint8), np.zeros((64, 96, 3), np.uint8)
    plain = operations(lambda: net(torch.zeros(1, 1, 64, 96), torch.zeros(1, 1, 64, 96)))
    weights = sum(parameter.numel() for parameter in net.parameters() if parameter.ndim == 4)
    assert plain == 2 * weights * 64 * 96
    engine = Engine("bdl", weights=file, device="cpu", precision="fp32")
    assert operations(lambda: engine.fuse(thermal, rgb, 0)) < plain / 2
