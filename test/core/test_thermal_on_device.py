# SPDX-License-Identifier: Apache-2.0
"""Thermal normalisation by tensors against that by arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from bifuse_core.engine.thermal import stretched
from bifuse_core.imaging.thermal import ThermalNormaliser, ThermalSettings, between, line_of


def on_device(image: NDArray[Any], limits: tuple[float, float]) -> NDArray[np.float32]:
    counts = torch.from_numpy(image.copy())
    made = stretched(counts, torch.from_numpy(line_of(limits))).numpy()
    # The caller's picture is not written to.
    np.testing.assert_array_equal(counts.numpy(), image)
    return made


@pytest.mark.parametrize("limits", [(-100.0, 900.5), (0.0, 255.0), (29000.0, 29800.0), (7.0, 7.0)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
def test_any_type_between_any_limits(
    random: np.random.Generator, dtype: Any, limits: tuple[float, float]
) -> None:
    kinds = np.iinfo(np.int16) if dtype == np.float32 else np.iinfo(dtype)
    image = random.integers(kinds.min, kinds.max, (37, 51), endpoint=True).astype(dtype)
    found = on_device(image, limits)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, between(limits, image), atol=1e-6, rtol=0)


def test_what_is_no_reading_is_cold(random: np.random.Generator) -> None:
    image = random.uniform(-40, 400, (24, 32)).astype(np.float32)
    dead = [np.nan, np.inf, -np.inf, np.finfo(np.float32).max, -np.finfo(np.float32).max, 1e7, -1e7]
    image[3, : len(dead)] = dead
    limits = (-50.0, 300.0)
    found = on_device(image, limits)
    assert (found[3, : len(dead)] == 0).all()
    assert (np.delete(found, 3, axis=0) > 0).all()
    np.testing.assert_allclose(found, between(limits, image), atol=1e-6, rtol=0)


@pytest.mark.parametrize("mode", ["auto", "full", "fixed", "percentile"])
@pytest.mark.parametrize("value", [0, 20, 200])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_flat_picture(dtype: Any, value: int, mode: Any) -> None:
    image = np.full((16, 24), value, dtype)
    settings = ThermalSettings(range=mode)
    limits = ThermalNormaliser(settings).limits(image, 0)
    expected = ThermalNormaliser(settings)(image, 0)
    np.testing.assert_allclose(on_device(image, limits), expected, atol=1e-6, rtol=0)
