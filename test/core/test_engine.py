# SPDX-License-Identifier: Apache-2.0
"""The engine against the plain formula, its errors, and what it does to rendered night scenes."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from bifuse_core.data.classes import DETECTION_CLASSES, SEGMENTATION_CLASSES
from bifuse_core.data.rendered import RenderedDrive, RenderedFrame
from bifuse_core.engine.engine import Engine
from bifuse_core.imaging.thermal import ThermalSettings
from bifuse_core.nets.checkpoint import CheckpointError, save_weights
from bifuse_core.nets.zoo import FUSION_NETWORKS, SHIPPED, create_fusion

SECOND = 1_000_000_000
LUMA = np.array([0.299, 0.587, 0.114])


@pytest.fixture
def weights(tmp_path: Path) -> dict[str, Path]:
    """Return random weights of every network, so that no trained ones are needed."""
    found = {}
    for network in FUSION_NETWORKS:
        net = create_fusion(network).requires_grad_(False)
        for parameter in net.parameters():
            parameter.mul_(1.5)
        found[network] = tmp_path / f"{network}.safetensors"
        save_weights(found[network], network, net, {})
    return found


def by_formula(
    network: str, file: Path, thermal: NDArray[np.float64], rgb: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Fuse in double precision: F by the network, then R + F - Y and so on."""
    net = create_fusion(network).double()
    net.load_state_dict({name: tensor.double() for name, tensor in load_file(file).items()})
    colour = rgb / 255
    luma = colour @ LUMA
    with torch.no_grad():
        fused = net(torch.tensor(thermal)[None, None], torch.tensor(luma)[None, None])[0, 0].numpy()
    return np.round(np.clip(colour + (fused - luma)[..., None], 0, 1) * 255).astype(np.uint8)


