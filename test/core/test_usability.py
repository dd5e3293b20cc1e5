# SPDX-License-Identifier: Apache-2.0
"""What is at fault, by what became of pictures and pairs."""

from __future__ import annotations

import pytest

from bifuse_core.streams.pairing import RGB, THERMAL
from bifuse_core.streams.usability import PAIR, SOUND, Usability

TIMEOUT = 0.3


def told(subject: int, story: list[tuple[float, bool]], timeout: float = TIMEOUT) -> Usability:
    """Return one that was told at which times something worked."""
    usability = Usability(timeout)
    for time, works in story:
        if works:
            usability.worked(subject)
        else:
            usability.failed(subject, time, f"why at {time}")
    return usability


@pytest.mark.parametrize("subject", [THERMAL, RGB, PAIR])
@pytest.mark.parametrize(
    ("story", "why"),
    [
        ([], ""),
        # One says nothing, however long ago it was.
        ([(0.0, True), (1.0, False)], ""),
        ([(1.0, False), (1.2, False)], ""),
        ([(1.0, False), (1.2, False), (1.4, False)], "why at 1.4"),
        # Slow cameras: the second one says it.
        ([(0.0, True), (1.0, False), (2.0, False)], "why at 2.0"),
        ([(0.0, False), (0.2, False), (0.3, True), (0.4, False), (0.6, False)], ""),
        ([(0.0, False), (0.5, False), (0.6, True)], ""),
        ([(0.0, False), (0.5, False), (0.6, True), (0.7, False), (1.1, False)], "why at 1.1"),
        # Two that are far apart have nothing to do with each other.
        ([(0.0, False), (9.0, False)], ""),
    ],
)
def test_what_fails_for_the_timeout_is_at_fault_until_it_works(
    subject: int, story: list[tuple[float, bool]], why: str
) -> None:
    faults = list(SOUND)
    faults[subject] = why
    end = story[-1][0] if story else 0.0
    assert told(subject, story).faults(end) == tuple(faults)


def test_what_is_not_tried_any_more_is_no_fault_after_a_while() -> None:
    usability = told(RGB, [(0.0, False), (1.0, False)])
    assert usability.faults(5.9)[RGB] == "why at 1.0"
    assert usability.faults(6.1) == SOUND


def test_a_fault_without_words_is_one() -> None:
    usability = Usability(TIMEOUT)
    for time in (0.0, 1.0):
        usability.failed(PAIR, time, "")
    assert usability.faults(1.0)[PAIR]


def test_turned_off_nothing_is_at_fault() -> None:
    usability = told(RGB, [(0.0, False), (4.0, False)], timeout=0.0)
    assert usability.faults(4.0) == SOUND
    usability.timeout = TIMEOUT
    assert usability.faults(4.0)[RGB] == "why at 4.0"
