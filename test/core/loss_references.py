# SPDX-License-Identifier: Apache-2.0
"""The losses once more, in NumPy and SciPy and from their definitions, one picture at a time.

Pictures are (H, W) grey levels 0 to 255.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import sobel
from scipy.signal import convolve2d

Picture = NDArray[np.float64]


def edge_transfer(fused: Picture, *sources: Picture) -> float:
    """Return Qabf, where a line turned by 180 degrees is the same and pictures go on outside."""
    kept = weights = 0.0
    fused_x, fused_y = (sobel(fused, axis, mode="nearest") for axis in (1, 0))
    for source in sources:
        x, y = (sobel(source, axis, mode="nearest") for axis in (1, 0))
        for a, b, c, d in zip(x.flat, y.flat, fused_x.flat, fused_y.flat, strict=True):
            g, gf = math.hypot(a, b), math.hypot(c, d)
            if g == 0:
                continue
            turn = abs(math.atan2(b, a) - math.atan2(d, c)) % math.pi if gf > 0 else math.pi / 2
            turn = min(turn, math.pi - turn)
            qg = 0.9994 / (1 + math.exp(-15 * (min(g, gf) / max(g, gf) - 0.5)))
            qa = 0.9879 / (1 + math.exp(-22 * (1 - turn / (math.pi / 2) - 0.8)))
            kept += qg * qa * g
            weights += g
    return kept / weights


def visual_fidelity(fused: Picture, source: Picture) -> float:
    """Return vifp on scales 2 to 4."""
    seen = there = 0.0
    for size in (9, 5, 3):
        x = np.arange(size) - size // 2
        line = np.exp(-(x**2) / (2 * (size / 5) ** 2))
        window = np.outer(line, line) / line.sum() ** 2

        def smooth(picture: Picture, window: Picture = window) -> Picture:
            return convolve2d(picture, window, mode="valid")

        source, fused = smooth(source)[::2, ::2], smooth(fused)[::2, ::2]
        mean, mean_fused = smooth(source), smooth(fused)
        variances = smooth(source**2) - mean**2, smooth(fused**2) - mean_fused**2
        covariances = smooth(source * fused) - mean * mean_fused
        for v, vf, c in zip(*(p.flat for p in (*variances, covariances)), strict=True):
            if v > 1e-10:
                gain = max(c / v, 0.0)
                noise = max(vf - gain * c, 0.0)
                seen += math.log10(1 + gain**2 * v / (noise + 2))
                there += math.log10(1 + v / 2)
    return seen / there


def information(fused: Picture, source: Picture) -> float:
    """Return I(source; fused) in bits, of 128 levels, those of the fused picture split linearly."""
    joint = np.zeros((128, 128))
    for s, f in zip(source.flat, fused.flat, strict=True):
        row, level = round(s / 255 * 127), f / 255 * 127
        below = min(math.floor(level), 126)
        joint[row, below] += below + 1 - level
        joint[row, below + 1] += level - below
    joint /= fused.size
    independent = np.outer(joint.sum(1), joint.sum(0))
    there = joint > 0
    return float((joint[there] * np.log2(joint[there] / independent[there])).sum())


def squares(picture: Picture) -> Picture:
    """Return the means of 8x8 squares; what is left over at the borders is left out."""
    height, width = (side // 8 for side in picture.shape)
    whole = picture[: 8 * height, : 8 * width]
    return whole.reshape(height, 8, width, 8).mean(axis=(1, 3))


def heat(thermal: Picture, luma: Picture, threshold: float) -> Picture:
    """Return how far each pixel is hot, and 20 levels above the luminance, on a soft scale."""
    hot = 1 / (1 + np.exp(-50 / 255 * (thermal - threshold)))
    above = 1 / (1 + np.exp(-50 / 255 * (thermal - luma - 20)))
    return np.where(thermal > 20, hot * above, 0.0)
