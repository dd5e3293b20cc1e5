# SPDX-License-Identifier: Apache-2.0
"""The warm start: it learns, resumes where it stopped, and says what is wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bifuse_core.bilevel.objectives import vsm_content
from bifuse_core.bilevel.warm_start import CropSampler, WarmStart, warm_start
from bifuse_core.data.pairs import ImagePair
from bifuse_core.data.rendered import RenderedDrive
from bifuse_core.imaging.colour import luminance
from bifuse_core.imaging.saliency import saliency_target
from bifuse_core.nets.edge import EdgeFusion

TINY = WarmStart(steps=40, batch=2, crop=48, learning_rate=4e-3)


@pytest.fixture(scope="module")
def pairs() -> list[ImagePair]:
    drive = RenderedDrive(3, condition="dusk", width=96, height=80)
    frames = [drive.frame(time) for time in (0.0, 2.0, 4.0)]
    return [ImagePair(f"dusk_{i}", f.thermal, f.rgb) for i, f in enumerate(frames)]


class Blend(nn.Module):
    """The smallest fusion network: one share for the whole picture; it counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.share = nn.Parameter(torch.tensor(-2.0))
        self.calls = 0

    def forward(self, thermal: Tensor, luma: Tensor) -> Tensor:
        self.calls += 1
        return torch.lerp(luma, thermal, self.share.sigmoid())


def held_out_loss(net: nn.Module, pairs: list[ImagePair]) -> float:
    sampler = iter(CropSampler(pairs, replace(TINY, batch=16, seed=1234)))
    thermal, luma, target = next(sampler)
    with torch.no_grad():
        return vsm_content(net(thermal, luma), target).item()


def test_training_lowers_the_loss_on_crops_it_has_not_seen(pairs: list[ImagePair]) -> None:
    net = EdgeFusion()
    # From where thermal is taken nearly everywhere.
    nn.init.constant_(net.up_quarter[1].bias, 4.0)
    before = held_out_loss(net, pairs)
    last = warm_start(net, pairs, TINY)
    after = held_out_loss(net, pairs)
    assert after < 0.8 * before
    assert 0 < last < before
    assert not net.training


def test_the_same_seed_gives_the_same_weights(pairs: list[ImagePair]) -> None:
    nets = [EdgeFusion() for _ in range(3)]
    start = {name: tensor.clone() for name, tensor in nets[0].state_dict().items()}
    for net, seed in zip(nets, (0, 0, 1), strict=True):
        net.load_state_dict(start)
        warm_start(net, pairs, replace(TINY, steps=3, seed=seed))
    first, second, third = (nn.utils.parameters_to_vector(net.parameters()) for net in nets)
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    assert not torch.equal(first, third)


class PowerCutError(Exception):
    """Stands for the power cut."""


def test_an_interrupted_run_resumes_at_the_saved_step(
    pairs: list[ImagePair], tmp_path: Path
) -> None:
    settings = WarmStart(steps=230, batch=1, crop=16, learning_rate=0.05)
    file = tmp_path / "state.pt"

    class PowerCut(Blend):
        def forward(self, thermal: Tensor, luma: Tensor) -> Tensor:
            if self.calls == 150:
                raise PowerCutError
            return super().forward(thermal, luma)

    first = PowerCut()
    with pytest.raises(PowerCutError):
        warm_start(first, pairs, settings, resume=file)
    saved = torch.load(file, weights_only=True)
    assert saved["step"] == 100
    assert saved["parts"][0]["share"] != Blend().share

    second = Blend()
    warm_start(second, pairs, settings, resume=file)
    assert second.calls == 130
    assert torch.load(file, weights_only=True)["step"] == 230
    # It ends where an uninterrupted run ends: the best share is one and the same.
    whole = Blend()
    warm_start(whole, pairs, settings)
    assert whole.calls == 230
    assert second.share.sigmoid().item() == pytest.approx(whole.share.sigmoid().item(), abs=0.05)
    assert abs(whole.share.sigmoid().item() - Blend().share.sigmoid().item()) > 0.1


def test_resuming_sees_other_crops_than_the_first_run(
    pairs: list[ImagePair], tmp_path: Path
) -> None:
    seen: list[Tensor] = []

    class Watching(Blend):
        def forward(self, thermal: Tensor, luma: Tensor) -> Tensor:
            seen.append(thermal.detach().clone())
            return super().forward(thermal, luma)

    settings = WarmStart(steps=200, batch=1, crop=16)
    file = tmp_path / "state.pt"

    class Once(Watching):
        def forward(self, thermal: Tensor, luma: Tensor) -> Tensor:
            if self.calls == 100:
                raise PowerCutError
            return super().forward(thermal, luma)

    with pytest.raises(PowerCutError):
        warm_start(Once(), pairs, settings, resume=file)
    warm_start(Watching(), pairs, settings, resume=file)
    assert len(seen) == 200
    assert not torch.equal(seen[0], seen[100])


