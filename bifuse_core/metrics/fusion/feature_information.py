# SPDX-License-Identifier: Apache-2.0
"""What the edges of the fused picture tell about the edges of its sources (FMI)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from bifuse_core.metrics.fusion.levels import comparable
from bifuse_core.metrics.fusion.sobel import sobel

CELLS = 9
"""Pixels of a window."""

PATTERNS = 2**CELLS
"""Edge maps that a window can hold."""


def feature_mutual_information(fused: Tensor, thermal: Tensor, luma: Tensor) -> Tensor:
    """Return FMI with the feature `edge` and windows of 3 x 3, (B,) in [0, 1].

    The mean over all windows and both sources of 2 I / (H + H), where a window's edge map is read
    as a distribution over its nine pixels and the joint distribution is Nelsen's estimate.
    Sources: Haghighat et al., Computers & Electrical Engineering 37 (2011); Haghighat and Razian,
    "Fast-FMI" (2014).

    Args:
        fused: (B, 1, H, W) grey levels 0 to 255, H and W at least 3.
        thermal: likewise.
        luma: likewise.

    Raises:
        ValueError: the pictures are smaller, or their shapes differ.
    """
    fused, *sources = (_patterns(edge_map(x)) for x in comparable("FMI", 3, fused, thermal, luma))
    # Two windows have 2^18 states, of which pictures show few: each is computed once.
    states = torch.stack([source * PATTERNS + fused for source in sources])
    present = torch.bincount(states.flatten(), minlength=PATTERNS**2).nonzero().squeeze(1)
    table = torch.zeros(PATTERNS**2, dtype=torch.float64, device=fused.device)
    for some in present.split(2**14):
        table[some] = shared_information(some // PATTERNS, some % PATTERNS)
    return table[states].mean(dim=(0, 2))


def edge_map(picture: Tensor) -> Tensor:
    """Return where a picture has edges, (B, 1, H, W) bool: MATLAB's `edge` with its defaults.

    Sobel's gradient, squared, above four times its mean, and the largest across the edge.

    Args:
        picture: (B, 1, H, W), floating.
    """
    dx, dy = sobel(picture, "replicate")
    squared = dx * dx + dy * dy
    # Beyond the border is nothing that could be larger.
    around = F.pad(squared, (1, 1, 1, 1), value=-1.0)
    left, right = around[..., 1:-1, :-2], around[..., 1:-1, 2:]
    above, below = around[..., :-2, 1:-1], around[..., 2:, 1:-1]
    steep_x, steep_y = dx.abs() >= dy.abs(), dy.abs() >= dx.abs()
    crest_x = steep_x & (left <= squared) & (squared > right)
    crest_y = steep_y & (above <= squared) & (squared > below)
    threshold = 4 * squared.mean(dim=(2, 3), keepdim=True)
    return (squared > threshold) & (crest_x | crest_y)


def shared_information(first: Tensor, second: Tensor) -> Tensor:
    """Return 2 I / (H + H) of pairs of edge patterns, (N,) in [0, 1]; 1 for equal ones.

    A pattern is read as a distribution over its pixels, uniform over the edge pixels (over all
    pixels if there is no edge). The joint distribution mixes independence with the Frechet bound
    of the correlation's sign, so that the two correlate as the patterns do.

    Args:
        first: (N,) int64, bit k telling whether pixel k (down the columns) is on an edge.
        second: likewise.
    """
    (p, cumulated_p, n), (q, cumulated_q, m) = _distribution(first), _distribution(second)
    common = ((p > 0) & (q > 0)).sum(1)
    # Pearson's correlation of two patterns, in whole numbers up to the root.
    covariance = (CELLS * common - n * m).double()
    correlation = covariance / ((n * (CELLS - n) * m * (CELLS - m)).double().sqrt().clamp_min(1))
    rows, columns = cumulated_p.unsqueeze(2), cumulated_q.unsqueeze(1)
    upper, lower = torch.minimum(rows, columns), (rows + columns - 1).clamp_min(0)
    bound = torch.where((correlation >= 0).view(-1, 1, 1), upper, lower)
    reachable = (bound - rows * columns).sum(dim=(1, 2))
    spread = _spread(p) * _spread(q)
    # A pattern of one pixel has no spread, and an uncorrelated pair shares nothing.
    share = torch.where((spread > 0) & (correlation != 0), correlation * spread / reachable, 0)
    bound = F.pad(bound, (1, 0, 1, 0)).diff(dim=1).diff(dim=2)
    independent = p.unsqueeze(2) * q.unsqueeze(1)
    joint = torch.lerp(independent, bound, share.view(-1, 1, 1))
    alone = _entropy(p) + _entropy(q)
    information = alone - _entropy(joint.flatten(1))
    # Two different patterns of one pixel each have no entropy to share.
    value = torch.where(alone > 0, 2 * information / alone.clamp_min(1e-300), 0)
    return torch.where(first == second, 1, value)


def _patterns(edges: Tensor) -> Tensor:
    """Return the pattern of every 3 x 3 window, (B, windows) int64."""
    height, width = (side - 2 for side in edges.shape[-2:])
    code = torch.zeros(edges.shape[0], 1, height, width, dtype=torch.int64, device=edges.device)
    for cell in range(CELLS):
        column, row = divmod(cell, 3)
        code += edges[..., row : row + height, column : column + width].long() << cell
    return code.flatten(1)


def _distribution(patterns: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the distributions over pixels, cumulated too (N, 9), and their pixel counts (N,)."""
    cells = torch.arange(CELLS, device=patterns.device)
    bits = (patterns.unsqueeze(1) >> cells) & 1
    bits[patterns == 0] = 1
    count = bits.sum(1)
    return bits / count.unsqueeze(1).double(), bits.cumsum(1) / count.unsqueeze(1).double(), count


def _spread(p: Tensor) -> Tensor:
    """Return the standard deviation of the pixel number, (N,)."""
    number = torch.arange(CELLS, dtype=torch.float64, device=p.device)
    return ((p * number**2).sum(1) - (p * number).sum(1) ** 2).clamp_min(0).sqrt()


def _entropy(p: Tensor) -> Tensor:
    # Nelsen's estimate may be negative somewhere, where only the logarithm's real part counts.
    return -torch.xlogy(p, p.abs()).sum(1)
