# SPDX-License-Identifier: Apache-2.0
"""VIF against sewar's vifp, and at its limits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from sewar.full_ref import vifp

from bifuse_core.metrics.fusion.visual_fidelity import visual_information_fidelity

Scenes = Callable[..., tuple[torch.Tensor, ...]]


def by_sewar(fused: torch.Tensor, thermal: torch.Tensor, luma: torch.Tensor) -> float:
    f, t, y = (picture[0].numpy() for picture in (fused, thermal, luma))
    return vifp(t, f, sigma_nsq=2) + vifp(y, f, sigma_nsq=2)


@pytest.mark.parametrize("size", [(41, 41), (48, 57), (64, 41)])
def test_against_sewar(scenes: Scenes, size: tuple[int, int]) -> None:
    pictures = scenes(2, *size)
    expected = [
        by_sewar(fused, thermal, luma) for fused, thermal, luma in zip(*pictures, strict=True)
    ]
    measured = visual_information_fidelity(*pictures)
    np.testing.assert_allclose(measured, expected, rtol=1e-9)


def test_flat_regions_against_sewar(scenes: Scenes) -> None:
    fused, thermal, luma = scenes(1, 60, 60)
    fused[..., :30, :], thermal[..., 20:40, :], luma[..., 25:] = 40, 0, 255
    expected = by_sewar(fused[0], thermal[0], luma[0])
    measured = visual_information_fidelity(fused, thermal, luma)
    # Where nothing varies, what rounding leaves of the variances decides.
    assert measured.item() == pytest.approx(expected, rel=1e-6)


def test_a_picture_is_wholly_seen_in_itself(scenes: Scenes) -> None:
    picture = scenes()[0]
    measured = visual_information_fidelity(picture, picture, picture)
    torch.testing.assert_close(measured, torch.full((2,), 2.0).double(), rtol=0, atol=1e-9)


def test_more_contrast_shows_more_than_the_source(scenes: Scenes) -> None:
    picture = scenes()[0]
    stretched = 128 + 1.5 * (picture.double() - 128)
    assert (visual_information_fidelity(stretched, picture, picture) > 2).all()


def test_a_negative_shows_nothing(scenes: Scenes) -> None:
    picture = scenes()[0]
    assert (visual_information_fidelity(255 - picture, picture, picture) < 0.05).all()


def test_a_source_of_one_grey_level_counts_0(scenes: Scenes) -> None:
    picture = scenes()[0]
    constant = torch.full_like(picture, 90)
    both = visual_information_fidelity(picture, picture, constant)
    torch.testing.assert_close(both, torch.ones(2).double(), rtol=0, atol=1e-9)
    assert (visual_information_fidelity(constant, constant, constant) == 0).all()


@pytest.mark.parametrize("size", [(40, 64), (64, 40)])
def test_too_small_pictures_are_refused_with_both_sizes(size: tuple[int, int]) -> None:
    small = torch.zeros(1, 1, *size)
    with pytest.raises(ValueError, match=rf"VIF .*41x41.*{size[1]}x{size[0]}"):
        visual_information_fidelity(small, small, small)
