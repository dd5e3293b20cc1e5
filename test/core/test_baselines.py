# SPDX-License-Identifier: Apache-2.0
"""The classical fusions: their formulas, their bounds, and their place beside the networks."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from bifuse_core.engine.engine import Engine
from bifuse_core.engine.fusions import BASELINES, FUSIONS, NO_WEIGHTS, READY, fusion_by_name
from bifuse_core.imaging.baselines import LaplacianFusion
from bifuse_core.imaging.saliency import saliency_target
from bifuse_core.nets.checkpoint import CheckpointError
from bifuse_core.nets.zoo import FUSION_NETWORKS

SIZES = [(1, 1), (3, 2), (8, 9), (17, 23), (45, 61), (64, 130)]


def inputs(*size: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.rand(2, 1, *size), torch.rand(2, 1, *size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", BASELINES)
def test_any_size_goes_in_and_comes_out_within_0_and_1(name: str, size: tuple[int, int]) -> None:
    fused = fusion_by_name(name)[0](*inputs(*size))
    assert fused.shape == (2, 1, *size)
    assert fused.min() >= 0
    assert fused.max() <= 1


@pytest.mark.parametrize("name", BASELINES)
def test_a_picture_on_which_both_agree_comes_back(name: str) -> None:
    picture = torch.rand(2, 1, 45, 61)
    fused = fusion_by_name(name)[0](picture, picture)
    torch.testing.assert_close(fused, picture, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", BASELINES)
def test_the_result_does_not_depend_on_the_rest_of_the_batch(name: str) -> None:
    thermal, luma = inputs(33, 40)
    fusion = fusion_by_name(name)[0]
    torch.testing.assert_close(fusion(thermal, luma)[1:], fusion(thermal[1:], luma[1:]))


def test_mean_maximum_and_saliency_are_what_they_say() -> None:
    thermal, luma = inputs(20, 30)
    expected = {
        "mean": 0.5 * thermal + 0.5 * luma,
        "max": torch.where(thermal > luma, thermal, luma),
        "vsm": saliency_target(thermal, luma),
    }
    for name, picture in expected.items():
        torch.testing.assert_close(fusion_by_name(name)[0](thermal, luma), picture)


def pyramid_by_opencv(
    thermal: NDArray[np.float32], luma: NDArray[np.float32], levels: int
) -> NDArray[np.float32]:
    if levels == 0 or min(thermal.shape) < 8:
        return (thermal + luma) / 2
    small = [cv2.pyrDown(x) for x in (thermal, luma)]
    size = thermal.shape[::-1]
    details = [x - cv2.pyrUp(s, dstsize=size) for x, s in zip((thermal, luma), small, strict=True)]
    stronger = np.where(np.abs(details[0]) > np.abs(details[1]), *details)
    return stronger + cv2.pyrUp(pyramid_by_opencv(*small, levels - 1), dstsize=size)


# OpenCV ends odd sides in another way when it enlarges; that reaches three pixels a level.
@pytest.mark.parametrize(
    ("levels", "size", "margin"),
    [(0, (7, 9), 0), (1, (64, 96), 0), (4, (64, 160), 0), (1, (45, 61), 3), (2, (45, 61), 9)],
)
def test_laplacian_pyramid_against_opencv(levels: int, size: tuple[int, int], margin: int) -> None:
    thermal, luma = inputs(*size)
    fused = LaplacianFusion(levels)(thermal, luma)
    for f, t, y in zip(*(x[:, 0].numpy() for x in (fused, thermal, luma)), strict=True):
        expected = np.clip(pyramid_by_opencv(t, y, levels), 0, 1)
        height, width = (side - margin for side in size)
        np.testing.assert_allclose(f[:height, :width], expected[:height, :width], atol=1e-5)


def test_laplacian_pyramid_keeps_the_detail_of_each_camera() -> None:
    thermal, luma = torch.full((1, 1, 64, 64), 0.5), torch.full((1, 1, 64, 64), 0.5)
    thermal[..., ::2, :32] = 0.7
    luma[..., ::2, 32:] = 0.3
    fused = LaplacianFusion()(thermal, luma)
    contrast = (fused[..., ::2, :] - fused[..., 1::2, :]).abs().mean(dim=(0, 1, 2))
    assert contrast[4:28].min() > 0.17
    assert contrast[36:60].min() > 0.17


def test_names_are_those_of_networks_and_baselines() -> None:
    assert (*FUSION_NETWORKS, *BASELINES) == FUSIONS
    assert not FUSION_NETWORKS.keys() & BASELINES.keys()
    with pytest.raises(ValueError, match=r"'nonsense'.*edge, bdl, .*, max, mean, vsm, laplacian"):
        fusion_by_name("nonsense")


@pytest.mark.parametrize("name", FUSIONS)
def test_those_that_are_ready_need_no_weights_file(name: str) -> None:
    if name in READY:
        assert fusion_by_name(name)
    else:
        with pytest.raises(CheckpointError, match="no weights are shipped"):
            fusion_by_name(name)


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_have_no_weights(name: str, tmp_path: Path) -> None:
    fusion, checksum = fusion_by_name(name)
    assert (list(fusion.parameters()), checksum) == ([], NO_WEIGHTS)
    assert not fusion.training
    file = tmp_path / "some.safetensors"
    with pytest.raises(CheckpointError, match=rf"{name}.*no weights") as caught:
        fusion_by_name(name, file)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_the_engine_takes_them(name: str, precision: str, random: np.random.Generator) -> None:
    thermal = random.integers(0, 256, (37, 50)).astype(np.uint8)
    grey = np.repeat(random.integers(0, 256, (37, 50, 1)).astype(np.uint8), 3, axis=2)
    engine = Engine(name, device="cpu", precision=precision)
    engine.warm_up(64, 48)
    fused = engine.fuse(thermal, grey, 0)
    pair = (torch.from_numpy(x).view(1, 1, 37, 50) / 255 for x in (thermal, grey[..., 0].copy()))
    expected = fusion_by_name(name)[0](*pair)[0, 0].numpy() * 255
    # A pyramid may choose the other camera's detail where both are equally strong but for rounding.
    share = np.mean(
        np.abs(fused[..., 0] - expected) < {"fp32": 0.6, "fp16": 2, "bf16": 8}[precision]
    )
    assert share > (0.9 if name == "laplacian" else 0.999)
    assert engine.facts()["weights sha256"] == NO_WEIGHTS
    engine.reload(None)
