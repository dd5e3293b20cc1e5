# SPDX-License-Identifier: Apache-2.0
"""FMI and its edge maps against loops over pixels, written from the definition."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import sobel

from bifuse_core.metrics.fusion.feature_information import (
    PATTERNS,
    edge_map,
    feature_mutual_information,
    shared_information,
)

Scenes = Callable[..., tuple[torch.Tensor, ...]]


def edges_by_loops(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Sobel with the border continued, threshold, and the crest across the steeper direction."""
    gx = sobel(picture.astype(float), axis=1, mode="nearest")
    gy = sobel(picture.astype(float), axis=0, mode="nearest")
    power = gx**2 + gy**2
    height, width = picture.shape
    edges = np.zeros(picture.shape, dtype=bool)
    for y in range(height):
        for x in range(width):
            here = power[y, x]
            crest = False
            if abs(gx[y, x]) >= abs(gy[y, x]):
                crest = (x == 0 or power[y, x - 1] <= here) and (
                    x == width - 1 or here > power[y, x + 1]
                )
            if abs(gy[y, x]) >= abs(gx[y, x]) and not crest:
                crest = (y == 0 or power[y - 1, x] <= here) and (
                    y == height - 1 or here > power[y + 1, x]
                )
            edges[y, x] = crest and here > 4 * power.mean()
    return edges


def shared_by_loops(a: list[int], b: list[int]) -> float:
    """Normalised mutual information of two windows, cell by cell."""
    if a == b:
        return 1.0
    p, q = ([x / sum(w) for x in w] for w in (w if any(w) else [1] * 9 for w in (a, b)))
    cp, cq = np.cumsum(p), np.cumsum(q)
    constant = len(set(p)) == 1 or len(set(q)) == 1
    correlation = 0.0 if constant else float(np.corrcoef(p, q)[0, 1])
    if abs(correlation) < 1e-12:
        correlation = 0.0
    number = np.arange(1, 10)
    deviation = [math.sqrt(max(0, (w * number**2).sum() - (w * number).sum() ** 2)) for w in (p, q)]

    def bound(i: int, j: int) -> float:
        if i < 0 or j < 0:
            return 0.0
        return min(cp[i], cq[j]) if correlation >= 0 else max(cp[i] + cq[j] - 1, 0.0)

    share = 0.0
    if correlation != 0 and min(deviation) > 1e-9:
        extreme = sum(bound(i, j) - cp[i] * cq[j] for i in range(9) for j in range(9))
        share = correlation / (extreme / (deviation[0] * deviation[1]))
    joint_entropy = 0.0
    for i in range(9):
        for j in range(9):
            mass = bound(i, j) - bound(i - 1, j) - bound(i, j - 1) + bound(i - 1, j - 1)
            joint = share * mass + (1 - share) * p[i] * q[j]
            joint_entropy -= joint * math.log2(abs(joint)) if abs(joint) > 1e-15 else 0
    alone = -sum(x * math.log2(x) for w in (p, q) for x in w if x > 0)
    return 2 * (alone - joint_entropy) / alone if alone > 0 else 0.0


def window(code: int) -> list[int]:
    return [code >> k & 1 for k in range(9)]


@pytest.mark.parametrize("size", [(3, 3), (20, 31), (48, 57)])
def test_edges_against_loops(scenes: Scenes, size: tuple[int, int]) -> None:
    pictures = scenes(2, *size)[1]
    measured = edge_map(pictures.double())[:, 0].numpy()
    for picture, edges in zip(pictures[:, 0].numpy(), measured, strict=True):
        np.testing.assert_array_equal(edges, edges_by_loops(picture))
    assert size == (3, 3) or measured.mean() > 0.02


def test_edges_do_not_depend_on_the_scale_of_grey_levels(scenes: Scenes) -> None:
    picture = scenes()[0]
    assert (edge_map(picture.double()) == edge_map(picture.double() / 256)).all()


def test_shared_information_of_patterns_against_loops(random: np.random.Generator) -> None:
    few = [0, 511, 1, 2, 256, 7, 448, 73, 292, 16, 170]
    pairs = [(a, b) for a in few for b in few]
    pairs += [tuple(pair) for pair in random.integers(0, PATTERNS, (300, 2)).tolist()]
    expected = [shared_by_loops(window(a), window(b)) for a, b in pairs]
    measured = shared_information(*torch.tensor(pairs).unbind(1))
    np.testing.assert_allclose(measured, expected, atol=1e-9)


def test_shared_information_is_symmetric_and_within_0_and_1(random: np.random.Generator) -> None:
    a, b = torch.from_numpy(random.integers(0, PATTERNS, (2, 5000)))
    there, back = shared_information(a, b), shared_information(b, a)
    torch.testing.assert_close(there, back, rtol=0, atol=1e-12)
    assert there.min() >= -1e-12
    assert there.max() <= 1


def test_fmi_against_loops(scenes: Scenes) -> None:
    pictures = scenes(1, 24, 30)
    fused, *sources = (edges_by_loops(picture[0, 0].numpy()).astype(int) for picture in pictures)
    total, count = 0.0, 0
    for y in range(22):
        for x in range(28):
            # Down the columns, as the reference reads a window.
            looked = [e[y : y + 3, x : x + 3].T.flatten().tolist() for e in (fused, *sources)]
            total += sum(shared_by_loops(source, looked[0]) for source in looked[1:]) / 2
            count += 1
    measured = feature_mutual_information(*pictures)
    assert measured.item() == pytest.approx(total / count, abs=1e-9)


def test_fmi_with_itself_is_1(scenes: Scenes) -> None:
    picture = scenes()[0]
    assert feature_mutual_information(picture, picture, picture).tolist() == [1, 1]


def test_constant_pictures_have_the_same_edges_namely_none() -> None:
    black, white = torch.zeros(1, 1, 8, 8), torch.full((1, 1, 8, 8), 255.0)
    assert feature_mutual_information(black, white, black).item() == 1


def test_too_small_pictures_are_refused_with_both_sizes() -> None:
    small = torch.zeros(1, 1, 2, 9)
    with pytest.raises(ValueError, match=r"FMI .*3x3.*9x2"):
        feature_mutual_information(small, small, small)
