# SPDX-License-Identifier: Apache-2.0
"""The parts of pairing by cadences: search, line, slots, relation, and the gate before them."""

from __future__ import annotations

from collections import Counter, defaultdict
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bifuse_core.streams.pairing.cadence import SlotTracker
from bifuse_core.streams.pairing.gate import JUMP, Gate, Verdict
from bifuse_core.streams.pairing.line import Line
from bifuse_core.streams.pairing.lock import find_cadence
from bifuse_core.streams.pairing.relation import SlotRelation

MS = 1_000_000
PERIOD = 33_333_333


def camera(
    seed: int, count: int, jitter: int, *, drops: float = 0.05, period: int = PERIOD, phase: int = 0
) -> list[tuple[int, int]]:
    """Return (slot, stamp) of a camera."""
    random = Random(seed)
    return [
        (slot, 10**18 + phase + slot * period + random.randint(-jitter, jitter))
        for slot in range(count)
        if random.random() >= drops
    ]


@pytest.mark.parametrize(("jitter", "count"), [(0, 8), (MS, 12), (5 * MS, 30), (10 * MS, 55)])
def test_a_search_finds_the_slots_of_a_camera(jitter: int, count: int) -> None:
    for seed in range(10):
        sent = camera(seed, count + 6, jitter)[:count]
        found = find_cadence([stamp for _, stamp in sent])
        assert found is not None
        assert list(found.slots) == [slot - sent[0][0] for slot, _ in sent]
        assert found.period == pytest.approx(PERIOD, rel=0.02)


def test_a_search_finds_no_cadence_in_few_stamps_or_random_ones() -> None:
    assert find_cadence([k * PERIOD for k in range(7)]) is None
    found = 0
    for seed in range(40):
        random, stamps = Random(seed), [0]
        for _ in range(63):
            stamps.append(stamps[-1] + random.randint(20 * MS, 80 * MS))
        found += find_cadence(stamps) is not None
    # Chance may look like a cadence, seldom.
    assert found <= 2


@settings(deadline=None, max_examples=60)
@given(
    stamps=st.lists(
        st.tuples(st.integers(1, 5), st.integers(-15 * MS, 15 * MS)), min_size=3, max_size=80
    ),
    start=st.integers(0, 2 * 10**18),
    kept=st.integers(3, 80),
)
def test_the_line_is_that_of_numpy_over_its_window(
    stamps: list[tuple[int, int]], start: int, kept: int
) -> None:
    line = Line(start, PERIOD + 1000)
    slot, all_ = 0, []
    for step, error in stamps:
        slot += step
        all_.append((slot, start + slot * PERIOD + error))
        line.add(*all_[-1])
    line.shorten(kept)
    line.fit()
    slots, times = (np.array(column) for column in zip(*all_[-kept:], strict=True))
    assert len(line) == len(slots)
    # Relative to the start: the stamps themselves do not fit into doubles.
    slope, intercept = np.polyfit(slots, (times - start).astype(np.float64), 1)
    assert line.period == pytest.approx(slope, rel=1e-6)
    at_anchor = slope * line.anchor + intercept
    assert line.origin - start == pytest.approx(at_anchor, abs=200)
    residuals = (times - start) - (slope * slots + intercept)
    assert line.rms == pytest.approx(np.sqrt(np.mean(residuals**2)) / slope, abs=1e-5)


def test_a_moved_and_a_shifted_stamp_are_as_if_given_so_from_the_start() -> None:
    moved, direct = Line(0, PERIOD), Line(0, PERIOD)
    for line, last in ((moved, 12), (direct, 11)):
        for slot in (*range(0, 10, 2), last):
            line.add(slot, slot * PERIOD + slot % 3 * MS if slot < 10 else 11 * PERIOD)
    moved.move_last(-1)
    moved.shift(5 * MS)
    for line in (moved, direct):
        line.fit()
    assert moved.period == pytest.approx(direct.period)
    assert moved.origin == direct.origin + 5 * MS


@pytest.mark.parametrize("jitter", [0, 5 * MS, 10 * MS, 13 * MS])
def test_the_slots_of_a_camera_are_right_once_its_cadence_is_known(jitter: int) -> None:
    tracker = SlotTracker()
    # Slots are counted anew when a cadence is corrected.
    differences: dict[int, Counter[int]] = defaultdict(Counter)
    for slot, stamp in camera(3, 3000, jitter):
        place = tracker.place(stamp)
        if place and place.slot is not None and not place.undecided:
            differences[id(tracker.line)][slot - place.slot] += 1
    right = sum(max(counts.values()) for counts in differences.values())
    wrong = sum(counts.total() for counts in differences.values()) - right
    assert right > 2600
    assert len(differences) <= (1 if jitter <= 10 * MS else 4)
    assert wrong <= (0 if jitter <= 10 * MS else 3)


