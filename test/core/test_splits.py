# SPDX-License-Identifier: Apache-2.0
"""From sources on disk to the crops of both levels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bag_files import image, write_bag
from picture_files import folder_of_pairs

from bifuse_core.bilevel.crops import Crops
from bifuse_core.bilevel.data_settings import DataSettings
from bifuse_core.bilevel.splits import open_splits
from bifuse_core.data.faults import PairError
from bifuse_core.imaging.thermal import ThermalNormaliser

SIZE = 48


def settings(*sources: dict[str, Any], **changes: Any) -> DataSettings:
    return DataSettings.model_validate({"sources": sources, "crop": SIZE, "vary": 0, **changes})


def names(crops: Crops) -> list[list[str]]:
    return [
        [source.pairs[number].name for number in range(len(source.pairs))]
        for source in crops.sources
    ]


def test_every_nth_sample_is_for_the_upper_level_alone(tmp_path: Path) -> None:
    folder_of_pairs(tmp_path / "a", 7)
    folder_of_pairs(tmp_path / "b", 3)
    sources = settings({"path": "a"}, {"path": "b", "share": 2}, validation_every=3)
    splits = open_splits(sources, tmp_path, seed=5)
    assert names(splits.whole) == [["00", "01", "02", "03", "04", "05", "06"], ["00", "01", "02"]]
    assert names(splits.training) == [["01", "02", "04", "05"], ["01", "02"]]
    assert names(splits.validation) == [["00", "03", "06"], ["00"]]
    for crops in (splits.whole, splits.training, splits.validation):
        assert [source.share for source in crops.sources] == [1.0, 2.0]
    assert splits.training.seed != splits.validation.seed


def test_without_a_validation_split_both_levels_see_all_but_not_the_same_crops(
    tmp_path: Path,
) -> None:
    folder_of_pairs(tmp_path / "a", 4)
    splits = open_splits(settings({"path": "a"}, validation_every=0), tmp_path, seed=5)
    assert names(splits.training) == names(splits.validation) == names(splits.whole)
    drawn = [
        [crops[n].sample.name for n in range(12)] for crops in (splits.training, splits.validation)
    ]
    assert drawn[0] != drawn[1]


def test_a_source_may_be_thinned_out(tmp_path: Path) -> None:
    folder_of_pairs(tmp_path / "a", 7)
    sources = settings({"path": "a", "every": 3}, validation_every=2)
    splits = open_splits(sources, tmp_path, seed=0)
    assert names(splits.whole) == [["00", "03", "06"]]
    assert names(splits.validation) == [["00", "06"]]


def test_a_source_too_small_to_be_divided_is_refused_with_its_size(tmp_path: Path) -> None:
    folder_of_pairs(tmp_path / "a", 4)
    with pytest.raises(PairError, match="a: 4 samples cannot be divided with data.valida.* 5; .*5"):
        open_splits(settings({"path": "a"}), tmp_path, seed=0)


def test_a_missing_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(PairError, match="none: no such file or folder"):
        open_splits(settings({"path": "none"}), tmp_path, seed=0)


def test_a_bag_is_normalised_as_the_live_node_does_it(tmp_path: Path) -> None:
    pytest.importorskip("rosbags", reason="rosbags is not installed")
    from bag_files import image, write_bag

    random, start, period, messages, pictures = np.random.default_rng(0), 10**18, 40_000_000, [], {}
    for number in range(6):
        # The scene grows hotter, so the range is one smoothed over time.
        counts = random.integers(7000 + 300 * number, 9000 + 500 * number, (SIZE, SIZE))
        pictures[number] = counts.astype(np.uint16)
        stamp = start + number * period
        rgb = random.integers(0, 256, (SIZE, SIZE, 3), np.uint8)
        messages += [("/thermal/image_raw", image(pictures[number], "16UC1", stamp))]
        messages += [("/rgb/image_raw", image(rgb, "rgb8", stamp))]
    write_bag(tmp_path / "bag", messages)
    node = ThermalNormaliser()
    live = {n: node(picture, start + n * period) for n, picture in pictures.items()}
    crops = open_splits(settings({"path": "bag"}, validation_every=0), tmp_path, seed=0).whole
    seen = set()
    for number in range(20):
        crop = crops[number]
        moment = int(crop.sample.name.split("/")[1])
        expected = torch.from_numpy(live[moment])[None]
        assert any(
            torch.allclose(crop.sample.thermal, x, atol=1e-6) for x in (expected, expected.flip(2))
        )
        seen.add(moment)
    assert len(seen) > 3
    alone = ThermalNormaliser()(pictures[5], 0)
    assert np.abs(alone - live[5]).max() > 0.01


def bag_of_a_late_camera(path: Path) -> Path:
    """Write five pairs at 10 Hz whose thermal stamps are 40 ms late, in counts of 10 mK."""
    messages: list[tuple[str, Any]] = []
    for number in range(5):
        stamp = (1 + number) * 100_000_000
        counts = np.full((60, 64), 27315 + 100 * (10 + number), np.uint16)  # 10, 11, ... degC
        colour = np.full((60, 64, 3), 20 * number, np.uint8)
        messages.append(("/rgb/image_raw", image(colour, "rgb8", stamp)))
        messages.append(("/thermal/image_raw", image(counts, "16UC1", stamp + 40_000_000)))
    return write_bag(path, messages)


def test_a_bag_is_paired_and_normalised_as_the_parameters_of_its_robot_say(tmp_path: Path) -> None:
    bag_of_a_late_camera(tmp_path / "drive")
    robot = {
        "sync": {"offset": -0.04, "slop": 0.005},
        "thermal": {"unit": "centikelvin", "range": "fixed", "minimum": 0, "maximum": 20},
    }
    source = settings({"path": "drive", **robot}, validation_every=0)
    crops = open_splits(source, tmp_path, seed=1).whole
    seen = {crops[n].sample.name: crops[n].sample for n in range(20)}
    assert len(seen) == 5
    for sample in seen.values():
        number = round(sample.rgb.mean().item() * 255 / 20)
        # number + 10 of the 20 degrees between black and white
        assert sample.thermal.numpy() == pytest.approx((10 + number) / 20, abs=1e-3)


def test_a_bag_of_a_late_camera_has_no_pairs_by_default(tmp_path: Path) -> None:
    bag_of_a_late_camera(tmp_path / "drive")
    with pytest.raises(PairError, match="within 20 ms of each other"):
        open_splits(settings({"path": "drive"}), tmp_path, seed=1)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ({"thermal": {"unit": "furlong"}}, "unit"),
        ({"thermal": {"range": "fixed", "minimum": 5, "maximum": 5}}, "thermal.m"),
        ({"sync": {"slope": 1}}, "slope"),
    ],
)
def test_parameters_that_no_robot_has_are_refused(source: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        settings({"path": "drive", **source})
