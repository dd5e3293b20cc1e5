# SPDX-License-Identifier: Apache-2.0
"""Qabf against a plain computation with SciPy's convolution, written from the definition."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.signal import convolve2d

from bifuse_core.metrics.fusion.edge_transfer import edge_transfer

Scenes = Callable[..., tuple[torch.Tensor, ...]]

ALONG_X = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])


def edges(picture: torch.Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    levels = picture[0].double().numpy()
    sx, sy = (convolve2d(levels, kernel, mode="same") for kernel in (ALONG_X, ALONG_X.T))
    angles = [math.atan(y / x) if x else math.pi / 2 for x, y in zip(sx.flat, sy.flat, strict=True)]
    return np.sqrt(sx**2 + sy**2).ravel(), np.array(angles)


def by_pixel(fused: torch.Tensor, thermal: torch.Tensor, luma: torch.Tensor) -> float:
    kept = weights = 0.0
    fused_edges = edges(fused)
    for source in (thermal, luma):
        for g, a, gf, af in zip(*edges(source), *fused_edges, strict=True):
            strength = min(g, gf) / max(g, gf) if max(g, gf) > 0 else 0.0
            orientation = 1 - abs(a - af) / (math.pi / 2)
            qg = 0.9994 / (1 + math.exp(-15 * (strength - 0.5)))
            qa = 0.9879 / (1 + math.exp(-22 * (orientation - 0.8)))
            kept += qg * qa * g
            weights += g
    return kept / weights


@pytest.mark.parametrize("size", [(2, 2), (3, 2), (31, 40)])
def test_against_loops(scenes: Scenes, size: tuple[int, int]) -> None:
    pictures = scenes(2, *size)
    expected = [by_pixel(*triple) for triple in zip(*pictures, strict=True)]
    np.testing.assert_allclose(edge_transfer(*pictures), expected, rtol=1e-9)


def test_exchanging_the_sources_changes_nothing(scenes: Scenes) -> None:
    fused, thermal, luma = scenes()
    torch.testing.assert_close(
        edge_transfer(fused, thermal, luma), edge_transfer(fused, luma, thermal)
    )


def test_the_best_score_is_that_of_the_source_itself(scenes: Scenes) -> None:
    _, source, other = scenes()
    best = 0.9994 / (1 + math.exp(-7.5)) * 0.9879 / (1 + math.exp(-4.4))
    measured = edge_transfer(source, source, source)
    assert measured.tolist() == pytest.approx([best, best], rel=1e-9)
    assert (edge_transfer(other, source, source) < measured).all()


def test_black_pictures_have_no_edges_to_keep() -> None:
    black = torch.zeros(1, 1, 9, 9)
    assert edge_transfer(black, black, black).item() == 0


def test_lost_edges_score_nothing(scenes: Scenes) -> None:
    _, thermal, luma = scenes()
    assert (edge_transfer(torch.zeros_like(luma), thermal, luma) < 1e-3).all()