def test_a_camera_that_changes_its_rate_or_phase_is_found_again() -> None:
    tracker, stamp = SlotTracker(), 0
    for period in (PERIOD, 2 * PERIOD, PERIOD, PERIOD * 2 // 3):
        for _ in range(150):
            stamp += period
            tracker.place(stamp)
        assert tracker.line is not None
        assert tracker.line.period == pytest.approx(period, rel=1e-3)
    stamp += 2_000 * MS + period // 3
    assert tracker.place(stamp) is None
    for _ in range(20):
        stamp += period
        tracker.place(stamp)
    assert tracker.line is not None
    assert tracker.line.origin % period == pytest.approx(stamp % period, abs=MS)


def relation(periods: tuple[int, int], phases: tuple[int, int], count: int = 120) -> SlotRelation:
    trackers = SlotTracker(), SlotTracker()
    for tracker, period, phase in zip(trackers, periods, phases, strict=True):
        for _, stamp in camera(1, count, MS, drops=0.0, period=period, phase=phase):
            tracker.place(stamp)
    return SlotRelation(trackers, 10.0 * MS)


@pytest.mark.parametrize("lag", [-13 * MS, 0, 5 * MS, 13 * MS])
def test_equal_rates_have_a_constant_difference_and_a_misfit(lag: int) -> None:
    related = relation((PERIOD, PERIOD), (lag, 0))
    assert related.equal and related.sure
    assert related.target(50) == 50
    sign = 1 if related.slower == 0 else -1
    assert sign * related.misfit * PERIOD == pytest.approx(lag, abs=MS)


def test_a_lag_of_half_a_period_is_not_decided() -> None:
    assert not relation((PERIOD, PERIOD), (PERIOD // 2, 0), count=60).sure


def test_different_rates_relate_a_slow_slot_to_the_nearest_fast_one() -> None:
    slow = 10**9 // 9
    related = relation((slow, PERIOD), (0, 0), count=90)
    assert related.sure and not related.equal and related.slower == 0
    for slot in range(20, 80):
        exact = slot * slow / PERIOD
        assert abs(related.target(slot) - exact) < 0.6
        assert related.wanted(related.target(slot))
    wanted = sum(related.wanted(slot) for slot in range(100, 400))
    # The nearest and its two neighbours; of three or four.
    assert 250 < wanted < 290


def test_rates_that_differ_by_a_fiftieth_are_not_taken_for_equal() -> None:
    slow = PERIOD * 51 // 50
    related = relation((PERIOD, slow), (0, 0), count=90)
    assert related.sure and not related.equal and related.slower == 1
    for slot in range(20, 24):
        assert related.target(slot) == round(slot * slow / PERIOD)
    # A whole slot further after so many, and further than any constant difference.
    assert related.target(80) - 80 == round(80 / 50)


def judge(last: int | None, stamp: int, *, other: int | None = None, **more: int) -> Verdict:
    gate: Gate[str] = Gate(last)
    if "suspect" in more:
        gate.suspect = more["suspect"], "suspect"
    beside: Gate[str] = Gate(other)
    if "other_suspect" in more:
        beside.suspect = more["other_suspect"], "suspect"
    return gate.judge(stamp, beside)


def test_what_the_gate_says() -> None:
    now, hour = 10**12, 3600 * 10**9
    assert judge(None, 0) is Verdict.TAKE
    assert judge(now, now + PERIOD) is Verdict.TAKE
    assert judge(now, now) is Verdict.DUPLICATE
    assert judge(now, now - 1) is Verdict.LATE
    assert judge(now, now - JUMP) is Verdict.SUSPECT
    assert judge(now, now + hour) is Verdict.SUSPECT
    # Borne out by the other camera, or by a second one.
    assert judge(now, now + hour, other=now + hour + PERIOD) is Verdict.JUMP
    assert judge(now, now + hour, other_suspect=now + hour - PERIOD) is Verdict.JUMP
    assert judge(now, now + hour + PERIOD, suspect=now + hour) is Verdict.JUMP
    assert judge(now, now - hour + PERIOD, suspect=now - hour) is Verdict.JUMP
    # Not by one on the other side, nor by itself.
    assert judge(now, now - hour, suspect=now + hour) is Verdict.SUSPECT
    assert judge(now, now + hour, suspect=now - hour) is Verdict.SUSPECT
    assert judge(now, now + hour, suspect=now + hour) is Verdict.DUPLICATE


def test_the_gate_lets_slow_cameras_pass() -> None:
    gate: Gate[str] = Gate()
    gate.believe(0)
    gate.believe(10**9)
    assert gate.judge(2 * 10**9, Gate()) is Verdict.TAKE
