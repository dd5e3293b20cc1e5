# SPDX-License-Identifier: Apache-2.0
"""Crops: known by their number, with what only the whole picture tells, and drawn by shares."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import pytest
import torch
import trainings
from trainings import SIZE, Pictures

from bifuse_core.bilevel.batch import Batch, Crop, collate
from bifuse_core.bilevel.crops import Crops, Remembered, Source, batches
from bifuse_core.data.faults import PictureError
from bifuse_core.data.sample import Sample
from bifuse_core.data.tensors import normalised, to_tensors
from bifuse_core.imaging.saliency import saliency_share, saliency_target, visual_saliency
from bifuse_core.imaging.thermal import Limits, ThermalSettings


def same(first: Batch, second: Batch) -> bool:
    """Tell whether two batches are equal, to the bit."""
    parts = ("thermal", "luma", "share", "hot", "mix", "source")
    equal = (torch.equal(getattr(first, part), getattr(second, part)) for part in parts)
    return first.names == second.names and all(equal)


def crops(*pairs: Any, **options: Any) -> Crops:
    return Crops([Source(dataset) for dataset in pairs or (Pictures(),)], SIZE, **options)


def test_the_crop_of_a_number_is_always_the_same() -> None:
    first, again, other = crops(), crops(), crops(seed=1)
    taken = [collate([first[number]]) for number in range(6)]
    assert all(same(collate([again[number]]), taken[number]) for number in (5, 0, 3, 3))
    assert not any(same(a, b) for a, b in zip(taken, taken[1:], strict=False))
    assert not same(collate([other[0]]), taken[0])


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_change_nothing(workers: int) -> None:
    alone, helped = (list(islice(batches(crops(), 3, first=2, workers=n), 3)) for n in (0, workers))
    assert all(same(a, b) for a, b in zip(alone, helped, strict=True))


def test_batches_go_on_where_they_stopped_and_leave_the_generator_alone() -> None:
    before = torch.get_rng_state()
    whole = list(islice(batches(crops(), 2), 5))
    rest = list(islice(batches(crops(), 2, first=3), 2))
    assert all(same(a, b) for a, b in zip(whole[3:], rest, strict=True))
    assert torch.equal(torch.get_rng_state(), before)


def test_processes_share_a_batch() -> None:
    (whole,) = islice(batches(crops(), 6, first=4), 1)
    parts = [next(batches(crops(), 6, first=4, part=(rank, 3))) for rank in range(3)]
    assert sum((part.names for part in parts), ()) == whole.names
    assert torch.equal(torch.cat([part.thermal for part in parts]), whole.thermal)
    with pytest.raises(ValueError, match="a batch of 5 cannot be divided evenly among 2 processes"):
        batches(crops(), 5, part=(0, 2))


def whole_of(pairs: Pictures, crop: Crop) -> Any:
    number = int(crop.sample.name.split("/")[1])
    return to_tensors(normalised(pairs[number]))


def test_share_and_hot_are_those_of_the_whole_picture() -> None:
    pairs = Pictures()
    source = crops(pairs, vary=0.0)
    for number in range(4):
        crop = source[number]
        whole = whole_of(pairs, crop)
        share = saliency_share(*(visual_saliency(x[None])[0] for x in (whole.thermal, whole.luma)))
        stack = torch.cat((whole.thermal, whole.luma, share))
        windows = stack.unfold(1, SIZE, 1).unfold(2, SIZE, 1)
        cut = torch.cat((crop.sample.thermal, crop.sample.luma, crop.share))
        distances = [
            (windows - x[:, None, None]).abs().amax(dim=(0, 3, 4)).min() for x in (cut, cut.flip(2))
        ]
        assert min(distances) < 1e-5
        hottest = whole.thermal.flatten().sort(descending=True).values
        assert crop.hot == hottest[math.ceil(0.02 * hottest.numel()) - 1]


def test_they_are_those_of_the_picture_as_it_was_varied() -> None:
    # Crops as large as the picture: nothing but the varying comes between.
    pairs = Pictures(height=SIZE, width=SIZE)
    source = crops(pairs, vary=1.0)
    for number in range(4):
        crop = source[number]
        thermal, luma = crop.sample.thermal[None], crop.sample.luma[None]
        expected = saliency_share(visual_saliency(thermal), visual_saliency(luma))[0]
        torch.testing.assert_close(crop.share, expected)
        hottest = thermal.flatten().sort(descending=True).values
        assert crop.hot == hottest[math.ceil(0.02 * SIZE * SIZE) - 1]
        whole = whole_of(pairs, crop)
        assert (crop.sample.thermal.mean() - whole.thermal.mean()).abs() > 1e-3
        torch.testing.assert_close(collate([crop]).target, saliency_target(thermal, luma))


def test_grey_levels_are_varied_as_often_as_asked_each_camera_for_itself() -> None:
    pairs = Pictures(count=1, height=SIZE, width=SIZE)
    source = crops(pairs, vary=0.5)
    whole = whole_of(pairs, source[0])
    varied: Counter[tuple[bool, bool]] = Counter()
    for number in range(200):
        sample = source[number].sample
        means = zip((sample.thermal, sample.luma), (whole.thermal, whole.luma), strict=True)
        thermal, luma = (bool((x.mean() - y.mean()).abs() > 1e-4) for x, y in means)
        varied[thermal, luma] += 1
    # Each of the four in a quarter of 200; more than four standard deviations are 26.
    assert all(abs(varied[a, b] - 50) < 26 for a in (False, True) for b in (False, True))


@pytest.mark.parametrize(("height", "width"), [(20, 90), (90, 20), (47, 47)])
def test_small_pictures_are_enlarged(height: int, width: int) -> None:
    crop = crops(Pictures(height=height, width=width))[0]
    assert (
        crop.sample.thermal.shape == crop.sample.luma.shape == crop.share.shape == (1, SIZE, SIZE)
    )
    for part in (crop.sample.thermal, crop.sample.luma, crop.share):
        assert part.min() >= 0
        assert part.max() <= 1


def test_sources_are_drawn_by_their_shares_and_crops_know_theirs() -> None:
    sources = [Source(Pictures(seed=seed), share) for seed, share in ((0, 3.0), (1, 1.0))]
    drawn = Crops(sources, SIZE)
    numbers = [drawn[number] for number in range(300)]
    assert all(crop.sample.name.startswith(f"{crop.source}/") for crop in numbers)
    # A quarter of 300 is 75; four standard deviations are 30.
    assert abs(sum(crop.source for crop in numbers) - 75) < 30
    assert len({crop.sample.name for crop in numbers}) == 12
    assert collate(numbers[:9]).source.tolist() == [crop.source for crop in numbers[:9]]


@dataclass(frozen=True)
class Recorded(Pictures):
    """Counts of 16 bit, whose range is known from the pictures before."""

    def __getitem__(self, number: int) -> Sample:
        sample = super().__getitem__(number)
        return replace(sample, thermal=sample.thermal.astype("uint16") + 7000)

    def thermal_limits(self, number: int, settings: ThermalSettings) -> Limits | None:
        return 7000.0, 7510.0


def test_the_thermal_range_is_the_one_that_the_data_set_tells() -> None:
    plain, recorded = (
        crops(kind(height=SIZE, width=SIZE), vary=0.0)[3] for kind in (Pictures, Recorded)
    )
    torch.testing.assert_close(recorded.sample.thermal, plain.sample.thermal / 2)


class Counted(Pictures):
    """Notes which samples were read."""

    reads: list[int] = []

    def __getitem__(self, number: int) -> Sample:
        self.reads.append(number)
        return super().__getitem__(number)


def test_samples_are_remembered_as_far_as_there_is_room() -> None:
    Counted.reads.clear()
    kept = Remembered(Counted(), room=2)
    for number in (4, 5, 0, 4, 5, 0, 0):
        assert kept[number].name == f"0/{number}"
    assert Counted.reads == [4, 5, 0, 0, 0]
    assert len(kept) == 6


class Faulty(Pictures):
    """Cannot be read."""

    def __getitem__(self, number: int) -> Sample:
        raise PictureError("some/file.png: cut off")


@pytest.mark.parametrize("workers", [0, 1])
def test_a_faulty_pair_is_named_in_one_line(workers: int) -> None:
    with pytest.raises(ValueError) as caught:
        next(batches(crops(Faulty()), 2, workers=workers))
    assert str(caught.value) == "some/file.png: cut off"


def test_a_batch_holds_its_crops_and_their_samples() -> None:
    drawn = [crops()[number] for number in range(3)]
    batch = collate(drawn)
    assert isinstance(batch, Batch)
    assert batch.names == tuple(crop.sample.name for crop in drawn)
    assert batch.samples == tuple(crop.sample for crop in drawn)
    for number, crop in enumerate(drawn):
        assert torch.equal(batch.thermal[number], crop.sample.thermal)
        assert torch.equal(batch.share[number], crop.share)
        assert (batch.hot[number], batch.mix[number]) == (crop.hot, crop.mix)
    moved = batch.to(torch.device("meta"))
    assert moved.thermal.device.type == moved.source.device.type == "meta"
    assert moved.samples == batch.samples
    assert 0 <= batch.mix.min() <= batch.mix.max() < 1
    assert len(set(batch.mix.tolist())) == 3
    assert trainings.batch().thermal.shape == (2, 1, SIZE, SIZE)
