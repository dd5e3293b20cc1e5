# SPDX-License-Identifier: Apache-2.0
"""Losses against NumPy, against the metrics that they soften, and against finite differences."""

from __future__ import annotations

from collections.abc import Callable

import loss_references as by_numpy
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from rendered_batch import double, of_pictures, rendered_batch
from scipy.ndimage import gaussian_filter
from scipy.stats import entropy, spearmanr
from torch import Tensor

from bifuse_core.bilevel.batch import Batch
from bifuse_core.bilevel.losses.brightness import (
    heat_loss,
    level_difference,
    relative_darkness,
    warmth,
)
from bifuse_core.bilevel.losses.edge_transfer import edge_loss
from bifuse_core.bilevel.losses.information import information
from bifuse_core.bilevel.losses.similarity import dissimilarity
from bifuse_core.bilevel.losses.smoothness import unevenness
from bifuse_core.bilevel.losses.visual_fidelity import fidelity
from bifuse_core.metrics.fusion.edge_transfer import edge_transfer
from bifuse_core.metrics.fusion.guards import hot
from bifuse_core.metrics.fusion.similarity import structural_similarity
from bifuse_core.metrics.fusion.visual_fidelity import visual_information_fidelity

Scenes = Callable[..., tuple[Tensor, ...]]
Loss = Callable[[Tensor, Batch], Tensor]


def of_sources(loss: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Loss:
    return lambda fused, batch: loss(fused, batch.thermal, batch.luma)


def of_heat(loss: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]) -> Loss:
    return lambda fused, batch: loss(fused, batch.thermal, batch.luma, batch.hot)


LOSSES: dict[str, Loss] = {
    "dissimilarity": of_sources(dissimilarity),
    "edge_loss": of_sources(edge_loss),
    "information": of_sources(information),
    "fidelity": of_sources(fidelity),
    "relative_darkness": of_sources(relative_darkness),
    "level_difference": of_sources(level_difference),
    "heat_loss": of_heat(heat_loss),
    "warmth": of_heat(warmth),
    "unevenness": of_sources(unevenness),
}


@pytest.fixture
def rendered() -> Batch:
    return rendered_batch("dusk", "night", "fog")


def fusions(batch: Batch) -> dict[str, Tensor]:
    """Return fused pictures as methods make them."""
    thermal, luma = batch.thermal, batch.luma
    maximum = torch.maximum(thermal, luma)
    return {
        "maximum": maximum,
        "mean": (thermal + luma) / 2,
        "thermal": thermal,
        "luma": luma,
        "minimum": torch.minimum(thermal, luma),
        "target": batch.target,
        "faint": 0.4 + 0.2 * maximum,
    }


def candidates(batch: Batch) -> dict[str, Tensor]:
    """Return these, and some that are spoilt."""
    some = fusions(batch)
    noise = 0.05 * torch.randn_like(batch.luma)
    return some | {
        "blurred": blurred(some["maximum"], 2.0),
        "noisy": (some["mean"] + noise).clamp(0, 1),
    }


def blurred(pictures: Tensor, sigma: float) -> Tensor:
    return torch.from_numpy(gaussian_filter(pictures.numpy(), (0, 0, sigma, sigma)))


def grey(*pictures: Tensor) -> tuple[np.ndarray, ...]:
    return tuple(255 * picture.squeeze().double().numpy() for picture in pictures)


def each(fused: Tensor, batch: Batch) -> list[tuple[np.ndarray, ...]]:
    return [grey(*triple) for triple in zip(fused, batch.thermal, batch.luma, strict=True)]


@pytest.mark.parametrize("name", LOSSES)
def test_slopes_against_finite_differences(name: str, scenes: Scenes) -> None:
    fused, thermal, luma = (picture / 255 for picture in scenes(2, 48, 57))
    batch = double(of_pictures(thermal, luma))
    # Between two histogram bins, where the soft information has a derivative; not between the
    # sources, whose sides the losses of brightness tell apart.
    bins = (fused.double() * 126).floor() + 0.1 + 0.8 * torch.rand_like(fused).double()
    fused = (bins / 127).requires_grad_()
    value = LOSSES[name](fused, batch)
    weights = torch.randn_like(value)
    (slope,) = torch.autograd.grad((value * weights).sum(), fused)
    assert slope.norm() > 0
    step = 1e-7
    for _ in range(3):
        direction = torch.randn_like(fused)
        ahead, behind = (
            (LOSSES[name](fused + side * step * direction, batch) * weights).sum()
            for side in (1, -1)
        )
        expected = (ahead - behind) / (2 * step)
        # A random direction sees a slope of about its length.
        error = ((slope * direction).sum() - expected).abs()
        assert error < 1e-5 * slope.norm()


