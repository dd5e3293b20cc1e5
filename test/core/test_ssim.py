# SPDX-License-Identifier: Apache-2.0
"""Structural similarity against scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from bifuse_core.metrics.gaussian import gaussian_window
from bifuse_core.metrics.ssim import ssim


def reference(a: NDArray[np.float64], b: NDArray[np.float64], value_range: float) -> float:
    _, whole = structural_similarity(
        a,
        b,
        data_range=value_range,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    # Valid positions of an 11x11 window.
    return float(whole[5:-5, 5:-5].mean())


def pictures(random: np.random.Generator, size: tuple[int, int]) -> tuple[NDArray, NDArray]:
    a = random.random((3, *size)).cumsum(1)
    a /= a.max()
    b = np.clip(a + random.normal(0, 0.1, a.shape) * np.array([0.1, 1, 5])[:, None, None], 0, 1)
    return a, b


@pytest.mark.parametrize("size", [(11, 11), (12, 40), (33, 25)])
@pytest.mark.parametrize("value_range", [1.0, 255.0])
def test_ssim_against_scikit_image(
    random: np.random.Generator, size: tuple[int, int], value_range: float
) -> None:
    a, b = (x * value_range for x in pictures(random, size))
    expected = [reference(x, y, value_range) for x, y in zip(a, b, strict=True)]
    measured = ssim(torch.tensor(a)[:, None], torch.tensor(b)[:, None], value_range=value_range)
    np.testing.assert_allclose(measured.numpy(), expected, atol=1e-9)
    assert np.ptp(expected) > 0.2


@pytest.mark.parametrize("value_range", [1.0, 255.0])
def test_single_precision_is_good_enough(random: np.random.Generator, value_range: float) -> None:
    a, b = (torch.tensor(x * value_range)[:, None] for x in pictures(random, (33, 25)))
    exact = ssim(a, b, value_range=value_range)
    single = ssim(a.float(), b.float(), value_range=value_range).double()
    torch.testing.assert_close(single, exact, atol=1e-4, rtol=0)


def test_equal_pictures_are_wholly_similar() -> None:
    a = torch.rand(2, 1, 16, 16)
    torch.testing.assert_close(ssim(a, a), torch.ones(2))


def test_the_gradient_is_that_of_finite_differences() -> None:
    a = torch.rand(1, 1, 11, 12, dtype=torch.float64, requires_grad=True)
    b = torch.rand(1, 1, 11, 12, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(ssim, (a, b))


def test_the_window_is_a_normalised_gaussian() -> None:
    window = gaussian_window(11, 1.5)
    expected = [np.exp(-((i - 5) ** 2) / (2 * 1.5**2)) for i in range(11)]
    np.testing.assert_allclose(window.numpy(), np.array(expected) / sum(expected))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((1, 1, 10, 40), (1, 1, 10, 40)),
        ((1, 1, 40, 10), (1, 1, 40, 10)),
        ((1, 1, 16, 16), (1, 1, 16, 17)),
        ((2, 1, 16, 16), (1, 1, 16, 16)),
        ((1, 3, 16, 16), (1, 3, 16, 16)),
        ((1, 16, 16), (1, 16, 16)),
    ],
)
def test_unusable_pictures_are_refused_with_their_shapes(
    first: tuple[int, ...], second: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match="11 pixels") as caught:
        ssim(torch.zeros(first), torch.zeros(second))
    assert str(first) in str(caught.value)
    assert str(second) in str(caught.value)
