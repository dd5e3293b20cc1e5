# SPDX-License-Identifier: Apache-2.0
"""Thermal pictures of a bag: the live node's range in any order, and pixels without reading."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import picture_files
import pytest
import torch
from torch.utils.data import DataLoader

pytest.importorskip("rosbags", reason="rosbags is not installed")

from bag_files import image, write_bag  # noqa: E402

from bifuse_core.__main__ import main  # noqa: E402
from bifuse_core.data.bags import BagPairs  # noqa: E402
from bifuse_core.data.datasets import open_dataset  # noqa: E402
from bifuse_core.data.faults import PictureError  # noqa: E402
from bifuse_core.data.layouts.layout import Options  # noqa: E402
from bifuse_core.data.tensors import TensorPairs  # noqa: E402
from bifuse_core.imaging.thermal import ThermalNormaliser, ThermalSettings  # noqa: E402

PERIOD = 200_000_000
START = 1_700_000_000_000_000_000
LAG = 7_000_000
COUNT = 8
DAMAGED = 3


def counts(number: int) -> np.ndarray[Any, Any]:
    """Return a picture whose range wanders: a warm thing comes and goes."""
    levels = np.random.default_rng(number).integers(29000, 29500, (24, 32))
    levels[:8] += 900 * (number % 3)
    return levels.astype(np.uint16)


def rgb_stamp(number: int) -> int:
    # Not evenly: the smoothing goes by time, not by pictures.
    return START + number * PERIOD + (number % 2) * 30_000_000


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    """A recording with one colour image that no node can use."""
    messages = []
    for number in range(COUNT):
        stamp = rgb_stamp(number)
        messages.append(("/thermal/image_raw", image(counts(number), "16UC1", stamp - LAG)))
        messages.append(("/rgb/image_raw", image(picture_files.rgb(number), "rgb8", stamp)))
    messages[2 * DAMAGED + 1][1].step = 3
    return write_bag(tmp_path / "bag", messages)


def live(settings: ThermalSettings | None = None) -> dict[int, torch.Tensor]:
    """Return what the node makes of the pairs that it can use, one after the other."""
    normaliser = ThermalNormaliser(settings)
    return {
        number: torch.from_numpy(normaliser(counts(number), rgb_stamp(number)))[None]
        for number in range(COUNT)
        if number != DAMAGED
    }


@pytest.mark.parametrize(
    "settings",
    [
        ThermalSettings(),
        ThermalSettings(unit="centikelvin", time_constant=0.3, high_percentile=95.0),
        ThermalSettings(unit="centikelvin", range="fixed", minimum=10.0, maximum=30.0),
    ],
)
def test_samples_in_any_order_are_those_of_the_live_node(
    bag: Path, settings: ThermalSettings
) -> None:
    pairs, expected = TensorPairs(open_dataset(bag), settings), live(settings)
    for number in (7, 0, 4, 1, 6, 2, 5, 5):
        torch.testing.assert_close(pairs[number].thermal, expected[number], rtol=0, atol=0)


def test_the_smoothing_matters_here() -> None:
    alone = torch.from_numpy(ThermalNormaliser()(counts(4), 0))[None]
    assert (live()[4] - alone).abs().max() > 0.1


def test_a_part_of_a_bag_follows_the_whole(bag: Path) -> None:
    (bag.parent / "val.txt").write_text("bag/000005\n")
    dataset = open_dataset(bag, options=Options(split="val", annotated=False))
    torch.testing.assert_close(TensorPairs(dataset)[0].thermal, live()[5], rtol=0, atol=0)


@pytest.mark.parametrize("sent", [False, True], ids=["forked", "sent as to spawned"])
def test_workers_do_not_go_through_the_bag_again(
    bag: Path, sent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = open_dataset(bag)
    usable = tuple(entry for n, entry in enumerate(dataset.entries) if n != DAMAGED)
    pairs = TensorPairs(replace(dataset, entries=usable))
    monkeypatch.setattr(BagPairs, "_followed", None)
    pairs = replace(pickle.loads(pickle.dumps(pairs)) if sent else pairs, epoch=1)
    loader = DataLoader(pairs, num_workers=2, collate_fn=list, multiprocessing_context="fork")
    for (sample,), expected in zip(loader, live().values(), strict=True):
        torch.testing.assert_close(sample.thermal, expected, rtol=0, atol=0)


@pytest.mark.parametrize("settings", [ThermalSettings(), ThermalSettings(range="full")])
def test_a_recording_in_grey_levels_is_not_read_for_its_range(
    tmp_path: Path, settings: ThermalSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = [
        ("/thermal/image_raw", image(picture_files.thermal(1), "mono8", START)),
        ("/rgb/image_raw", image(picture_files.rgb(1), "rgb8", START)),
    ]
    dataset = open_dataset(write_bag(tmp_path / "bag", messages))
    with monkeypatch.context() as unreadable:
        unreadable.setattr(BagPairs, "_pair", None)
        pairs = TensorPairs(dataset, settings)
    expected = picture_files.thermal(1).astype(np.float32) / 255
    np.testing.assert_allclose(pairs[0].thermal[0], expected, atol=1e-6)


def test_pixels_without_reading_are_named_by_the_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    messages = []
    for number, dead in enumerate((0, 2, 24 * 32)):
        celsius = counts(number).astype(np.float32) / 100 - 273.15
        celsius.ravel()[:dead] = (np.nan, np.inf, -np.inf)[number]
        stamp = rgb_stamp(number)
        messages.append(("/thermal/image_raw", image(celsius, "32FC1", stamp)))
        messages.append(("/rgb/image_raw", image(picture_files.rgb(number), "rgb8", stamp)))
    bag = write_bag(tmp_path / "bag", messages)
    assert main(["check", str(bag), "--strict"]) == 1
    printed = capsys.readouterr().out.splitlines()
    assert printed[:2] == [
        "bag/000001: 2 of 768 thermal pixels are not finite or beyond 1e+07",
        f"{bag}: /thermal/image_raw at {rgb_stamp(2)} ns: no pixel is finite",
    ]
    assert "pairs: 3, of which 1 without fault" in printed
    # Few of them do not stop a training; the node makes them cold, too.
    thermal = TensorPairs(open_dataset(bag))[1].thermal
    assert thermal[0, 0, :2].tolist() == [0, 0]
    with pytest.raises(PictureError, match="no pixel is finite"):
        TensorPairs(open_dataset(bag))[2]