def degenerate() -> dict[str, tuple[Tensor, Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(1)
    size = (1, 1, 48, 48)
    black, white = torch.zeros(size), torch.ones(size)
    noise, other = (torch.rand(size, generator=generator) for _ in range(2))
    nearly_black = noise / 255
    return {
        "all black": (black, black, black),
        "all white": (white, white, white),
        "grey over black": (white / 2, black, black),
        "black thermal": (noise / 2, black, noise),
        "black luma, fused black": (black, noise, black),
        "nearly black": (nearly_black / 2, nearly_black, black),
        "two flat sources": (white / 2, 0.3 * white, 0.7 * white),
        "all equal": (noise, noise, noise),
        "fused thermal": (noise, noise, other),
        "fused luma": (other, noise, other),
        "black and white": ((noise > 0.5).float(), (noise > 0.5).float(), (other > 0.5).float()),
    }


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("pictures", degenerate())
def test_values_and_slopes_are_finite(name: str, pictures: str) -> None:
    fused, thermal, luma = degenerate()[pictures]
    fused = fused.clone().requires_grad_()
    value = LOSSES[name](fused, of_pictures(thermal, luma))
    (slope,) = torch.autograd.grad(value.sum(), fused)
    assert value.isfinite().all()
    assert slope.isfinite().all()


@pytest.mark.parametrize("name", LOSSES)
def test_pictures_of_a_batch_are_rated_each_by_itself(name: str, rendered: Batch) -> None:
    fused = candidates(rendered)["noisy"]
    together = LOSSES[name](fused, rendered)
    assert together.shape[0] == 3
    for n in range(3):
        alone = of_pictures(rendered.thermal[n : n + 1], rendered.luma[n : n + 1])
        torch.testing.assert_close(
            together[n], LOSSES[name](fused[n : n + 1], alone)[0], rtol=1e-4, atol=1e-6
        )


@pytest.mark.parametrize("name", LOSSES)
def test_nothing_is_made_on_another_device(name: str) -> None:
    # Operations between this device and the processor are refused, as with a GPU.
    pictures = (torch.rand(2, 1, 48, 48, device="meta", requires_grad=r) for r in (True, False))
    fused, thermal = pictures
    batch = Batch((), thermal, thermal, thermal, thermal[:, 0, 0, 0], thermal, thermal, ())
    value = LOSSES[name](fused, batch)
    assert value.is_meta
    value.sum().backward()
    assert fused.grad is not None
    assert fused.grad.is_meta


def test_dissimilarity_is_1_less_the_metric(rendered: Batch) -> None:
    for fused in candidates(rendered).values():
        pictures = (fused, rendered.thermal, rendered.luma)
        expected = 1 - structural_similarity(*(255 * picture.double() for picture in pictures))
        # What single precision leaves of the variances.
        np.testing.assert_allclose(dissimilarity(*pictures), expected, atol=1e-4)


def test_edge_loss_against_loops(scenes: Scenes) -> None:
    fused, thermal, luma = (picture / 255 for picture in scenes(2, 31, 40))
    batch = of_pictures(thermal, luma)
    expected = [1 - by_numpy.edge_transfer(*triple) for triple in each(fused, batch)]
    # The slopes of a thousandth of a grey level that keep flat places differentiable.
    np.testing.assert_allclose(edge_loss(fused, thermal, luma), expected, atol=1e-3)


def test_edge_loss_is_close_to_1_less_the_metric(rendered: Batch) -> None:
    losses, metrics = [], []
    for fused in fusions(rendered).values():
        # In a black frame, borders are the same for both.
        pictures = [F.pad(x, (1, 1, 1, 1)) for x in (fused, rendered.thermal, rendered.luma)]
        losses.append(edge_loss(*pictures).numpy())
        metrics.append(edge_transfer(*(255 * picture.double() for picture in pictures)).numpy())
    kept, metric = 1 - np.array(losses), np.array(metrics)
    # The loss forgives a turn from +90 to -90 degrees, of which noise has many, and no more.
    assert (kept - metric).min() > 0
    assert (kept - metric).max() < 0.06
    for ours, theirs in zip(kept.T, metric.T, strict=True):
        assert spearmanr(ours, theirs).statistic > 0.95


def test_an_edge_turned_round_is_the_same_edge(rendered: Batch) -> None:
    thermal, luma = rendered.thermal, rendered.luma
    as_it_is, negative = (edge_loss(x, thermal, luma) for x in (thermal, 1 - thermal))
    torch.testing.assert_close(as_it_is, negative, rtol=0, atol=1e-5)


def test_information_against_numpy(scenes: Scenes) -> None:
    fused, thermal, luma = (picture.double() / 255 for picture in scenes(2, 48, 57))
    on_bins = (fused * 127).round() / 127
    for picture in (on_bins, fused):
        expected = [
            [by_numpy.information(f, source) for source in (t, y)]
            for f, t, y in each(picture, of_pictures(thermal, luma))
        ]
        np.testing.assert_allclose(information(picture, thermal, luma), expected, atol=1e-7)
        single = information(picture.float(), thermal.float(), luma.float())
        np.testing.assert_allclose(single, expected, atol=1e-4)


def test_information_on_bins_is_that_of_a_histogram(scenes: Scenes) -> None:
    fused, thermal, luma = (picture.double() // 2 / 127 for picture in scenes(2, 48, 57))
    expected = []
    for f, t, y in zip(*(p.flatten(1).numpy() * 127 for p in (fused, thermal, luma)), strict=True):
        pair = []
        for source in (t, y):
            joint = np.histogram2d(source, f, bins=128, range=((-0.5, 127.5),) * 2)[0]
            parts = joint, joint.sum(0), joint.sum(1)
            both, alone, other = (entropy(part.ravel(), base=2) for part in parts)
            pair.append(alone + other - both)
        expected.append(pair)
    np.testing.assert_allclose(information(fused, thermal, luma), expected, atol=1e-7)


def test_information_of_known_pictures() -> None:
    # 128 levels, all alike often, tell 7 bits; two halves tell one.
    every = (torch.arange(128.0) / 127).view(1, 1, 8, 16)
    halves = (every > 0.5).float()
    flat = torch.full_like(every, 0.3)
    found = information(every, every, halves), information(every, flat, halves)
    np.testing.assert_allclose(torch.cat(found), [[7, 1], [0, 1]], atol=1e-5)


def test_fidelity_against_numpy(scenes: Scenes) -> None:
    fused, thermal, luma = (picture / 255 for picture in scenes(2, 48, 57))
    seen = fidelity(fused, thermal, luma)
    for one, (f, t, y) in zip(seen, each(fused, of_pictures(thermal, luma)), strict=True):
        expected = [by_numpy.visual_fidelity(f, source) for source in (t, y)]
        # A variance of 0.01 is added below, against the rounding of single precision.
        np.testing.assert_allclose(one, expected, rtol=5e-4)


def test_fidelity_orders_pictures_as_the_metric_does(rendered: Batch) -> None:
    maximum = torch.maximum(rendered.thermal, rendered.luma)
    unsharp = [blurred(maximum, sigma) for sigma in (0.5, 1.0, 2.0, 3.0, 4.0)]
    noise = torch.randn_like(maximum)
    noisy = [maximum + s * noise for s in (0.02, 0.05, 0.1, 0.2)]
    contrast = [0.5 + s * (maximum - 0.5) for s in (0.2, 0.5, 0.8, 1.2)]
    for family in (unsharp, noisy, contrast, list(fusions(rendered).values())):
        own, metric = [], []
        for fused in family:
            pictures = (fused, rendered.thermal, rendered.luma)
            own.append(fidelity(*pictures).sum(1).numpy())
            levels = (255 * picture.double() for picture in pictures)
            metric.append(visual_information_fidelity(*levels).numpy())
        for ours, theirs in zip(np.transpose(own), np.transpose(metric), strict=True):
            assert spearmanr(ours, theirs).statistic > 0.999


def test_a_picture_is_wholly_seen_in_itself(rendered: Batch) -> None:
    thermal, luma = rendered.thermal, rendered.luma
    seen = [fidelity(thermal, thermal, luma)[:, 0], fidelity(luma, thermal, luma)[:, 1]]
    torch.testing.assert_close(torch.stack(seen), torch.ones(2, 3), rtol=0, atol=5e-3)


def test_levels_of_squares_against_numpy(rendered: Batch) -> None:
    fused = candidates(rendered)["noisy"][..., :-3, :-5]
    batch = of_pictures(rendered.thermal[..., :-3, :-5], rendered.luma[..., :-3, :-5])
    differences, darkness = [], []
    for f, t, y in each(fused, batch):
        squares, brightest = by_numpy.squares(f), by_numpy.squares(np.maximum(t, y))
        differences.append(np.abs(squares - brightest).mean() / 255)
        darkness.append((np.abs(squares - brightest) / (brightest + 20)).mean())
    pictures = (fused, batch.thermal, batch.luma)
    np.testing.assert_allclose(level_difference(*pictures), differences, rtol=1e-5)
    np.testing.assert_allclose(relative_darkness(*pictures), darkness, rtol=1e-5)


def test_heat_against_numpy(rendered: Batch) -> None:
    fused = candidates(rendered)["noisy"]
    losses, kept = [], []
    for (f, t, y), threshold in zip(each(fused, rendered), rendered.hot, strict=True):
        heat = by_numpy.heat(t, y, 255 * threshold.item())
        losses.append((heat * np.maximum(t - f, 0)).mean() / 255)
        few = 0.001 * f.size
        kept.append(((heat * f / np.maximum(t, 1)).sum() + few) / (heat.sum() + few))
    pictures = (fused, rendered.thermal, rendered.luma, rendered.hot)
    np.testing.assert_allclose(heat_loss(*pictures), losses, rtol=1e-4)
    np.testing.assert_allclose(warmth(*pictures), kept, rtol=1e-4)


def test_warmth_is_close_to_the_guard(rendered: Batch) -> None:
    for name, fused in candidates(rendered).items():
        pictures = (fused, rendered.thermal, rendered.luma)
        guard = hot(*(255 * picture.double() for picture in pictures))
        assert guard.isfinite().all()
        # Its threshold is soft, and a thousandth of the picture counts as kept.
        np.testing.assert_allclose(warmth(*pictures, rendered.hot), guard, atol=0.12, err_msg=name)


def test_dimming_hot_things_lowers_warmth_in_proportion() -> None:
    thermal = torch.zeros(1, 1, 48, 48)
    thermal[..., 10:30, 10:30] = 0.9
    luma, threshold = torch.full_like(thermal, 0.1), torch.tensor([0.5])
    for kept in (1.0, 0.7, 0.2):
        measured = warmth(kept * thermal, thermal, luma, threshold).item()
        # 400 hot pixels, and 2.3 that are taken as kept.
        assert measured == pytest.approx((400 * kept + 2.304) / 402.304, abs=1e-3)
        lost = heat_loss(kept * thermal, thermal, luma, threshold).item()
        assert lost == pytest.approx((1 - kept) * 0.9 * 400 / 48**2, abs=1e-5)


@pytest.mark.parametrize("level", [0.0, 0.01, 0.05, 0.3])
def test_where_nothing_is_hot_nothing_gets_cold(level: float) -> None:
    # In a dark picture of one level, the hottest 2 % are everything, and not hot.
    thermal = torch.full((1, 1, 48, 48), level)
    luma = thermal.clone()
    fused = (thermal / 2).requires_grad_()
    kept = warmth(fused, thermal, luma, thermal[:, 0, 0, 0])
    assert level > 20 / 255 or kept.item() == 1
    assert warmth(thermal, thermal, luma, thermal[:, 0, 0, 0]).item() == pytest.approx(1)


def test_a_choice_as_even_as_the_sources_costs_nothing(rendered: Batch) -> None:
    thermal, luma = rendered.thermal, rendered.luma
    noise = (torch.rand_like(luma) - 0.5) / 255
    even = [thermal, luma, (thermal + luma) / 2, 0.8 * thermal + 0.2, 1 - luma, 0.6 * luma + noise]
    for fused in even:
        assert unevenness(fused, thermal, luma).tolist() == pytest.approx([0, 0, 0], abs=1e-7)


def test_a_blotch_costs_what_it_stands_out() -> None:
    thermal, luma = torch.full((1, 1, 32, 32), 0.3), torch.full((1, 1, 32, 32), 0.6)
    fused = luma.clone()
    fused[..., 8:16, 16:24] = 0.3
    # One of 16 squares differs from four neighbours; there are 24 pairs of neighbours.
    expected = 4 * (0.3 - 4 / 255) / 24
    assert unevenness(fused, thermal, luma).item() == pytest.approx(expected, rel=1e-5)
    # An edge of either source there explains it.
    luma[..., 8:16, 16:24] = 0.9
    assert unevenness(fused, thermal, luma).item() == pytest.approx(0, abs=1e-7)
