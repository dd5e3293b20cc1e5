# SPDX-License-Identifier: Apache-2.0
"""Pairing: scenarios of two real cameras, and properties that hold for any sequence of stamps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bifuse_core.streams.pairing import RGB, THERMAL, Pair, StreamPairing

MS = 1_000_000
PERIOD = 33_333_333
SLOP = 20 * MS


@dataclass(frozen=True)
class Message:
    """Which exposure of the true clock it is, the stamp it bears, and when it arrives."""

    which: int
    slot: int
    stamp: int
    arrival: int


def cameras(
    random: np.random.Generator,
    *,
    count: int = 600,
    jitter: int = 0,
    drops: float = 0.0,
    offset: int = 0,
    transport: int = 5 * MS,
    periods: tuple[int, int] = (PERIOD, PERIOD),
) -> list[Message]:
    """Return the messages of two cameras in order of arrival; thermal stamps are `offset` late."""
    messages = []
    for which in (THERMAL, RGB):
        for slot in range(count):
            if random.random() < drops:
                continue
            shift = int(random.integers(-jitter, jitter + 1)) + (offset if which == THERMAL else 0)
            stamp = 10**9 + slot * periods[which] + shift
            arrival = stamp + 20 * MS + int(random.integers(0, transport + 1))
            messages.append(Message(which, slot, stamp, arrival))
    return sorted(messages, key=lambda m: m.arrival)


def feed(
    pairing: StreamPairing[Message], messages: list[Message]
) -> list[tuple[Pair[Message], Message]]:
    """Push all messages; return each pair with the message upon which it left."""
    return [(pair, m) for m in messages for pair in pairing.push(m.which, m.stamp, m)]


def balance(pairing: StreamPairing[Message]) -> int:
    """Messages received less those accounted for: zero, always."""
    c = pairing.counters
    gone = 2 * c.paired + c.unmatched + c.over_slop + c.collisions
    gone += c.late + c.duplicate + c.stale + c.overflow + c.reset
    return sum(c.received) - gone - pairing.waiting


@pytest.mark.parametrize("slop", [20 * MS, 33 * MS, 50 * MS])
def test_two_cameras_with_small_jitter_and_no_drops_pair_completely(
    random: np.random.Generator, slop: int
) -> None:
    pairing: StreamPairing[Message] = StreamPairing(slop)
    messages = cameras(random, jitter=5 * MS)
    pairs = feed(pairing, messages)
    assert all(p.thermal.slot == p.rgb.slot for p, _ in pairs)
    # The last ones may still wait.
    assert len(pairs) >= 598


def test_drops_give_no_wrong_pairs_at_small_jitter(random: np.random.Generator) -> None:
    pairing: StreamPairing[Message] = StreamPairing(SLOP)
    messages = cameras(random, count=2000, jitter=3 * MS, drops=0.05)
    pairs = feed(pairing, messages)
    slots = [{m.slot for m in messages if m.which == which} for which in (THERMAL, RGB)]
    assert all(p.thermal.slot == p.rgb.slot for p, _ in pairs)
    assert len(pairs) >= len(slots[0] & slots[1]) - 2
    assert pairing.counters.unmatched >= len(slots[0] ^ slots[1]) - 2


def test_a_pair_leaves_with_its_later_message_once_the_cadence_is_known(
    random: np.random.Generator,
) -> None:
    pairing: StreamPairing[Message] = StreamPairing(SLOP)
    messages = cameras(random, count=200, jitter=3 * MS)
    for pair, trigger in feed(pairing, messages):
        if pair.thermal.slot >= 5:
            assert trigger in (pair.thermal, pair.rgb)


def test_before_the_cadence_is_known_a_pair_waits_for_one_more_message_at_most(
    random: np.random.Generator,
) -> None:
    pairing: StreamPairing[Message] = StreamPairing(SLOP)
    messages = cameras(random, count=8, jitter=3 * MS)
    pairs = feed(pairing, messages)
    assert [p.thermal.slot for p, _ in pairs][:5] == [0, 1, 2, 3, 4]
    for pair, trigger in pairs:
        assert trigger.slot <= pair.thermal.slot + 1


def test_equal_stamps_pair_at_once_even_at_the_very_start() -> None:
    pairing: StreamPairing[str] = StreamPairing(0)
    assert pairing.push(THERMAL, 1000, "t") == []
    assert pairing.push(RGB, 1000, "r") == [Pair("t", "r", 0)]


def test_the_hold_is_bounded_when_a_camera_stops_in_the_middle() -> None:
    pairing: StreamPairing[str] = StreamPairing(SLOP)
    assert pairing.push(THERMAL, 0, "t0") == []
    # A thermal message within the slop could be nearer.
    assert pairing.push(RGB, 13 * MS, "r0") == []
    # No further thermal message comes; the next RGB one decides.
    (pair,) = pairing.push(RGB, 46 * MS, "r1")
    assert (pair.thermal, pair.rgb, pair.skew) == ("t0", "r0", -13 * MS)


def test_before_the_cadence_is_known_a_distance_of_half_the_slop_is_near_enough() -> None:
    pairing: StreamPairing[str] = StreamPairing(SLOP)
    assert pairing.push(THERMAL, 0, "t0") == []
    assert pairing.push(RGB, SLOP // 2, "r0") == [Pair("t0", "r0", -SLOP // 2)]
    assert pairing.push(THERMAL, PERIOD, "t1") == []
    assert pairing.push(RGB, PERIOD + SLOP // 2 + 1, "r1") == []


def test_the_nearer_of_two_messages_is_chosen() -> None:
    pairing: StreamPairing[str] = StreamPairing(SLOP)
    pairing.push(THERMAL, 0, "far")
    pairing.push(RGB, 15 * MS, "rgb")
    (pair,) = pairing.push(THERMAL, 17 * MS, "near")
    assert pairing.push(RGB, 48 * MS, "next") == []
    assert (pair.thermal, pair.rgb, pair.skew) == ("near", "rgb", 2 * MS)
    assert pairing.counters.unmatched == 1


@pytest.mark.parametrize(("distance", "count"), [(SLOP, 1), (SLOP + 1, 0)])
def test_the_slop_is_the_largest_distance_of_a_pair(distance: int, count: int) -> None:
    pairing: StreamPairing[str] = StreamPairing(SLOP)
    pairing.push(THERMAL, 0, "t")
    pairs = pairing.push(RGB, distance, "r0") + pairing.push(RGB, distance + PERIOD, "r1")
    assert len(pairs) == count


def test_a_fast_and_a_slow_camera_pair_at_the_rate_of_the_slow_one(
    random: np.random.Generator,
) -> None:
    pairing: StreamPairing[Message] = StreamPairing(SLOP)
    messages = cameras(random, count=400, jitter=2 * MS, periods=(4 * PERIOD, PERIOD))
    messages = [m for m in messages if m.arrival < 10**9 + 398 * PERIOD]
    pairs = feed(pairing, messages)
    assert all(4 * p.thermal.slot == p.rgb.slot for p, _ in pairs)
    assert len(pairs) >= sum(m.which == THERMAL for m in messages) - 2


def test_a_constant_delay_is_undone_by_the_offset(random: np.random.Generator) -> None:
    delayed = cameras(random, jitter=3 * MS, offset=25 * MS)
    told: StreamPairing[Message] = StreamPairing(SLOP, offset=-25 * MS)
    untold: StreamPairing[Message] = StreamPairing(SLOP)
    pairs = feed(told, delayed)
    assert all(p.thermal.slot == p.rgb.slot for p, _ in pairs)
    assert len(pairs) >= 598
    assert all(p.skew == p.thermal.stamp - 25 * MS - p.rgb.stamp for p, _ in pairs)
    assert any(p.thermal.slot != p.rgb.slot for p, _ in feed(untold, delayed))


def test_a_repeated_stamp_is_a_duplicate_and_an_older_one_is_late() -> None:
    pairing: StreamPairing[str] = StreamPairing(SLOP)
    for stamp in (100 * MS, 100 * MS, 90 * MS, 133 * MS):
        pairing.push(THERMAL, stamp, "t")
    c = pairing.counters
    assert (c.received, c.duplicate, c.late, c.resets, pairing.waiting) == ([4, 0], 1, 1, 0, 2)


def test_after_a_backward_clock_jump_pairing_starts_again(random: np.random.Generator) -> None:
    pairing: StreamPairing[Message] = StreamPairing(SLOP)
    before = cameras(random, count=100, jitter=3 * MS)
    feed(pairing, [m for m in before if (m.which, m.slot) != (RGB, 99)])
    jumped = [
        Message(m.which, 1000 + m.slot, m.stamp - 600 * 10**9, m.arrival)
        for m in cameras(random, count=100, jitter=3 * MS)
    ]
    pairs = feed(pairing, jumped)
    assert all(p.thermal.slot == p.rgb.slot for p, _ in pairs)
    assert len(pairs) >= 98
    assert pairing.counters.resets == 1
    assert pairing.counters.reset == 1
    assert balance(pairing) == 0


def test_a_bag_played_in_a_loop_pairs_in_every_round(random: np.random.Generator) -> None:
    pairing: StreamPairing[Message] = StreamPairing(SLOP)
    bag = cameras(random, count=50, jitter=3 * MS)
    for _ in range(4):
        pairs = feed(pairing, bag)
        assert all(p.thermal.slot == p.rgb.slot for p, _ in pairs)
        assert len(pairs) >= 47
    assert pairing.counters.resets == 3


def test_one_silent_camera_fills_a_bounded_queue_and_then_pairs_again(
    random: np.random.Generator,
) -> None:
    pairing: StreamPairing[Message] = StreamPairing(SLOP, capacity=6)
    messages = cameras(random, count=300, jitter=3 * MS)
    alone = [m for m in messages if m.which == RGB and m.slot < 200]
    assert feed(pairing, alone) == []
    assert pairing.waiting == 6
    assert pairing.counters.overflow == 194
    pairs = feed(pairing, [m for m in messages if m.slot >= 200])
    assert all(p.thermal.slot == p.rgb.slot for p, _ in pairs)
    assert len(pairs) >= 98
    assert balance(pairing) == 0


def test_at_the_end_what_waits_is_paired_or_unmatched() -> None:
    pairing: StreamPairing[str] = StreamPairing(SLOP)
    pairing.push(THERMAL, 0, "t0")
    assert pairing.push(RGB, 13 * MS, "r0") == []
    assert pairing.flush() == [Pair("t0", "r0", -13 * MS)]
    pairing.push(THERMAL, 2 * PERIOD, "alone")
    assert pairing.flush() == []
    assert (pairing.waiting, pairing.counters.unmatched) == (0, 1)


def test_reset_forgets_what_waits() -> None:
    pairing: StreamPairing[str] = StreamPairing(SLOP)
    pairing.push(THERMAL, 0, "old")
    pairing.reset()
    assert pairing.waiting == 0
    assert pairing.push(RGB, 0, "new") == []
    assert pairing.counters.reset == pairing.counters.resets == 1


@pytest.mark.parametrize("values", [{"slop": -1}, {"slop": 1, "capacity": 1}])
def test_invalid_limits_are_refused(values: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"slop.*capacity"):
        StreamPairing(**values)


# Steps of the two clocks in milliseconds: mostly forward, sometimes stuck, late, or jumping back.
STEPS = st.integers(5, 60) | st.integers(-30, 5) | st.sampled_from([-2000, -600, 900])
SEQUENCES = st.lists(st.tuples(st.integers(0, 1), STEPS), max_size=120)


@settings(deadline=None, max_examples=150)
@given(
    sequence=SEQUENCES,
    slop=st.integers(0, 60),
    offset=st.integers(-50, 50),
    capacity=st.integers(2, 8),
)
def test_properties_for_any_sequence(
    sequence: list[tuple[int, int]], slop: int, offset: int, capacity: int
) -> None:
    pairing: StreamPairing[Message] = StreamPairing(
        slop * MS, offset=offset * MS, capacity=capacity
    )
    clocks = [0, 0]
    seen: tuple[set[int], set[int]] = (set(), set())
    last = (-1, -1)
    for arrival, (which, step) in enumerate(sequence):
        clocks[which] += step * MS
        message = Message(which, arrival, clocks[which], arrival)
        for pair in pairing.push(which, clocks[which], message):
            thermal, rgb = pair.thermal, pair.rgb
            assert (thermal.which, rgb.which) == (THERMAL, RGB)
            assert pair.skew == thermal.stamp + offset * MS - rgb.stamp
            assert abs(pair.skew) <= slop * MS
            assert thermal.arrival not in seen[0]
            assert rgb.arrival not in seen[1]
            seen[0].add(thermal.arrival)
            seen[1].add(rgb.arrival)
            # Both streams leave in the order in which they came.
            assert thermal.arrival > last[0]
            assert rgb.arrival > last[1]
            last = (thermal.arrival, rgb.arrival)
        assert balance(pairing) == 0
        # One may wait for its stream's next message, and one of each to be believed.
        assert pairing.waiting <= capacity + 3
    for pair in pairing.flush():
        assert abs(pair.skew) <= slop * MS
        assert pair.thermal.arrival > last[0]
        assert pair.rgb.arrival > last[1]
        last = (pair.thermal.arrival, pair.rgb.arrival)
        seen[0].add(pair.thermal.arrival)
    assert balance(pairing) == pairing.waiting == 0
    assert sum(pairing.counters.received) == len(sequence)
    assert pairing.counters.paired == len(seen[0])


def best_possible(thermal: list[int], rgb: list[int], slop: int) -> list[tuple[int, int]]:
    """Return all pairs of stamps that are each other's nearest, within the slop."""
    pairs = []
    for t in thermal:
        nearest = min(rgb, key=lambda r: abs(r - t), default=None)
        if nearest is None or abs(nearest - t) > slop:
            continue
        if all(abs(other - nearest) > abs(t - nearest) for other in thermal if other != t):
            pairs.append((t, nearest))
    return pairs


@settings(deadline=None, max_examples=100)
@given(
    seed=st.integers(0, 2**32 - 1),
    jitter=st.integers(0, 7),
    drops=st.sampled_from([0.0, 0.1]),
    slop=st.integers(1, 16),
)
def test_every_mutually_nearest_pair_of_two_cameras_is_found(
    seed: int, jitter: int, drops: float, slop: int
) -> None:
    random = np.random.default_rng(seed)
    messages = cameras(random, count=60, jitter=jitter * MS, drops=drops)
    pairing: StreamPairing[Message] = StreamPairing(slop * MS)
    found = {(p.thermal.stamp, p.rgb.stamp) for p, _ in feed(pairing, messages)}
    thermal, rgb = (
        [m.stamp for m in sorted(messages, key=lambda m: m.stamp) if m.which == which]
        for which in (THERMAL, RGB)
    )
    # Those at the very end may still wait for a nearer one.
    end = min(thermal[-2], rgb[-2])
    expected = {p for p in best_possible(thermal, rgb, slop * MS) if max(p) < end}
    assert expected <= found
    assert {p for p in found if max(p) < end} <= expected
