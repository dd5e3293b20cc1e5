# SPDX-License-Identifier: Apache-2.0
"""Rates and latencies of a running chain, over the last moments."""

from __future__ import annotations

import math
from collections import deque
from time import monotonic


class RateMeter:
    """Count events, and tell their rate since the last reading. One reader, any writers."""

    def __init__(self) -> None:
        self.total = 0
        self._read_total, self._read_time = 0, monotonic()

    def tick(self) -> None:
        """Count one event."""
        self.total += 1

    def read(self) -> float:
        """Return events per second since the last reading."""
        now, total = monotonic(), self.total
        elapsed, events = now - self._read_time, total - self._read_total
        self._read_total, self._read_time = total, now
        return events / elapsed if elapsed > 0 else 0.0


class LatencyMeter:
    """Keep the last durations of one stage, and tell their percentiles."""

    def __init__(self, capacity: int = 256) -> None:
        self._durations: deque[float] = deque(maxlen=capacity)

    def add(self, seconds: float) -> None:
        """Keep one duration."""
        self._durations.append(seconds)

    def percentiles(self, *percents: float) -> list[float]:
        """Return the nearest-rank percentiles in seconds; none when nothing was measured."""
        ordered = sorted(self._durations.copy())
        if not ordered:
            return []
        ranks = (math.ceil(percent * len(ordered) / 100) for percent in percents)
        return [ordered[max(rank, 1) - 1] for rank in ranks]
