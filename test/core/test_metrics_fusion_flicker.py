# SPDX-License-Identifier: Apache-2.0
"""Flicker against loops, and on levels whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from bifuse_core.metrics.fusion.flicker import flicker


def looped(levels: np.ndarray, numbers: list[int]) -> dict[str, float]:
    """Return what `flicker` should of levels (3, T), step by step."""
    changes, allowed = [], []
    for t in range(1, len(numbers)):
        if numbers[t] == numbers[t - 1]:
            fused, thermal, luma = (abs(row[t] - row[t - 1]) for row in levels)
            changes.append(fused)
            allowed.append(max(thermal, luma))
    excess = [a - b for a, b in zip(changes, allowed, strict=True)]
    return {
        "flicker": sum(changes) / len(changes),
        "flicker / inputs": sum(changes) / sum(allowed),
        "steps over": sum(e > 0.5 for e in excess) / len(excess),
        "worst step": max(excess),
    }


@pytest.mark.parametrize("numbers", [[0] * 2, [0] * 40, [0] * 7 + [1] * 20 + [2] + [3] * 12])
def test_flicker_against_a_loop(random: np.random.Generator, numbers: list[int]) -> None:
    levels = random.uniform(0, 255, (3, len(numbers)))
    found = flicker(*torch.from_numpy(levels), torch.tensor(numbers))
    expected = looped(levels, numbers)
    assert {name: value.item() for name, value in found.items()} == pytest.approx(expected)
    assert all(value.dtype == torch.float64 and value.shape == () for value in found.values())


def test_without_numbers_it_is_one_sequence(random: np.random.Generator) -> None:
    levels = torch.from_numpy(random.uniform(0, 255, (3, 9)))
    assert flicker(*levels) == flicker(*levels, torch.full((9,), 4))


def test_a_step_up_to_half_a_level_beyond_the_sources_is_rounding() -> None:
    thermal, luma = torch.tensor([10.0, 12.0, 12.0, 12.0]), torch.tensor([50.0, 50.0, 47.0, 47.0])
    fused = torch.tensor([30.0, 32.5, 29.0, 28.25])
    found = {name: value.item() for name, value in flicker(fused, thermal, luma).items()}
    # Steps of 2.5, 3.5 and 0.75 where the sources step by 2, 3 and nothing.
    assert found["steps over"] == pytest.approx(1 / 3)
    assert found["worst step"] == 0.75
    assert found["flicker"] == 2.25
    assert found["flicker / inputs"] == pytest.approx(6.75 / 5)


def test_the_jump_to_another_sequence_is_no_step() -> None:
    levels = torch.tensor([1.0, 1.0, 200.0, 200.0])
    still = torch.zeros(4)
    found = flicker(levels, still, still, torch.tensor([0, 0, 1, 1]))
    assert found["flicker"] == found["steps over"] == 0
    # Nothing moved: there is nothing to compare with.
    assert math.isnan(found["flicker / inputs"].item())


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((3,), (3,), (4,), (3,)), r"of one length; got \[\(3,\), \(3,\), \(4,\), \(3,\)\]"),
        (((2, 2), (2, 2), (2, 2), (2, 2)), "of one length"),
        (((1,), (1,), (1,), (1,)), "two frames of one sequence; got 1 frames"),
        (((0,), (0,), (0,), (0,)), "got 0 frames"),
    ],
)
def test_levels_that_make_no_step_are_refused(
    shapes: tuple[tuple[int, ...], ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        flicker(*(torch.zeros(shape) for shape in shapes))
