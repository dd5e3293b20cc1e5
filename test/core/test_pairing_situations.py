# SPDX-License-Identifier: Apache-2.0
"""Pairing by cadences in what happens to real cameras, and its promises for any stamps."""

from __future__ import annotations

from dataclasses import asdict, replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bifuse_core.bench.approximate import ApproximateTime
from bifuse_core.bench.cameras import (
    MS,
    PERIOD,
    SECOND,
    Message,
    messages,
    periodic,
    restamped,
    true_pairs,
)
from bifuse_core.bench.situations import SITUATIONS
from bifuse_core.streams.pairing import RGB, THERMAL, Pair, StreamPairing

SLOP = 33 * MS

Pairs = list[Pair[Message]]


def feed(pairing: StreamPairing[Message], sent: list[Message]) -> Pairs:
    return [pair for m in sent for pair in pairing.push(m.which, m.stamp, m)]


def right(pairs: Pairs) -> int:
    return sum(pair.thermal.moment == pair.rgb.moment for pair in pairs)


def accounted(pairing: StreamPairing[Any]) -> int:
    """Messages in exactly one counter, or waiting."""
    counters = asdict(pairing.counters)
    alone = ("unmatched", "over_slop", "collisions", "late", "duplicate", "stale", "overflow")
    gone = sum(counters[name] for name in (*alone, "reset"))
    return 2 * counters["paired"] + gone + pairing.waiting


@pytest.mark.parametrize("slop", [20, 33, 50])
@pytest.mark.parametrize("offset", [0, 10])
@pytest.mark.parametrize(("jitter", "start"), [(5, 40), (10, 60)])
def test_two_steady_cameras_pair_without_a_fault_once_known(
    jitter: int, start: int, offset: int, slop: int
) -> None:
    sent = messages(Random(slop), 700, periodic(offset=offset * MS), jitter=jitter * MS)
    pairs = feed(StreamPairing(slop * MS), sent)
    verified = [pair for pair in pairs if pair.verified]
    assert right(verified) == len(verified)
    later = [message for message in sent if start < message.moment < 698]
    assert len(verified) >= true_pairs(later, slop * MS)


@pytest.mark.parametrize("name", SITUATIONS)
def test_no_situation_is_worse_than_with_the_approximate_time_synchroniser(name: str) -> None:
    sent = SITUATIONS[name](Random(5), 1000)
    pairing: StreamPairing[Message] = StreamPairing(SLOP)
    approximate: ApproximateTime[Message] = ApproximateTime(SLOP)
    ours = feed(pairing, sent)
    theirs = [pair for m in sent for pair in approximate.push(m.which, m.stamp, m)]
    assert len(ours) - right(ours) <= len(theirs) - right(theirs)
    if "out of order" not in name:  # what comes late is dropped, so that pairs leave in order
        assert right(ours) >= right(theirs)
    assert accounted(pairing) == len(sent)


def test_a_wild_stamp_costs_its_own_message_only() -> None:
    steady = messages(Random(2), 300, periodic(), drops=0.0)
    hour, chosen = 3600 * SECOND, ((RGB, 150), (THERMAL, 200))
    wild = restamped(steady, lambda m: hour if (m.which, m.moment) in chosen else 0)
    pairing: StreamPairing[Message] = StreamPairing(SLOP)
    pairs = feed(pairing, wild)
    assert right(pairs) == len(pairs)
    assert len(pairs) >= 297
    counters = pairing.counters
    assert (counters.stale, counters.resets, counters.late) == (2, 0, 0)


@pytest.mark.parametrize("by", [-3600 * SECOND, 3600 * SECOND])
def test_a_jump_of_both_clocks_loses_two_pairs_at_most(by: int) -> None:
    steady = messages(Random(2), 400, periodic(), drops=0.0, start=7200 * SECOND)
    jumped = restamped(steady, lambda m: by if m.moment >= 200 else 0)
    pairing: StreamPairing[Message] = StreamPairing(SLOP)
    pairs = feed(pairing, jumped)
    assert right(pairs) == len(pairs)
    assert len(pairs) >= 397
    assert pairing.counters.resets == (by < 0)
    assert pairs[-1].verified


