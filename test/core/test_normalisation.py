# SPDX-License-Identifier: Apache-2.0
"""Colours on the scale of public weights, however pictures lie in memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bifuse_core.nets.normalisation import IMAGENET_DEVIATION, IMAGENET_MEAN, Normalisation


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_each_colour_has_its_own_mean_and_deviation(layout: torch.memory_format) -> None:
    rgb = torch.rand(2, 3, 5, 7, generator=torch.Generator().manual_seed(0))
    made = Normalisation(IMAGENET_MEAN, IMAGENET_DEVIATION)(rgb.to(memory_format=layout))
    assert made.is_contiguous(memory_format=layout)
    for colour, (mean, deviation) in enumerate(zip(IMAGENET_MEAN, IMAGENET_DEVIATION, strict=True)):
        wanted = (rgb[:, colour].numpy() - mean) / deviation
        np.testing.assert_allclose(made[:, colour].numpy(), wanted, rtol=1e-5, atol=1e-6)
