# SPDX-License-Identifier: Apache-2.0
"""Visual saliency against the definition, one pixel and one grey level at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from bifuse_core.imaging.saliency import (
    saliency_by_table,
    saliency_share,
    saliency_table,
    saliency_target,
    visual_saliency,
)


def by_definition(levels: NDArray[np.int64]) -> NDArray[np.float64]:
    histogram = [int((levels == grey).sum()) for grey in range(256)]
    rated = np.empty(levels.shape)
    for place, level in np.ndenumerate(levels):
        rated[place] = sum(n * abs(int(level) - grey) for grey, n in enumerate(histogram))
    spread = rated.max() - rated.min()
    return (rated - rated.min()) / spread if spread > 0 else np.zeros(levels.shape)


def picture(levels: NDArray[np.int64]) -> torch.Tensor:
    return torch.from_numpy(levels / 255).float()[None, None]


@pytest.mark.parametrize("top", [2, 20, 256])
def test_visual_saliency_against_the_definition(random: np.random.Generator, top: int) -> None:
    levels = random.integers(0, top, (13, 17))
    saliency = visual_saliency(picture(levels))
    np.testing.assert_allclose(saliency[0, 0].numpy(), by_definition(levels), atol=1e-6)


def test_a_rare_bright_spot_is_the_most_salient() -> None:
    levels = np.full((10, 10), 40)
    levels[3, 4] = 250
    saliency = visual_saliency(picture(levels))[0, 0]
    assert saliency[3, 4] == 1
    assert saliency.sum() == 1


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_picture_of_one_grey_level_has_no_saliency(level: int) -> None:
    assert (visual_saliency(picture(np.full((6, 7), level))) == 0).all()


def test_pictures_of_a_batch_are_rated_each_by_itself(random: np.random.Generator) -> None:
    pictures = [
        random.integers(0, 256, (9, 8)),
        random.integers(100, 130, (9, 8)),
        np.full((9, 8), 77),
    ]
    saliency = visual_saliency(torch.cat([picture(p) for p in pictures]))
    for one, levels in zip(saliency, pictures, strict=True):
        np.testing.assert_allclose(one[0].numpy(), by_definition(levels), atol=1e-6)


def test_values_outside_0_and_1_count_as_black_and_white() -> None:
    image = torch.tensor([[-3.0, 0.0], [1.0, 7.0]])[None, None]
    expected = visual_saliency(image.clamp(0, 1))
    torch.testing.assert_close(visual_saliency(image), expected)


def test_saliency_target_against_its_formula(random: np.random.Generator) -> None:
    thermal, luma = random.integers(0, 256, (12, 9)), random.integers(0, 90, (12, 9))
    m1 = 0.5 + 0.5 * (by_definition(thermal) - by_definition(luma))
    expected = m1 * thermal / 255 + (1 - m1) * luma / 255
    target = saliency_target(picture(thermal), picture(luma))
    np.testing.assert_allclose(target[0, 0].numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("top", [1, 3, 60, 256])
def test_tables_against_the_definition(random: np.random.Generator, top: int) -> None:
    levels = random.integers(0, top, (11, 14))
    table = saliency_table(picture(levels))
    assert table.shape == (1, 256)
    rated = np.array([np.abs(levels - grey).sum() for grey in range(256)], np.float64)
    present = rated[levels]
    spread = present.max() - present.min()
    # Levels that the picture lacks, as in an enlarged crop, stay within those that it has.
    expected = np.clip((rated - present.min()) / spread, 0, 1) if spread else np.zeros(256)
    np.testing.assert_allclose(table[0], expected, atol=1e-6)


def test_a_crop_is_rated_as_in_the_whole_picture(random: np.random.Generator) -> None:
    levels = random.integers(0, 256, (40, 52)) // random.integers(1, 4, (40, 52))
    whole = torch.cat((picture(levels), picture(levels.clip(60, 90))))
    crop = whole[..., 7:29, 13:45]
    rated = saliency_by_table(crop, saliency_table(whole))
    for one, of in zip(rated, (levels, levels.clip(60, 90)), strict=True):
        np.testing.assert_allclose(one[0], by_definition(of)[7:29, 13:45], atol=1e-6)
    assert torch.equal(rated, visual_saliency(whole)[..., 7:29, 13:45])
    # By itself it would be rated by other histograms.
    assert (visual_saliency(crop) - rated).abs().max() > 0.01


def test_the_share_is_the_thermal_one_where_only_thermal_is_salient() -> None:
    thermal, luma = torch.tensor([1.0, 0.0, 0.5, 0.8]), torch.tensor([0.0, 1.0, 0.5, 0.2])
    torch.testing.assert_close(saliency_share(thermal, luma), torch.tensor([1.0, 0.0, 0.5, 0.8]))