def test_a_clock_that_jumps_before_the_other_is_one_reset() -> None:
    steady = messages(Random(3), 300, periodic(), drops=0.0, start=7200 * SECOND)
    first = {THERMAL: 150, RGB: 155}
    jumped = restamped(steady, lambda m: -SECOND * 60 if m.moment >= first[m.which] else 0)
    pairing: StreamPairing[Message] = StreamPairing(SLOP)
    pairs = feed(pairing, jumped)
    assert right(pairs) == len(pairs) >= 290
    assert pairing.counters.resets == 1


def test_a_camera_that_dies_and_returns_in_another_phase_is_paired_by_its_new_slots() -> None:
    steady = messages(Random(4), 600, periodic(), drops=0.0)
    phase = 12 * MS
    moved = restamped(steady, lambda m: phase if m.which == RGB and m.moment >= 300 else 0)
    there = [m for m in moved if m.which == THERMAL or not 200 <= m.moment < 300]
    sent = sorted(there, key=lambda m: max(m.arrival, m.stamp + 15 * MS))
    pairing: StreamPairing[Message] = StreamPairing(20 * MS)
    pairs = feed(pairing, sent)
    assert right(pairs) == len(pairs) >= 498
    verified = [pair.rgb.moment for pair in pairs if pair.verified]
    assert sum(moment >= 300 for moment in verified) >= 270
    assert pairing.state.lag == pytest.approx(-phase, abs=MS)


def test_a_slow_picture_takes_the_neighbour_of_a_dropped_fast_one() -> None:
    sent = SITUATIONS["30 and 9 Hz"](Random(6), 900)
    random = Random(7)
    kept = [m for m in sent if m.which == THERMAL or random.random() > 0.2]
    pairing: StreamPairing[Message] = StreamPairing(50 * MS)
    pairs = feed(pairing, kept)
    apart = [abs(pair.thermal.moment - pair.rgb.moment) for pair in pairs if pair.verified]
    assert set(apart) == {0, 1}
    assert pairing.counters.substitutions == sum(apart) > 20
    thermal = [m.moment for m in kept if m.which == THERMAL]
    there = {m.moment for m in kept if m.which == RGB}
    possible = sum(bool({t - 1, t, t + 1} & there) for t in thermal)
    assert len(pairs) >= 0.98 * possible
    # Nothing nearer was there.
    for pair in pairs:
        if pair.verified and pair.thermal.moment != pair.rgb.moment:
            assert pair.thermal.moment not in there


def test_what_lies_beyond_the_slop_is_counted_as_that() -> None:
    sent = messages(Random(8), 500, periodic(offset=12 * MS), drops=0.0)
    pairing: StreamPairing[Message] = StreamPairing(3 * MS)
    pairs = feed(pairing, sent)
    assert not [pair for pair in pairs if pair.verified]
    assert pairing.counters.over_slop > 900


def test_the_state_tells_mode_residuals_and_lag_and_the_offset_is_taken_live() -> None:
    sent = messages(Random(9), 900, periodic(offset=10 * MS), jitter=6 * MS)
    pairing: StreamPairing[Message] = StreamPairing(SLOP)
    assert pairing.state.mode == "nearest"
    assert pairing.state.lag is None
    feed(pairing, [m for m in sent if m.moment < 400])
    state = pairing.state
    assert state.mode == "slots"
    for period, residual in zip(state.periods, state.residuals, strict=True):
        assert period == pytest.approx(PERIOD, rel=1e-3)
        # Of a uniform error: the peak over the root of three.
        assert residual == pytest.approx(6 * MS / 3**0.5 / PERIOD, rel=0.15)
    assert state.lag == pytest.approx(10 * MS, abs=2 * MS)
    pairing.change(SLOP, -10 * MS)
    pairs = feed(pairing, [m for m in sent if m.moment >= 400])
    assert right(pairs) == len(pairs)
    assert all(pair.verified for pair in pairs)
    assert all(p.skew == p.thermal.stamp - 10 * MS - p.rgb.stamp for p in pairs)
    assert pairing.state.lag == pytest.approx(0, abs=2 * MS)


