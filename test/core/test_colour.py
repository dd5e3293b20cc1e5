# SPDX-License-Identifier: Apache-2.0
"""Luminance, and its return to a colour picture, against OpenCV's YCrCb."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from bifuse_core.imaging.colour import luminance, replace_luminance


def tensor(picture: NDArray[np.uint8]) -> torch.Tensor:
    channels = picture if picture.ndim == 3 else picture[..., None]
    return torch.from_numpy(channels).permute(2, 0, 1)[None].float() / 255


def levels(tensor: torch.Tensor) -> NDArray[np.float32]:
    return (tensor[0].permute(1, 2, 0) * 255).numpy()


def test_luminance_against_opencv(random: np.random.Generator) -> None:
    rgb = random.integers(0, 256, (40, 50, 3), np.uint8)
    luma = levels(luminance(tensor(rgb)))[..., 0]
    # OpenCV rounds to whole levels.
    expected = cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb)[..., 0]
    assert np.abs(luma - expected).max() <= 0.51


def test_luminance_keeps_the_scale() -> None:
    rgb = torch.rand(2, 3, 4, 5)
    torch.testing.assert_close(luminance(rgb * 255), luminance(rgb) * 255)
    torch.testing.assert_close(luminance(torch.ones(1, 3, 2, 2)), torch.ones(1, 1, 2, 2))


def test_replace_luminance_against_opencvs_way_through_ycrcb(random: np.random.Generator) -> None:
    rgb = random.integers(0, 256, (40, 50, 3), np.uint8)
    fused = random.integers(0, 256, (40, 50), np.uint8)
    there = cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb)
    there[..., 0] = fused
    expected = cv2.cvtColor(there, cv2.COLOR_YCrCb2RGB)
    picture = tensor(rgb)
    result = levels(replace_luminance(picture, luminance(picture), tensor(fused)))
    # OpenCV rounds Y, Cr, Cb and the result; Cb counts 1.77 times in blue. Its 8-bit chroma also
    # clips for saturated colours, which concerns few pixels.
    difference = np.abs(result - expected)
    assert difference.max() <= 3
    assert difference.mean() < 0.5


def test_replacing_the_luminance_by_itself_changes_nothing() -> None:
    rgb = torch.rand(2, 3, 6, 7)
    luma = luminance(rgb)
    torch.testing.assert_close(replace_luminance(rgb, luma, luma), rgb)


def test_the_result_has_the_new_luminance_where_nothing_clips() -> None:
    rgb = 0.4 + 0.2 * torch.rand(2, 3, 6, 7)
    fused = 0.3 + 0.4 * torch.rand(2, 1, 6, 7)
    result = replace_luminance(rgb, luminance(rgb), fused)
    torch.testing.assert_close(luminance(result), fused)


def test_colours_beyond_black_and_white_are_clipped() -> None:
    red = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)
    luma = luminance(red)
    bright = replace_luminance(red, luma, torch.ones(1, 1, 1, 1)).flatten().tolist()
    dark = replace_luminance(red, luma, torch.zeros(1, 1, 1, 1)).flatten().tolist()
    np.testing.assert_allclose(bright, [1, 0.701, 0.701], atol=1e-6)
    np.testing.assert_allclose(dark, [0.701, 0, 0], atol=1e-6)
