# SPDX-License-Identifier: Apache-2.0
"""The fast forms of the edge network and of the ways to it and from it: the same pictures."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bifuse_core.engine.fast_edge import FastEdge
from bifuse_core.engine.fusion import PairFusion, fuse_levels, fuse_levels_on_cpu
from bifuse_core.engine.fusions import FUSIONS, READY, fusion_by_name
from bifuse_core.engine.place import Place
from bifuse_core.imaging.thermal import line_of
from bifuse_core.nets.edge import EdgeFusion

SIZES = [(1, 1), (1, 9), (8, 1), (4, 1), (16, 16), (33, 46), (48, 64), (17, 112)]


@pytest.fixture
def net() -> EdgeFusion:
    """Return a network whose shares differ all over the picture."""
    net = EdgeFusion().requires_grad_(False)
    for parameter in net.parameters():
        parameter.mul_(1.5)
    nn.init.normal_(net.up_quarter[1].weight)
    return net


@pytest.mark.parametrize("size", SIZES)
def test_it_fuses_as_the_plain_network_in_double_precision(
    net: EdgeFusion, size: tuple[int, int]
) -> None:
    thermal, luma = torch.rand(2, 2, 1, *size)
    kept = thermal.clone(), luma.clone()
    fused = FastEdge(net)(thermal, luma)
    exact = net.double()(thermal.double(), luma.double())
    assert fused.shape == exact.shape
    if min(size) > 16:
        shares = (exact - luma) / (thermal - luma)
        assert shares.std() > 0.05
    # A grey level is 4e-3.
    assert (fused - exact).abs().max() < 1e-5
    assert torch.equal(thermal, kept[0]) and torch.equal(luma, kept[1])


def colours(size: tuple[int, int]) -> Tensor:
    """Return a picture with black and white in it, which no change may carry beyond."""
    picture = torch.randint(0, 256, (*size, 3), dtype=torch.uint8)
    picture[: size[0] // 3] = 0
    picture[-(size[0] // 3) :] = 255
    return picture


@pytest.mark.parametrize("name", READY)
@pytest.mark.parametrize("counts", [torch.uint8, torch.uint16, torch.float32])
def test_on_a_cpu_the_way_from_bytes_to_bytes_leads_to_the_same_picture(
    name: str, counts: torch.dtype
) -> None:
    size = (37, 50)
    net, _ = fusion_by_name(name)
    pair = torch.randint(0, 256, size).to(counts), torch.from_numpy(line_of((10, 240)))
    rgb = colours(size)
    with torch.inference_mode():
        fast, plain = (
            way(net, torch.float32, *pair, rgb).numpy().astype(int)
            for way in (fuse_levels_on_cpu, fuse_levels)
        )
    assert np.abs(plain - rgb.numpy()).max() > 20
    assert np.abs(fast - plain).max() <= 1
    # Only what lies between two levels may fall either way.
    assert np.mean(fast == plain) > (0.99 if name != "mean" else 0.8)


@pytest.mark.parametrize("size", SIZES)
def test_pictures_as_small_as_a_row_of_numbers_are_pictures(size: tuple[int, int]) -> None:
    def brighter(thermal: Tensor, luma: Tensor) -> Tensor:
        return luma + 10 / 255

    rgb = torch.full((*size, 3), 100, dtype=torch.uint8)
    way = partial(fuse_levels_on_cpu, brighter, torch.float32)
    fused = way(torch.zeros(size), torch.tensor([0.0, 1.0]), rgb)
    assert fused.shape == rgb.shape
    assert (fused == 110).all()


def test_the_engine_takes_it_on_a_cpu_in_single_precision() -> None:
    for name in FUSIONS:
        if name in READY:
            fusion = PairFusion(name, None, Place(torch.device("cpu"), torch.float32))
            assert isinstance(fusion._run.args[0], FastEdge) == (name == "edge")
