# SPDX-License-Identifier: Apache-2.0
"""SD, SF, AG, CC, SCD, SSIM and PSNR against NumPy, SciPy and scikit-image."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from bifuse_core.metrics.fusion import similarity
from bifuse_core.metrics.fusion.correlation import (
    correlation_coefficient,
    sum_of_correlations_of_differences,
)
from bifuse_core.metrics.fusion.statistics import (
    average_gradient,
    spatial_frequency,
    standard_deviation,
)

Scenes = Callable[..., tuple[torch.Tensor, ...]]
TOLERANCE = 1e-9


def by_picture(measure: Callable[..., float], *batches: torch.Tensor) -> list[float]:
    arrays = (batch[:, 0].double().numpy() for batch in batches)
    return [measure(*pictures) for pictures in zip(*arrays, strict=True)]


def test_standard_deviation_against_numpy(scenes: Scenes) -> None:
    fused, _, _ = scenes()
    np.testing.assert_allclose(standard_deviation(fused), by_picture(np.std, fused), TOLERANCE)


def test_spatial_frequency_against_loops(scenes: Scenes) -> None:
    fused, _, _ = scenes(2, 9, 11)

    def by_loops(f: np.ndarray) -> float:
        rows = [(f[y, x] - f[y, x - 1]) ** 2 for y in range(9) for x in range(1, 11)]
        columns = [(f[y, x] - f[y - 1, x]) ** 2 for y in range(1, 9) for x in range(11)]
        return float(np.sqrt(np.mean(rows) + np.mean(columns)))

    np.testing.assert_allclose(spatial_frequency(fused), by_picture(by_loops, fused), TOLERANCE)


def test_average_gradient_against_numpy(scenes: Scenes) -> None:
    fused, _, _ = scenes()

    def by_numpy(f: np.ndarray) -> float:
        dy, dx = np.gradient(f)
        return np.sqrt((dx**2 + dy**2) / 2).sum() / ((f.shape[0] - 1) * (f.shape[1] - 1))

    np.testing.assert_allclose(average_gradient(fused), by_picture(by_numpy, fused), TOLERANCE)


def test_correlations_against_scipy(scenes: Scenes) -> None:
    pictures = scenes()

    def r(a: np.ndarray, b: np.ndarray) -> float:
        return float(pearsonr(a.ravel(), b.ravel()).statistic)

    coefficients = by_picture(lambda f, t, y: (r(t, f) + r(y, f)) / 2, *pictures)
    differences = by_picture(lambda f, t, y: r(f - y, t) + r(f - t, y), *pictures)
    np.testing.assert_allclose(correlation_coefficient(*pictures), coefficients, TOLERANCE)
    np.testing.assert_allclose(
        sum_of_correlations_of_differences(*pictures), differences, TOLERANCE
    )


def test_structural_similarity_against_scikit_image(scenes: Scenes) -> None:
    pictures = scenes()

    def one(a: np.ndarray, b: np.ndarray) -> float:
        settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
        whole = structural_similarity(a, b, data_range=255, full=True, **settings)[1]
        # Valid positions of an 11x11 window.
        return float(whole[5:-5, 5:-5].mean())

    expected = by_picture(lambda f, t, y: (one(t, f) + one(y, f)) / 2, *pictures)
    np.testing.assert_allclose(similarity.structural_similarity(*pictures), expected, TOLERANCE)


def test_peak_signal_to_noise_ratio_against_scikit_image(scenes: Scenes) -> None:
    pictures = scenes()

    def ratio(f: np.ndarray, t: np.ndarray, y: np.ndarray) -> float:
        # Its mean over a stack of both sources is the mean of both errors.
        return peak_signal_noise_ratio(np.stack((t, y)), np.stack((f, f)), data_range=255)

    expected = by_picture(ratio, *pictures)
    np.testing.assert_allclose(
        similarity.peak_signal_to_noise_ratio(*pictures), expected, TOLERANCE
    )


def test_a_copy_has_no_noise(scenes: Scenes) -> None:
    fused, _, _ = scenes()
    assert similarity.peak_signal_to_noise_ratio(fused, fused, fused).tolist() == [float("inf")] * 2


@pytest.mark.parametrize("metric", [standard_deviation, spatial_frequency, average_gradient])
def test_a_constant_picture_has_no_contrast(metric: Callable[..., torch.Tensor]) -> None:
    assert metric(torch.full((1, 1, 8, 9), 77.3)).item() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("metric", [correlation_coefficient, sum_of_correlations_of_differences])
def test_a_constant_picture_correlates_with_nothing(
    metric: Callable[..., torch.Tensor], scenes: Scenes
) -> None:
    picture = scenes()[0].double()
    constant = torch.full_like(picture, 77.3)
    assert metric(constant, constant, constant).tolist() == [0, 0]
    assert metric(picture, picture, constant).tolist() == pytest.approx(
        [0.5, 0.5] if metric is correlation_coefficient else [1, 1]
    )


@pytest.mark.parametrize("metric", [spatial_frequency, average_gradient])
@pytest.mark.parametrize("size", [(1, 5), (5, 1)])
def test_a_single_row_has_no_neighbours(
    metric: Callable[..., torch.Tensor], size: tuple[int, int]
) -> None:
    with pytest.raises(ValueError, match=rf"2x2.*{size[1]}x{size[0]}"):
        metric(torch.zeros(1, 1, *size))
