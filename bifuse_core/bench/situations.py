# SPDX-License-Identifier: Apache-2.0
"""What happens to cameras besides jitter: other rates, drift, faults of clocks and transport."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from bifuse_core.bench.cameras import (
    MS,
    PERIOD,
    SECOND,
    Message,
    messages,
    periodic,
    restamped,
    triggered,
)
from bifuse_core.streams.pairing import RGB, THERMAL

Situation = Callable[[Random, int], list[Message]]
"""From a random source and a number of moments: messages in order of arrival."""


def different_rates(thermal: int) -> Situation:
    """RGB at 30 Hz, thermal with another period (ns): each goes with the nearest RGB picture."""

    def situation(random: Random, count: int) -> list[Message]:
        both = messages(random, count, periodic(), drops=0.0)
        sent = [message for message in both if message.which == RGB]
        for number in range((count - 1) * PERIOD // thermal):
            exact = number * thermal
            stamp = SECOND + exact + random.randint(-3 * MS, 3 * MS)
            sent.append(Message(THERMAL, round(exact / PERIOD), stamp, stamp + 25 * MS))
        return sorted(sent, key=lambda message: message.arrival)

    return situation


def drift(random: Random, count: int) -> list[Message]:
    """Both periods grow by 1 % over the run, from oscillators that warm up."""
    longer = [
        moment * PERIOD + PERIOD * moment * moment // (200 * count) for moment in range(count)
    ]
    return messages(random, count, lambda _, __, moment: longer[moment], jitter=5 * MS)


def bursts(random: Random, count: int) -> list[Message]:
    """Every second, the messages of a quarter of a second come at once, of one camera."""
    sent = []
    for message in messages(random, count, periodic(), jitter=5 * MS):
        if message.which == RGB and message.moment % 30 < 8:
            end = SECOND + (message.moment // 30 * 30 + 8) * PERIOD + 13 * MS
            # A nanosecond apart, so that they stay in order.
            message = replace(message, arrival=max(message.arrival, end) + message.moment)
        sent.append(message)
    return sorted(sent, key=lambda message: message.arrival)


def disorder(random: Random, count: int) -> list[Message]:
    """Of the messages, 2 % come twice, and 2 % after the next one of their camera."""
    sent = []
    for message in messages(random, count, periodic(), jitter=5 * MS):
        fate = random.random()
        if fate < 0.02:
            sent.append(replace(message, arrival=message.arrival + MS))
        elif fate < 0.04:
            message = replace(message, arrival=message.arrival + PERIOD + 10 * MS)
        sent.append(message)
    return sorted(sent, key=lambda message: message.arrival)


def clock_jumps(by: int) -> Situation:
    """Both clocks jump by `by` nanoseconds, every 1000 moments."""

    def situation(random: Random, count: int) -> list[Message]:
        sent = messages(random, count, periodic(), jitter=5 * MS, start=3600 * SECOND)
        return restamped(sent, lambda message: message.moment // 1000 * by)

    return situation


def wild_stamps(random: Random, count: int) -> list[Message]:
    """One stamp in 200 is up to an hour wrong."""
    sent = messages(random, count, periodic(), jitter=5 * MS, start=7200 * SECOND)
    hour = 3600 * SECOND
    return restamped(
        sent, lambda message: random.randint(-hour, hour) if random.random() < 0.005 else 0
    )


def returning(random: Random, count: int) -> list[Message]:
    """Every 1000 moments RGB is silent for two seconds and comes back with another phase."""
    phases = [0] + [random.randint(-PERIOD * 3 // 10, PERIOD * 3 // 10) for _ in range(count)]
    sent = messages(random, count, periodic(), jitter=3 * MS)
    there = [m for m in sent if m.which == THERMAL or m.moment < 1000 or m.moment % 1000 >= 60]
    moved = restamped(there, lambda m: phases[m.moment // 1000] if m.which == RGB else 0)
    late = [replace(m, arrival=max(m.arrival, m.stamp + 20 * MS)) for m in moved]
    return sorted(late, key=lambda message: message.arrival)


def changing_trigger(random: Random, count: int) -> list[Message]:
    """One trigger that changes between 30 and 15 Hz every 500 moments."""
    times = triggered(random, count, lambda _, moment: PERIOD << (moment // 500 % 2))
    return messages(random, count, times)


def random_trigger(shortest: int, longest: int) -> Situation:
    """One trigger with gaps drawn evenly from `shortest` to `longest` nanoseconds."""

    def situation(random: Random, count: int) -> list[Message]:
        times = triggered(random, count, lambda draw, _: draw.randint(shortest, longest))
        return messages(random, count, times)

    return situation


def unsteady_trigger(by: int) -> Situation:
    """One trigger of 30 Hz, each up to `by` nanoseconds early or late, for both cameras alike."""

    def situation(random: Random, count: int) -> list[Message]:
        times = [moment * PERIOD + random.randint(-by, by) for moment in range(count)]
        return messages(random, count, lambda _, __, moment: times[moment])

    return situation


SITUATIONS: dict[str, Situation] = {
    "30 and 9 Hz": different_rates(SECOND // 9),
    "30 and 29.4 Hz": different_rates(SECOND * 10 // 294),
    "periods drift by 1 %": drift,
    "arrivals in bursts": bursts,
    "2 % twice, 2 % out of order": disorder,
    "clocks jump back a minute": clock_jumps(-60 * SECOND),
    "clocks jump ahead a minute": clock_jumps(60 * SECOND),
    "one stamp in 200 wild": wild_stamps,
    "a camera dies, returns in another phase": returning,
    "trigger between 30 and 15 Hz": changing_trigger,
    "random trigger, 20 to 80 ms": random_trigger(20 * MS, 80 * MS),
    "random trigger, 15 to 300 ms": random_trigger(15 * MS, 300 * MS),
    "trigger of 30 Hz, +-10 ms": unsteady_trigger(10 * MS),
    "trigger of 30 Hz, +-16 ms": unsteady_trigger(16 * MS),
}
"""By name. Stamps err by 3 or 5 ms, and 5 % of the messages are dropped where rates are equal."""
