# SPDX-License-Identifier: Apache-2.0
"""EN and MI against scikit-image and counting by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from skimage.measure import shannon_entropy
from skimage.metrics import normalized_mutual_information

from bifuse_core.metrics.fusion.information import entropy, mutual_information

Scenes = Callable[..., tuple[torch.Tensor, ...]]


def test_entropy_against_scikit_image(scenes: Scenes) -> None:
    fused, _, _ = scenes()
    expected = [shannon_entropy(picture[0].numpy()) for picture in fused]
    np.testing.assert_allclose(entropy(fused), expected, atol=1e-12)


def test_entropy_of_known_pictures() -> None:
    constant = torch.full((1, 1, 4, 4), 7, dtype=torch.uint8)
    every_level = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    halves = torch.tensor([0, 255], dtype=torch.uint8).repeat(8).view(1, 1, 4, 4)
    found = [entropy(picture).item() for picture in (constant, every_level, halves)]
    assert found == pytest.approx([0, 8, 1], abs=1e-12)


def test_mutual_information_against_scikit_image(scenes: Scenes) -> None:
    pictures = scenes()
    for picture in pictures:
        # Scikit-image spans its 256 bins from the darkest to the brightest pixel.
        picture[..., 0, 0], picture[..., 0, 1] = 0, 255
    fused, *sources = (picture[:, 0].numpy() for picture in pictures)
    expected = []
    for n, picture in enumerate(fused):
        information = 0.0
        for source in sources:
            # Normalised: (H(a) + H(b)) / H(a, b).
            alone = shannon_entropy(source[n]) + shannon_entropy(picture)
            ratio = normalized_mutual_information(source[n], picture, bins=256)
            information += alone - alone / ratio
        expected.append(information)
    measured = mutual_information(*pictures)
    np.testing.assert_allclose(measured, expected, atol=1e-9)


def test_mutual_information_with_itself_is_twice_the_entropy(scenes: Scenes) -> None:
    picture = scenes()[0]
    torch.testing.assert_close(mutual_information(picture, picture, picture), 2 * entropy(picture))


def test_mutual_information_does_not_care_where_pixels_lie(
    scenes: Scenes, random: np.random.Generator
) -> None:
    pictures = scenes()
    order = random.permutation(pictures[0][0].numel())
    shuffled = [p.flatten(1)[:, order].view(p.shape) for p in pictures]
    torch.testing.assert_close(mutual_information(*shuffled), mutual_information(*pictures))


def test_independent_pictures_share_nothing() -> None:
    levels = torch.arange(16, dtype=torch.float32)
    rows, columns = levels.view(1, 1, 16, 1).expand(1, 1, 16, 16), levels.expand(1, 1, 16, 16)
    assert mutual_information(rows, columns, columns).item() == pytest.approx(0, abs=1e-12)


def test_grey_levels_between_two_are_rounded() -> None:
    near = torch.tensor([9.6, 10.4, 200.4, -0.3, 255.2]).view(1, 1, 1, 5)
    whole = torch.tensor([10, 10, 200, 0, 255], dtype=torch.uint8).view(1, 1, 1, 5)
    torch.testing.assert_close(entropy(near), entropy(whole))