def test_a_pair_is_held_for_one_message_of_either_camera_at_most_when_jitter_is_moderate() -> None:
    sent = messages(Random(10), 1500, periodic(), jitter=10 * MS)
    pairing: StreamPairing[Message] = StreamPairing(SLOP)
    for number, message in enumerate(sent):
        for pair in pairing.push(message.which, message.stamp, message):
            if pair.verified:
                later = max(pair.thermal.arrival, pair.rgb.arrival)
                since = [m for m in sent[max(number - 6, 0) : number] if m.arrival > later]
                assert len(since) <= 2


KINDS = st.sampled_from(["none", "drop", "wild", "twice", "late", "back", "ahead", "silent"])


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    jitter=st.integers(0, 20),
    offset=st.integers(-20, 20),
    slop=st.integers(0, 60),
    capacity=st.integers(2, 12),
    rates=st.sampled_from([(1, 1), (1, 1), (1, 3), (10, 3), (2, 1)]),
    faults=st.lists(st.tuples(st.integers(0, 239), st.integers(0, 1), KINDS), max_size=12),
)
def test_promises_for_cameras_with_any_faults(
    seed: int,
    jitter: int,
    offset: int,
    slop: int,
    capacity: int,
    rates: tuple[int, int],
    faults: list[tuple[int, int, str]],
) -> None:
    sent = faulty(Random(seed), jitter, offset, rates, faults)
    pairing: StreamPairing[int] = StreamPairing(slop * MS, offset=3 * MS, capacity=capacity)
    seen: tuple[list[int], list[int]] = ([], [])
    for number, message in enumerate(sent):
        for pair in pairing.push(message.which, message.stamp, number):
            keep(pair, sent, slop, seen)
            # Held only while fewer messages than may wait have come since.
            assert number - max(pair.thermal, pair.rgb) <= 2 * capacity + 3
        assert pairing.waiting <= capacity + 3
        assert accounted(pairing) == number + 1
    for pair in pairing.flush():
        keep(pair, sent, slop, seen)
    assert pairing.waiting == 0
    assert accounted(pairing) == len(sent)
    assert pairing.counters.paired == len(seen[0])


def keep(
    pair: Pair[int], sent: list[Message], slop: int, seen: tuple[list[int], list[int]]
) -> None:
    """Check one pair, and that no message is in two and both streams leave in order."""
    thermal, rgb = sent[pair.thermal], sent[pair.rgb]
    assert (thermal.which, rgb.which) == (THERMAL, RGB)
    assert pair.skew == thermal.stamp + 3 * MS - rgb.stamp
    assert abs(pair.skew) <= slop * MS
    for numbers, number in zip(seen, (pair.thermal, pair.rgb), strict=True):
        assert not numbers or number > numbers[-1]
        numbers.append(number)


def faulty(
    random: Random,
    jitter: int,
    offset: int,
    rates: tuple[int, int],
    faults: list[tuple[int, int, str]],
) -> list[Message]:
    """Return two cameras of some rates, whose messages meet with faults."""
    sent = []
    for which in (THERMAL, RGB):
        clock = 7200 * SECOND + (offset * MS if which == THERMAL else 0)
        for moment in range(240 // rates[which]):
            kinds = {kind for at, of, kind in faults if (at, of) == (moment, which)}
            clock += {"back": -100, "ahead": 100, "silent": 1}.get("".join(kinds), 0) * SECOND
            true = SECOND + moment * PERIOD * rates[which]
            stamp = clock + true + random.randint(-jitter * MS, jitter * MS)
            message = Message(which, moment, stamp, true + random.randint(20 * MS, 60 * MS))
            if "wild" in kinds:
                message = replace(message, stamp=stamp + random.randint(-SECOND, SECOND) * 3600)
            if "late" in kinds:
                message = replace(message, arrival=message.arrival + 3 * PERIOD)
            if "drop" not in kinds:
                sent += [message] * (2 if "twice" in kinds else 1)
    return sorted(sent, key=lambda message: message.arrival)
