# SPDX-License-Identifier: Apache-2.0
"""Percentiles of latencies, and rates."""

from __future__ import annotations

from time import monotonic, sleep

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bifuse_core.streams.meters import LatencyMeter, RateMeter


@settings(deadline=None, max_examples=60)
@given(
    durations=st.lists(st.integers(0, 1000), min_size=1, max_size=300),
    percent=st.integers(0, 100),
)
def test_percentiles_are_nearest_ranks_of_the_last_durations(
    durations: list[int], percent: int
) -> None:
    meter = LatencyMeter(capacity=100)
    for duration in durations:
        meter.add(duration)
    expected = np.percentile(durations[-100:], percent, method="inverted_cdf")
    assert meter.percentiles(percent) == [expected]


def test_several_percentiles_come_in_the_order_asked_for() -> None:
    meter = LatencyMeter()
    for duration in range(100, 0, -1):
        meter.add(duration)
    assert meter.percentiles(50, 95, 99, 100) == [50, 95, 99, 100]


def test_nothing_measured_has_no_percentiles() -> None:
    assert LatencyMeter().percentiles(50, 99) == []


def test_a_rate_counts_the_events_since_the_last_reading() -> None:
    begun_before = monotonic()
    meter = RateMeter()
    begun_after = monotonic()
    for events in (200, 0, 50):
        for _ in range(events):
            meter.tick()
        sleep(0.01)
        read_before = monotonic()
        rate = meter.read()
        read_after = monotonic()
        assert events / (read_after - begun_before) <= rate <= events / (read_before - begun_after)
        begun_before, begun_after = read_before, read_after
    assert meter.total == 250
