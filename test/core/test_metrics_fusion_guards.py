# SPDX-License-Identifier: Apache-2.0
"""The guards against NumPy and on pictures whose answer is known."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from bifuse_core.metrics.fusion.guards import distance_from_maximum, hot, level

Scenes = Callable[..., tuple[torch.Tensor, ...]]


def test_the_maximum_passes_every_guard(scenes: Scenes) -> None:
    _, thermal, luma = scenes()
    luma = luma // 2
    brightest = torch.maximum(thermal, luma)
    assert level(brightest, thermal, luma).tolist() == [1, 1]
    assert distance_from_maximum(brightest, thermal, luma).tolist() == [0, 0]
    assert hot(brightest, thermal, luma).tolist() == [1, 1]


def test_level_and_distance_against_numpy(scenes: Scenes) -> None:
    pictures = scenes()
    for n, (f, t, y) in enumerate(zip(*(p.double().numpy() for p in pictures), strict=True)):
        brightest = np.maximum(t, y)
        assert level(*pictures)[n].item() == pytest.approx(f.mean() / brightest.mean())
        distance = np.abs(f - brightest).mean()
        assert distance_from_maximum(*pictures)[n].item() == pytest.approx(distance)


@pytest.mark.parametrize("pixels", [1, 49, 50, 51, 1000])
def test_hot_against_sorting(random: np.random.Generator, pixels: int) -> None:
    thermal = random.permutation(pixels).astype(float) / pixels * 200 + 50
    luma = random.uniform(0, 250, pixels)
    luma[thermal.argmax()] = 0
    fused = random.uniform(0, 255, pixels)
    hottest = sorted(range(pixels), key=lambda i: -thermal[i])[: math.ceil(0.02 * pixels)]
    expected = np.mean([fused[i] / thermal[i] for i in hottest if thermal[i] > luma[i] + 20])
    pictures = (torch.from_numpy(x).view(1, 1, 1, -1) for x in (fused, thermal, luma))
    assert hot(*pictures).item() == pytest.approx(expected)


def test_all_pixels_as_hot_as_the_last_of_the_hottest_count() -> None:
    # A tenth of the picture is saturated: the 2 % are not an arbitrary part of it.
    thermal = torch.zeros(1, 1, 10, 100)
    thermal[..., 0, :] = 255
    fused = thermal.clone()
    fused[..., 0, :50] = 0
    assert hot(fused, thermal, torch.zeros_like(thermal)).item() == 0.5


def test_hot_is_unknown_where_nothing_is_hot() -> None:
    thermal, luma = torch.full((1, 1, 5, 5), 100.0), torch.full((1, 1, 5, 5), 80.0)
    # Twenty levels above are not more than twenty.
    assert math.isnan(hot(thermal, thermal, luma).item())
    assert hot(thermal, thermal, luma - 1).item() == 1


def test_black_pictures_are_as_bright_as_their_maximum() -> None:
    black = torch.zeros(1, 1, 4, 4, dtype=torch.uint8)
    assert level(black, black, black).item() == 1
