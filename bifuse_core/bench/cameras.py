# SPDX-License-Identifier: Apache-2.0
"""Two simulated cameras: exposures whose true partners are known, and the stamps they bear."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from bifuse_core.streams.pairing import RGB, THERMAL

MS = 1_000_000
SECOND = 1_000_000_000
PERIOD = 33_333_333
"""Of 30 Hz, in nanoseconds."""


@dataclass(frozen=True)
class Message:
    """One picture's message.

    Attributes:
        which: THERMAL or RGB.
        moment: two pictures are a true pair where this is equal.
        stamp: of its header, nanoseconds.
        arrival: when it comes, nanoseconds.
    """

    which: int
    moment: int
    stamp: int
    arrival: int


Stamps = Callable[[Random, int, int], int]
"""From a random source, the camera and the number of a moment: its exact time, nanoseconds."""


def periodic(period: int = PERIOD, offset: int = 0) -> Stamps:
    """Two cameras of one rate; thermal stamps are `offset` late."""
    return lambda random, which, moment: moment * period + (offset if which == THERMAL else 0)


def triggered(random: Random, count: int, gap: Callable[[Random, int], int]) -> Stamps:
    """Two cameras with one trigger; `gap` draws the time from one moment to the next."""
    times = [0]
    for moment in range(count):
        times.append(times[-1] + gap(random, moment))
    return lambda _, __, moment: times[moment]


def messages(
    random: Random,
    count: int,
    times: Stamps,
    *,
    jitter: int = 3 * MS,
    drops: float = 0.05,
    start: int = SECOND,
) -> list[Message]:
    """Return what two cameras send of `count` moments, in order of arrival.

    Args:
        random: source of jitter, drops and transport.
        count: moments.
        times: of the exposures.
        jitter: greatest error of a stamp either way, nanoseconds, uniform.
        drops: share of the messages that never come.
        start: added to all times, nanoseconds.
    """
    sent = []
    for which in (THERMAL, RGB):
        for moment in range(count):
            if random.random() >= drops:
                exact = start + times(random, which, moment)
                stamp = exact + random.randint(-jitter, jitter)
                arrival = max(exact, stamp) + 20 * MS + random.randint(0, 5 * MS)
                sent.append(Message(which, moment, stamp, arrival))
    return sorted(sent, key=lambda message: message.arrival)


def true_pairs(sent: list[Message], slop: int | None = None) -> int:
    """Return how many true pairs are among the messages, all or those within the slop (ns)."""
    stamps: dict[int, dict[int, int]] = {THERMAL: {}, RGB: {}}
    for message in sent:
        stamps[message.which].setdefault(message.moment, message.stamp)
    thermal, rgb = stamps[THERMAL], stamps[RGB]
    both = thermal.keys() & rgb.keys()
    return sum(slop is None or abs(thermal[m] - rgb[m]) <= slop for m in both)


def restamped(sent: list[Message], change: Callable[[Message], int]) -> list[Message]:
    """Return the messages, each with what `change` says added to its stamp."""
    return [replace(message, stamp=message.stamp + change(message)) for message in sent]
