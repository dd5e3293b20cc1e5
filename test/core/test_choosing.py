# SPDX-License-Identifier: Apache-2.0
"""Choosing pairs to record: every nth, dark ones, those in which something is seen."""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest

from bifuse_core.data.choosing import PairChoice
from bifuse_core.imaging.brightness import mean_luminance
from bifuse_core.imaging.encodings import ImageError
from bifuse_core.streams.pairing import RGB, THERMAL, Pair, StreamPairing

PERIOD = 40_000_000
START = 1_700_000_000_000_000_000


class Image(NamedTuple):
    stamp: int
    received: int
    number: int


def image(number: int, which: int = RGB) -> Image:
    stamp = START + number * PERIOD + which * 1_000_000
    return Image(stamp, stamp + 5_000_000, number)


def choice(**options: Any) -> PairChoice[Image]:
    options.setdefault("report", pytest.fail)
    return PairChoice(StreamPairing[Image](20_000_000), **options)


def push(chooser: PairChoice[Image], numbers: range) -> list[int]:
    """Push the pairs of these numbers, and return the numbers of those chosen meanwhile."""
    return [
        pair.rgb.number
        for number in numbers
        for which in (THERMAL, RGB)
        for pair in chooser.push(which, image(number, which))
    ]


def numbers(pairs: list[Pair[Image]]) -> list[int]:
    return [pair.rgb.number for pair in pairs]


@pytest.mark.parametrize("every", [1, 3])
def test_every_nth_pair_from_the_first_on(every: int) -> None:
    chooser = choice(every=every)
    chosen = push(chooser, range(20)) + numbers(chooser.flush())
    assert chosen == list(range(0, 20, every))
    assert chooser.counters.chosen + chooser.counters.skipped == 20


def test_only_dark_pairs_count_for_every_nth() -> None:
    chooser = choice(every=2, bright=lambda rgb: rgb.number < 10)
    chosen = push(chooser, range(20)) + numbers(chooser.flush())
    assert chosen == [10, 12, 14, 16, 18]
    assert chooser.counters.bright == 10


@pytest.mark.parametrize("which", [THERMAL, RGB])
def test_a_pair_waits_until_either_of_its_images_was_looked_at(which: int) -> None:
    chooser = choice(wait=10 * PERIOD)
    assert push(chooser, range(6)) == []
    assert numbers(chooser.look(image(1, which).stamp, True)) == [1]
    assert numbers(chooser.look(image(3, which).stamp, False)) == []
    assert numbers(chooser.look(image(4, which).stamp, True)) == [4]
    assert chooser.flush() == []
    counters = chooser.counters
    # 0 and 2 were passed over; 5 still waited.
    assert (counters.chosen, counters.empty, counters.unseen) == (2, 1, 3)


def test_who_looks_may_be_faster_than_the_pairing() -> None:
    chooser = choice(wait=PERIOD)
    assert chooser.look(image(0).stamp, True) == []
    assert push(chooser, range(3)) == [0]


def test_a_pair_that_nobody_looks_at_is_not_kept_for_ever() -> None:
    chooser = choice(wait=3 * PERIOD)
    assert push(chooser, range(100)) == []
    assert chooser.counters.unseen > 90
    assert numbers(chooser.look(image(0).stamp, True)) == []
    assert numbers(chooser.look(image(98).stamp, True)) == [98]


def test_a_malformed_image_is_reported_and_the_others_are_chosen() -> None:
    def bright(rgb: Image) -> bool:
        if rgb.number == 2:
            raise ImageError("step is 3")
        return False

    reports: list[str] = []
    chooser = choice(bright=bright, report=reports.append)
    assert push(chooser, range(5)) + numbers(chooser.flush()) == [0, 1, 3, 4]
    assert reports == ["step is 3"]
    assert chooser.counters.unreadable == 1
    assert "4 pairs chosen" in str(chooser.counters)


@pytest.mark.parametrize("level", [0, 7, 128, 255])
@pytest.mark.parametrize("shape", [(480, 640), (5, 3)])
def test_luminance_is_that_of_opencv(level: int, shape: tuple[int, int]) -> None:
    random = np.random.default_rng(level)
    # Coarse, so that a sample says what all pixels say.
    colours = (random.random(3) * level).astype(np.uint8)
    picture = np.full((*shape, 3), colours, np.uint8)
    reference = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).mean() / 255
    assert mean_luminance(picture) == pytest.approx(reference, abs=0.5 / 255)


def test_luminance_of_a_sample_is_nearly_that_of_all_pixels() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    reference = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).mean() / 255
    assert mean_luminance(picture) == pytest.approx(reference, abs=0.01)