def largest_difference(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> int:
    return int(np.abs(a.astype(int) - b).max())


def random_pair(
    random: np.random.Generator, dtype: Any = np.uint8, size: tuple[int, int] = (37, 50)
) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    thermal = random.integers(0, 256, size).astype(dtype)
    return thermal, random.integers(0, 256, (*size, 3), np.uint8)


@pytest.mark.parametrize("network", FUSION_NETWORKS)
def test_8_bit_thermal_against_the_formula(
    random: np.random.Generator, weights: dict[str, Path], network: str
) -> None:
    thermal, rgb = random_pair(random)
    engine = Engine(network, weights=weights[network], device="cpu", precision="fp32")
    fused = engine.fuse(thermal, rgb, 0)
    assert (fused.shape, fused.dtype) == (rgb.shape, np.uint8)
    expected = by_formula(network, weights[network], thermal / 255, rgb)
    assert largest_difference(fused, expected) <= 1
    # Rounded, not cut off: only ties may fall the other way.
    assert np.mean(fused == expected) > 0.99
    assert largest_difference(fused, rgb) > 20


def test_16_bit_thermal_against_the_formula(
    random: np.random.Generator, weights: dict[str, Path]
) -> None:
    celsius = random.uniform(-30, 70, (37, 50))
    _, rgb = random_pair(random)
    thermal = ThermalSettings(unit="centikelvin", range="fixed", minimum=-20, maximum=60)
    engine = Engine(weights=weights["edge"], device="cpu", precision="fp32", thermal=thermal)
    fused = engine.fuse(np.round((celsius + 273.15) * 100).astype(np.uint16), rgb, 0)
    warmth = np.clip((celsius + 20) / 80, 0, 1)
    assert largest_difference(fused, by_formula("edge", weights["edge"], warmth, rgb)) <= 1


@pytest.mark.parametrize(("precision", "tolerance"), [("fp16", 2), ("bf16", 8)])
@pytest.mark.parametrize("network", FUSION_NETWORKS)
def test_lower_precision_stays_near_full_precision(
    random: np.random.Generator,
    weights: dict[str, Path],
    network: str,
    precision: str,
    tolerance: int,
) -> None:
    thermal, rgb = random_pair(random, size=(32, 32))
    fused = [
        Engine(network, weights=weights[network], device="cpu", precision=p).fuse(thermal, rgb, 0)
        for p in ("fp32", precision)
    ]
    assert largest_difference(*fused) <= tolerance


def test_the_thermal_range_is_smoothed_from_pair_to_pair(
    random: np.random.Generator, weights: dict[str, Path]
) -> None:
    engine = Engine(weights=weights["edge"], device="cpu")
    cold, rgb = random_pair(random, np.uint16)
    hot = cold * 40
    engine.fuse(cold, rgb, 0)
    at_once = engine.fuse(hot, rgb, SECOND // 100)
    settled = engine.fuse(hot, rgb, 100 * SECOND)
    fresh = Engine(weights=weights["edge"], device="cpu").fuse(hot, rgb, 0)
    assert largest_difference(settled, fresh) <= 1
    assert largest_difference(at_once, fresh) > 20


def test_warming_up_leaves_no_trace(random: np.random.Generator, weights: dict[str, Path]) -> None:
    thermal, rgb = random_pair(random, np.uint16)
    cold, warm = (Engine(weights=weights["edge"], device="cpu") for _ in range(2))
    warm.warm_up(48, 32)
    np.testing.assert_array_equal(warm.fuse(thermal, rgb, 0), cold.fuse(thermal, rgb, 0))


def test_the_inputs_are_not_written_to(
    random: np.random.Generator, weights: dict[str, Path]
) -> None:
    engine = Engine(weights=weights["edge"], device="cpu")
    thermal, rgb = random_pair(random)
    kept = thermal.copy(), rgb.copy()
    engine.fuse(thermal, rgb, 0)
    np.testing.assert_array_equal(thermal, kept[0])
    np.testing.assert_array_equal(rgb, kept[1])


def test_read_only_pictures_as_messages_have_them(
    random: np.random.Generator, weights: dict[str, Path]
) -> None:
    engine = Engine(weights=weights["edge"], device="cpu")
    thermal, rgb = random_pair(random)
    expected = engine.fuse(thermal, rgb, 0)
    thermal.flags.writeable = rgb.flags.writeable = False
    with warnings.catch_warnings():
        # PyTorch cannot mark a tensor as read-only and says so once.
        warnings.simplefilter("ignore", UserWarning)
        np.testing.assert_array_equal(engine.fuse(thermal, rgb, 0), expected)


def test_pictures_of_unequal_size_are_refused_with_their_sizes(weights: dict[str, Path]) -> None:
    engine = Engine(weights=weights["edge"], device="cpu")
    with pytest.raises(ValueError, match=r"32x24.*40x30"):
        engine.fuse(np.zeros((24, 32), np.uint8), np.zeros((30, 40, 3), np.uint8), 0)


def test_a_thermal_picture_without_a_finite_pixel_is_refused(weights: dict[str, Path]) -> None:
    engine = Engine(weights=weights["edge"], device="cpu")
    with pytest.raises(ValueError, match="no finite pixel"):
        engine.fuse(np.full((24, 32), np.nan, np.float32), np.zeros((24, 32, 3), np.uint8), 0)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"network": "nonsense"}, r"'nonsense'.*edge, bdl"),
        ({"device": "nonsense"}, r"'nonsense'.*cpu, cuda"),
        ({"device": "meta"}, r"'meta'.*cpu, cuda"),
        ({"device": "cuda:99"}, r"'cuda:99'.*CUDA devices"),
        ({"precision": "int4"}, r"'int4'.*auto, fp32, fp16, bf16"),
    ],
)
def test_an_unknown_choice_is_refused_with_the_choices(
    choice: dict[str, str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Engine(**{"device": "cpu", **choice})


def test_the_facts_are_those_of_what_runs(weights: dict[str, Path]) -> None:
    facts = Engine(weights=weights["edge"], device="cpu").facts()
    assert facts == {
        "network": "edge",
        "weights sha256": hashlib.sha256(weights["edge"].read_bytes()).hexdigest(),
        "device": "cpu",
        "precision": "fp32",
        "fusion backend": "torch",
    }


def test_reloading_takes_the_new_weights(
    random: np.random.Generator, weights: dict[str, Path], tmp_path: Path
) -> None:
    thermal, rgb = random_pair(random)
    engine = Engine(weights=weights["edge"], device="cpu")
    before = engine.fuse(thermal, rgb, 0)
    other = tmp_path / "other.safetensors"
    checksum = save_weights(other, "edge", create_fusion("edge"), {})
    engine.reload(other)
    assert engine.checksum == checksum
    after = engine.fuse(thermal, rgb, 0)
    fresh = Engine(weights=other, device="cpu").fuse(thermal, rgb, 0)
    np.testing.assert_array_equal(after, fresh)
    assert largest_difference(after, before) > 5


@pytest.mark.parametrize("fault", ["missing", "damaged", "of another network"])
def test_the_old_weights_stay_when_reloading_fails(
    random: np.random.Generator, weights: dict[str, Path], tmp_path: Path, fault: str
) -> None:
    thermal, rgb = random_pair(random)
    engine = Engine(weights=weights["edge"], device="cpu")
    before, checksum = engine.fuse(thermal, rgb, 0), engine.checksum
    bad = tmp_path / "bad.safetensors"
    if fault == "damaged":
        bad.write_bytes(weights["edge"].read_bytes()[:1000])
    elif fault == "of another network":
        bad = weights["bdl"]
    with pytest.raises(CheckpointError, match=bad.name):
        engine.reload(bad)
    assert engine.checksum == checksum
    np.testing.assert_array_equal(engine.fuse(thermal, rgb, 0), before)


@pytest.fixture(scope="module")
def nights() -> list[RenderedFrame]:
    drives = [RenderedDrive(seed, condition="night", width=320, height=240) for seed in range(2)]
    return [drive.frame(time) for drive in drives for time in (1.0, 4.0, 7.0)]


@pytest.fixture(scope="module", params=SHIPPED)
def fused_nights(
    request: pytest.FixtureRequest, nights: list[RenderedFrame]
) -> list[NDArray[np.uint8]]:
    """Return the scenes as the shipped weights fuse them; each scene by itself."""
    engine = Engine(request.param, device="cpu")
    return [engine.fuse(n.thermal, n.rgb, i * 100 * SECOND) for i, n in enumerate(nights)]


def contrasts_of_people(frame: RenderedFrame, picture: NDArray[np.uint8]) -> list[float]:
    """Return how far people's mean luminance is from that of what is around them."""
    luma = picture @ LUMA
    person = SEGMENTATION_CLASSES.index("person")
    objects = [SEGMENTATION_CLASSES.index(name) for name in DETECTION_CLASSES]
    contrasts = []
    for left, top, right, bottom in frame.boxes[frame.labels == 0].astype(int):
        window = np.s_[max(top - 8, 0) : bottom + 8, max(left - 8, 0) : right + 8]
        inside = frame.mask[window] == person
        around = ~np.isin(frame.mask[window], objects)
        if min(inside.sum(), around.sum()) >= 30:
            contrasts.append(abs(luma[window][inside].mean() - luma[window][around].mean()))
    return contrasts


def test_people_stand_out_from_the_night_more_than_in_rgb(
    nights: list[RenderedFrame], fused_nights: list[NDArray[np.uint8]]
) -> None:
    pairs = list(zip(nights, fused_nights, strict=True))
    fused = np.array([c for night, picture in pairs for c in contrasts_of_people(night, picture)])
    rgb = np.array([c for night, _ in pairs for c in contrasts_of_people(night, night.rgb)])
    assert len(rgb) >= 8
    assert np.mean(fused) > 2 * np.mean(rgb)
    assert np.mean(fused > rgb) > 0.8


def slopes(luma: NDArray[np.floating]) -> NDArray[np.float64]:
    smooth = cv2.GaussianBlur(luma.astype(np.float64), (0, 0), 1)
    return np.hypot(*np.gradient(smooth))


def test_structure_that_only_rgb_sees_is_kept_better_than_by_the_maximum(
    nights: list[RenderedFrame], fused_nights: list[NDArray[np.uint8]]
) -> None:
    """Lane markings, signs, windows: clear slopes in RGB where thermal is flat."""
    kept = by_maximum = 0.0
    maximum = Engine("max", device="cpu")
    for number, (night, picture) in enumerate(zip(nights, fused_nights, strict=True)):
        low, high = np.percentile(night.thermal, (1, 99.8))
        thermal = slopes(np.clip((night.thermal - low) / (high - low), 0, 1) * 255)
        rgb = slopes(night.rgb @ LUMA)
        only_rgb = (rgb > 10) & (thermal < 2)
        assert only_rgb.sum() > 500
        kept += slopes(picture @ LUMA)[only_rgb].sum()
        brightest = maximum.fuse(night.thermal, night.rgb, number * 100 * SECOND)
        by_maximum += slopes(brightest @ LUMA)[only_rgb].sum()
    assert kept > by_maximum


def test_colours_of_the_night_keep_their_hue(
    nights: list[RenderedFrame], fused_nights: list[NDArray[np.uint8]]
) -> None:
    for night, picture in zip(nights, fused_nights, strict=True):
        inside = ((picture > 0) & (picture < 255)).all(axis=2)
        chroma = [np.diff(p.astype(int), axis=2)[inside] for p in (night.rgb, picture)]
        assert inside.mean() > 0.5
        assert np.abs(chroma[0] - chroma[1]).max() <= 1
