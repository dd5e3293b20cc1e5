# SPDX-License-Identifier: Apache-2.0
"""All metrics at once: batches, types, symmetry, what is refused, and real pairs."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from bifuse_core.data.pairs import FolderPairs
from bifuse_core.engine.fusions import BASELINES, fusion_by_name
from bifuse_core.imaging.colour import luminance
from bifuse_core.metrics.fusion import score_fusion
from bifuse_core.metrics.fusion.score import ALONE, GUARDS, WITH_SOURCES

ROADSCENE = Path(__file__).resolve().parents[3] / "shared/data/roadscene/val"
Scenes = Callable[..., tuple[torch.Tensor, ...]]
METRICS = (*WITH_SOURCES, *ALONE, *GUARDS)


def test_every_metric_is_there_once_for_every_picture(scenes: Scenes) -> None:
    scores = score_fusion(*scenes(3))
    assert tuple(scores) == METRICS
    assert len(set(METRICS)) == 15
    for score in scores.values():
        assert (score.shape, score.dtype) == ((3,), torch.float64)


def test_a_batch_scores_like_its_pictures_one_by_one(scenes: Scenes) -> None:
    pictures = scenes(3)
    together = score_fusion(*pictures)
    for n in range(3):
        alone = score_fusion(*(picture[n : n + 1] for picture in pictures))
        for name in METRICS:
            torch.testing.assert_close(
                together[name][n], alone[name][0], rtol=1e-12, atol=1e-12, equal_nan=True
            )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_floating_pictures_score_like_the_bytes_they_are_saved_as(
    scenes: Scenes, dtype: torch.dtype
) -> None:
    pictures = scenes(1)
    offset = 0.3 / 255
    floating = [(picture.to(dtype) / 255 + offset).clamp(0, 1) for picture in pictures]
    expected, measured = score_fusion(*pictures), score_fusion(*floating)
    for name in METRICS:
        torch.testing.assert_close(measured[name], expected[name], equal_nan=True)


def test_exchanging_the_sources_changes_only_what_asks_for_heat(scenes: Scenes) -> None:
    fused, thermal, luma = scenes()
    scores, exchanged = score_fusion(fused, thermal, luma), score_fusion(fused, luma, thermal)
    for name in METRICS:
        if name != "hot":
            torch.testing.assert_close(scores[name], exchanged[name], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("turn", [(2,), (3,), (2, 3)])
def test_mirrored_pictures_score_alike(scenes: Scenes, turn: tuple[int, ...]) -> None:
    pictures = scenes(1, 41, 49)
    scores = score_fusion(*pictures)
    mirrored = score_fusion(*(picture.flip(turn) for picture in pictures))
    # Ties between neighbours put some edges one pixel aside; Qabf tells +90 from -90 degrees; FMI
    # reads windows in an order.
    loose = {"FMI": 0.02, "Qabf": 0.02}
    for name in METRICS:
        torch.testing.assert_close(
            mirrored[name], scores[name], rtol=0, atol=loose.get(name, 1e-9), equal_nan=True
        )


def test_constant_pictures_score_without_surprises() -> None:
    grey = torch.full((1, 1, 41, 41), 90, dtype=torch.uint8)
    scores = {name: score.item() for name, score in score_fusion(grey, grey, grey).items()}
    assert math.isnan(scores["hot"])
    zero = ("MI", "VIF", "SCD", "CC", "EN", "SD", "SF", "AG", "|F - max|")
    assert [scores[name] for name in zero] == [0] * len(zero)
    assert (scores["FMI"], scores["level"], scores["PSNR"]) == (1, 1, float("inf"))
    assert scores["SSIM"] == pytest.approx(1)


def test_too_small_pictures_are_refused_with_both_sizes() -> None:
    small = torch.zeros(1, 1, 40, 64)
    with pytest.raises(ValueError, match=r"41x41.*64x40"):
        score_fusion(small, small, small)


@pytest.mark.parametrize(
    ("thermal", "luma"),
    [((1, 1, 50, 50), (1, 1, 50, 51)), ((2, 1, 50, 50), (1, 1, 50, 50)), ((50, 50), (50, 50))],
)
def test_different_shapes_are_refused_by_name(
    thermal: tuple[int, ...], luma: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match="one size") as caught:
        score_fusion(torch.zeros(luma), torch.zeros(thermal), torch.zeros(luma))
    assert str(thermal) in str(caught.value)
    assert str(luma) in str(caught.value)


@pytest.mark.parametrize("value", [255.0, -0.1, float("nan")])
def test_values_that_are_no_picture_are_refused(value: float) -> None:
    picture = torch.zeros(1, 1, 41, 41)
    strange = picture.clone()
    strange[..., 3, 4] = value
    with pytest.raises(ValueError, match=r"within \[0, 1\]"):
        score_fusion(strange, picture, picture)


def test_other_types_are_refused() -> None:
    picture = torch.zeros(1, 1, 41, 41, dtype=torch.int64)
    with pytest.raises(ValueError, match="int64"):
        score_fusion(picture, picture, picture)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_scores_like_the_cpu(scenes: Scenes) -> None:
    pictures = scenes()
    on_cpu, on_cuda = score_fusion(*pictures), score_fusion(*(p.cuda() for p in pictures))
    for name in METRICS:
        torch.testing.assert_close(on_cuda[name].cpu(), on_cpu[name], equal_nan=True)


@pytest.mark.slow
@pytest.mark.skipif(not ROADSCENE.is_dir(), reason="needs the RoadScene pairs in ../shared")
def test_baselines_score_on_roadscene_as_published() -> None:
    # Means of other RoadScene pairs; standard errors of 20 pairs are .1 .025 .006 .015 .01.
    published = {
        "max": (7.35, 0.844, 0.879, 0.570, 0.697),
        "mean": (2.97, 0.589, 0.869, 0.399, 0.752),
        "vsm": (3.64, 0.661, 0.854, 0.503, 0.727),
    }
    names = ("MI", "VIF", "FMI", "Qabf", "SSIM")
    scores: dict[str, list[torch.Tensor]] = {fusion: [] for fusion in BASELINES}
    for pair in FolderPairs(ROADSCENE):
        thermal = torch.from_numpy(pair.thermal)[None, None] / 255
        luma = luminance(torch.from_numpy(pair.rgb).permute(2, 0, 1)[None] / 255)
        for fusion in BASELINES:
            scored = score_fusion(fusion_by_name(fusion)[0](thermal, luma), thermal, luma)
            scores[fusion].append(torch.cat([scored[name] for name in names]))
    for fusion, expected in published.items():
        measured = torch.stack(scores[fusion]).mean(0)
        tolerance = torch.tensor([0.3, 0.07, 0.02, 0.03, 0.02])
        assert ((measured - torch.tensor(expected)).abs() < tolerance).all(), (fusion, measured)