def test_a_crop_larger_than_a_picture_is_refused_with_both_sizes(pairs: list[ImagePair]) -> None:
    with pytest.raises(ValueError, match=r"96x80.*crop of 81") as caught:
        warm_start(EdgeFusion(), pairs, replace(TINY, crop=81))
    assert pairs[0].name in str(caught.value)


def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_step(
    pairs: list[ImagePair],
) -> None:
    class Diverging(Blend):
        def forward(self, thermal: Tensor, luma: Tensor) -> Tensor:
            fused = super().forward(thermal, luma)
            return fused * float("nan") if self.calls == 4 else fused

    net = Diverging()
    with pytest.raises(FloatingPointError, match="nan at step 3"):
        warm_start(net, pairs, TINY)
    assert torch.isfinite(net.share)


def test_crops_are_aligned_and_within_0_and_1() -> None:
    # Both cameras see the same picture, so each crop must show the same place in both.
    ramp = np.arange(64 * 48).reshape(48, 64) / (64 * 48)
    thermal = np.round(ramp * 255).astype(np.uint8)
    pair = ImagePair("ramp", thermal, np.dstack([thermal] * 3))
    sampler = iter(CropSampler([pair], WarmStart(batch=8, crop=32)))
    for _ in range(5):
        batch = next(sampler)
        for crops in batch:
            assert crops.shape == (8, 1, 32, 32)
            assert crops.min() >= 0
            assert crops.max() <= 1
        for first, second, third in zip(*(c.flatten(1) for c in batch), strict=True):
            # Gain, offset and gamma keep the order of grey levels wherever they do not clip.
            inside = (first > 0) & (first < 1) & (second > 0) & (second < 1)
            if inside.sum() > 100:
                ranks = [x[inside].argsort(stable=True) for x in (first, second)]
                assert (second[inside][ranks[0]].diff() >= -1e-6).all()
                assert (first[inside][ranks[1]].diff() >= -1e-6).all()
            low, high = torch.minimum(first, second), torch.maximum(first, second)
            assert (third >= low - 1e-6).all()
            assert (third <= high + 1e-6).all()


def test_a_crop_of_the_whole_picture_without_variation_is_the_pair_and_its_target() -> None:
    random = np.random.default_rng(5)
    thermal = random.integers(0, 256, (24, 24), np.uint8)
    rgb = random.integers(0, 256, (24, 24, 3), np.uint8)
    warmth = torch.from_numpy(thermal / 255).float()[None, None]
    colour = torch.from_numpy(rgb / 255).float().permute(2, 0, 1)[None]
    luma = luminance(colour)
    expected = torch.cat((warmth, luma, saliency_target(warmth, luma)))
    sampler = iter(CropSampler([ImagePair("x", thermal, rgb)], WarmStart(batch=64, crop=24)))
    crops = torch.stack([c[:, 0] for c in next(sampler)], dim=1)
    # Three in ten pictures are not varied, so about six in 64 crops are the pair itself; flipped
    # or not.
    distances = [
        min((crop[:, None] - e).abs().max() for e in (expected, expected.flip(-1)))
        for crop in crops
    ]
    exact = sum(bool(d < 1e-5) for d in distances)
    assert 1 <= exact <= 20


def test_a_finished_run_can_be_resumed_without_a_step(
    pairs: list[ImagePair], tmp_path: Path
) -> None:
    settings = WarmStart(steps=120, batch=1, crop=16)
    loss = warm_start(Blend(), pairs, settings, resume=tmp_path / "state.pt")
    again = Blend()
    assert warm_start(again, pairs, settings, resume=tmp_path / "state.pt") == pytest.approx(loss)
    assert again.calls == 0


def test_the_state_of_another_run_is_refused(pairs: list[ImagePair], tmp_path: Path) -> None:
    file = tmp_path / "state.pt"
    warm_start(Blend(), pairs, WarmStart(steps=101, batch=1, crop=16), resume=file)
    with pytest.raises(ValueError, match="state.pt: a run with other settings: .*101"):
        warm_start(Blend(), pairs, WarmStart(steps=102, batch=1, crop=16), resume=file)
    other = torch.nn.Conv2d(1, 1, 3)
    with pytest.raises(ValueError, match="state.pt: a run of another network"):
        warm_start(other, pairs, WarmStart(steps=101, batch=1, crop=16), resume=file)
