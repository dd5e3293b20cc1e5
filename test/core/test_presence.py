# SPDX-License-Identifier: Apache-2.0
"""With which cameras to go on, whatever becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bifuse_core.streams.pairing import RGB, THERMAL
from bifuse_core.streams.presence import (
    ALONE,
    LISTENING,
    LONGEST_INTERVAL,
    START,
    Mode,
    Presence,
)
from bifuse_core.streams.usability import PAIR, SOUND, Faults

TIMEOUT = 0.3
GOAL = 0.5
"""Seconds within which the other camera is to go on alone."""
TICK = 0.1
Frames = Iterable[tuple[float, int, bool]]
"""Time, camera, and whether it is frozen."""
BOTH = (THERMAL, RGB)


def pictures(
    rate: float,
    seconds: float,
    there: Callable[[int, float], bool] = lambda which, time: True,
    frozen: Callable[[int, float], bool] = lambda which, time: False,
    jitter: float = 0.0,
) -> list[tuple[float, int, bool]]:
    """Return the pictures of two cameras, thermal a little later, of which some do not come."""
    random = Random(1)
    found = []
    for number in range(round(seconds * rate)):
        for which, delay in ((THERMAL, 0.004), (RGB, 0.0)):
            time = number / rate + delay
            if there(which, time):
                late = random.uniform(0, jitter) / rate
                found.append((time + late, which, frozen(which, time)))
    return sorted(found)


def play(
    frames: Frames,
    end: float,
    presence: Presence | None = None,
    *,
    start: float = 0.0,
    pairing: bool = True,
) -> list[tuple[float, Mode]]:
    """Tell it of pictures, of a pair for each two that came within 20 ms, and of ticks."""
    presence = presence or Presence(TIMEOUT)
    count = round((end - start) / TICK) + 1
    ticks = [(start + number * TICK, None, False) for number in range(count)]
    last = {THERMAL: -1.0, RGB: -1.0}
    modes = []
    for time, which, frozen in sorted([*frames, *ticks], key=lambda event: event[0]):
        if which is not None:
            presence.seen(which, time, frozen=frozen)
            if not frozen:
                last[which] = time
                if pairing and abs(last[THERMAL] - last[RGB]) < 0.02:
                    presence.paired(time)
        modes.append((time, presence.judge(time)))
    return modes


def within(modes: list[tuple[float, Mode]], start: float, end: float) -> set[Mode]:
    return {mode for time, mode in modes if start < time < end}


@given(rate=st.floats(2, 100), jitter=st.floats(0, 0.15))
@settings(max_examples=25, deadline=None)
def test_cameras_of_any_rate_are_pairs_all_the_time(rate: float, jitter: float) -> None:
    modes = play(pictures(rate, 6, jitter=min(jitter, 0.01 * rate)), 6 - 1 / rate)
    assert {mode for _, mode in modes} == {Mode.PAIRS}


@given(
    lost=st.sampled_from(BOTH),
    rate=st.floats(10, 100),
    start=st.floats(2, 3),
    lasting=st.floats(0.8, 2),
    freezes=st.booleans(),
    preferred=st.sampled_from(BOTH),
)
@settings(max_examples=30, deadline=None)
def test_the_other_goes_on_within_the_goal_and_pairs_are_back_with_the_first(
    lost: int, rate: float, start: float, lasting: float, freezes: bool, preferred: int
) -> None:
    def missing(which: int, time: float) -> bool:
        return which == lost and start < time < start + lasting

    sent = pictures(
        rate,
        8,
        there=lambda which, time: freezes or not missing(which, time),
        frozen=lambda which, time: freezes and missing(which, time),
    )
    modes = play(sent, 7.8, Presence(TIMEOUT, preferred))
    alone = ALONE[1 - lost]
    assert within(modes, 0, start) == {Mode.PAIRS}
    assert within(modes, start, start + lasting) <= {Mode.PAIRS, alone}
    assert within(modes, start + GOAL, start + lasting) == {alone}
    assert within(modes, start + lasting + 2 / rate + 0.01, 7.8) == {Mode.PAIRS}


def test_a_frozen_camera_is_left_at_once() -> None:
    presence = Presence(TIMEOUT)
    play(pictures(25, 2), 2, presence)
    presence.seen(THERMAL, 2.01, frozen=True)
    assert presence.judge(2.01) is Mode.RGB_ONLY
    assert presence.state.frozen == (True, False)
    assert presence.state.silent == (None, None)


@pytest.mark.parametrize("preferred", BOTH)
def test_without_pairs_the_preferred_camera_goes_on(preferred: int) -> None:
    presence = Presence(TIMEOUT, preferred)
    play(pictures(25, 2), 2, presence)
    shifted = [(time + 2, which, frozen) for time, which, frozen in pictures(25, 2)]
    modes = play(shifted, 4, presence, start=2.05, pairing=False)
    assert within(modes, 2, 2.2) == {Mode.PAIRS}
    assert within(modes, 2.5, 4) == {ALONE[preferred]}
    state = presence.state
    assert (state.silent, state.frozen) == ((None, None), (False, False))
    assert state.unpaired == pytest.approx(2.0, abs=0.1)
    presence.paired(4.01)
    assert presence.judge(4.01) is Mode.PAIRS


def test_who_is_alone_stays_so_until_there_is_a_pair() -> None:
    presence = Presence(TIMEOUT, preferred=THERMAL)
    play(pictures(25, 4, there=lambda which, time: which == RGB or time < 2), 4, presence)
    assert presence.mode is Mode.RGB_ONLY
    presence.seen(THERMAL, 4.01)
    assert presence.judge(4.01) is Mode.RGB_ONLY
    presence.paired(4.02)
    assert presence.judge(4.02) is Mode.PAIRS


def test_nothing_is_left_when_both_are_silent_and_it_says_for_how_long() -> None:
    presence = Presence(TIMEOUT)
    modes = play(pictures(25, 2), 4, presence)
    assert within(modes, 2 + GOAL, 4) == {Mode.NOTHING}
    assert within(modes, 0, 4) == {Mode.PAIRS, Mode.NOTHING}
    assert presence.state.silent == pytest.approx((2.036, 2.04), abs=0.01)


def test_still_pictures_of_both_are_pairs_until_one_goes() -> None:
    presence = Presence(TIMEOUT)
    play(pictures(25, 2), 2, presence)
    for number in range(1, 26):
        time = 2 + number / 25
        for which in BOTH:
            presence.seen(which, time, frozen=True)
        assert presence.still
        presence.paired(time)
        assert presence.judge(time) is Mode.PAIRS
    # Frozen, and nobody beside it: that is stale.
    for number in range(26, 50):
        presence.seen(THERMAL, 2 + number / 25, frozen=True)
    assert presence.judge(4.0) is Mode.NOTHING
    presence.seen(RGB, 4.01)
    assert presence.judge(4.01) is Mode.RGB_ONLY


@pytest.mark.parametrize("first", BOTH)
def test_cameras_that_come_up_have_time_for_their_first_pair(first: int) -> None:
    sent = pictures(25, 8, there=lambda which, time: time > (2.0 if which == first else 2.9))
    modes = play(sent, 7.9)
    assert within(modes, 0, START + TIMEOUT) == {Mode.PAIRS}
    assert within(modes, START + TIMEOUT + 0.1, 2) == {Mode.NOTHING}
    assert within(modes, 2.01, 7.9) == {Mode.PAIRS}


@pytest.mark.parametrize("only", BOTH)
def test_a_camera_whose_partner_never_comes_goes_on_alone(only: int) -> None:
    modes = play(pictures(25, 4, there=lambda which, time: which == only), 3.9)
    assert within(modes, 0, START + TIMEOUT) == {Mode.PAIRS}
    assert within(modes, START + GOAL, 3.9) == {ALONE[only]}


def test_what_nobody_listened_to_is_no_silence() -> None:
    presence = Presence(TIMEOUT)
    play(pictures(25, 2), 2, presence)
    presence.seen(RGB, 9.0)
    assert presence.judge(9.0) is Mode.PAIRS
    presence.seen(THERMAL, 9.001)
    presence.paired(9.001)
    assert presence.judge(9.001) is Mode.PAIRS


def at_fault(*subjects: int) -> Faults:
    thermal, rgb, pair = ("damaged" if s in subjects else "" for s in (THERMAL, RGB, PAIR))
    return thermal, rgb, pair


@pytest.mark.parametrize("preferred", BOTH)
@pytest.mark.parametrize(
    ("coming", "pair", "faults", "alone"),
    [
        (BOTH, True, [THERMAL], RGB),
        (BOTH, True, [RGB], THERMAL),
        (BOTH, True, [THERMAL, RGB], None),
        # Not an opinion about one of them.
        (BOTH, True, [PAIR], "preferred"),
        (BOTH, True, [RGB, PAIR], THERMAL),
        # Astray: whether pairs could be fused is of no interest.
        (BOTH, False, [], "preferred"),
        (BOTH, False, [PAIR], "preferred"),
        (BOTH, False, [THERMAL], RGB),
        (BOTH, False, [RGB], THERMAL),
        (BOTH, False, [THERMAL, RGB], None),
        ([RGB], False, [THERMAL], RGB),
        ([RGB], False, [RGB], None),
        ([RGB], False, [PAIR], RGB),
        ([THERMAL], False, [THERMAL, RGB], None),
    ],
)
def test_a_camera_at_fault_counts_as_not_there(
    coming: list[int], pair: bool, faults: list[int], alone: int | str | None, preferred: int
) -> None:
    presence = Presence(TIMEOUT, preferred)
    play(pictures(25, 2), 2, presence)
    presence.faults = at_fault(*faults)
    failing = [(time + 2, which, frozen) for time, which, frozen in pictures(25, 2)]
    failing = [frame for frame in failing if frame[1] in coming]
    modes = play(failing, 3.95, presence, start=2.01, pairing=pair)
    alone = preferred if alone == "preferred" else alone
    wanted = ALONE[alone] if isinstance(alone, int) else Mode.NOTHING
    assert within(modes, 2.5, 3.95) == {wanted}
    assert presence.state.faults == at_fault(*faults)
    # Whether there are pairs to try.
    assert presence.pairing is pair
    presence.faults = SOUND
    mended = [(time + 4, which, frozen) for time, which, frozen in pictures(25, 1)]
    assert within(play(mended, 4.95, presence, start=4.0), 4.01, 4.95) == {Mode.PAIRS}


def test_what_is_refused_is_told_from_silence_as_long_as_it_comes() -> None:
    presence = Presence(TIMEOUT)
    play(pictures(25, 2), 2, presence)
    rest = [(time + 2, which, frozen) for time, which, frozen in pictures(25, 2)]
    for time, which, frozen in rest:
        if which == RGB:
            presence.seen(RGB, time, frozen=frozen)
        else:
            presence.refused(THERMAL, time, "half a picture")
        mode = presence.judge(time)
    assert mode is Mode.RGB_ONLY
    assert presence.state.silent[THERMAL]
    assert presence.state.refused == ("half a picture", "")
    play([frame for frame in pictures(25, 5) if frame[1] == RGB][101:], 4.9, presence, start=4.0)
    assert presence.state.refused == ("", "")


def test_turned_off_faults_change_nothing() -> None:
    presence = Presence(0.0)
    presence.faults = at_fault(THERMAL, RGB, PAIR)
    assert within(play(pictures(25, 2), 2, presence), 0, 2) == {Mode.PAIRS}


def test_turned_off_it_is_pairs_whatever_comes() -> None:
    presence = Presence(0.0)
    modes = play(pictures(25, 2, there=lambda which, _: which == RGB), 9, presence)
    assert within(modes, 0, 9) == {Mode.PAIRS}
    presence.timeout = TIMEOUT
    assert presence.judge(9.1) is Mode.NOTHING


EVENTS = st.tuples(
    st.floats(0, 0.4),
    st.sampled_from(["thermal", "rgb", "frozen", "pair", "tick"]),
    st.sampled_from([(), (), (), (THERMAL,), (RGB,), (PAIR,), BOTH]),
)


@given(st.lists(EVENTS, max_size=150), st.sampled_from(BOTH))
@settings(max_examples=200, deadline=None)
def test_whatever_happens_nothing_stale_or_at_fault_is_chosen(
    events: list[tuple[float, str, tuple[int, ...]]], preferred: int
) -> None:
    presence, time = Presence(TIMEOUT, preferred), 0.0
    lively, frozen, pair = {THERMAL: -9.0, RGB: -9.0}, {THERMAL: False, RGB: False}, None
    # Nobody listens for longer than this between two events, and no camera is slower than that.
    longest = 2 * LONGEST_INTERVAL
    for wait, event, faults in events:
        time += min(wait, LISTENING)
        if event == "pair":
            presence.paired(time)
            pair = time
        elif event != "tick":
            which = RGB if event == "rgb" else THERMAL
            frozen[which] = event == "frozen"
            presence.seen(which, time, frozen=frozen[which])
            lively[which] = lively[which] if frozen[which] else time
        presence.faults = at_fault(*faults)
        mode = presence.judge(time)
        fresh = {w for w in BOTH if not frozen[w] and time - lively[w] <= longest}
        sure = {w for w in BOTH if not frozen[w] and time - lively[w] <= TIMEOUT}
        if mode is Mode.PAIRS and pair is not None:
            assert fresh == set(BOTH) and time - pair <= longest and not faults
        if mode is Mode.NOTHING:
            assert sure <= set(faults)
        for which in BOTH:
            if mode is ALONE[which]:
                assert which in fresh and which not in faults
                paired = pair is not None and time - pair <= TIMEOUT
                assert sure <= {which, *faults} or PAIR in faults or not paired
