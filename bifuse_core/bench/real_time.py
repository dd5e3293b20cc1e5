# SPDX-License-Identifier: Apache-2.0
"""Pairs fed in real time to a fusion, whose pictures a detector and a segmenter look at."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from statistics import median
from time import perf_counter, sleep
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bifuse_core.bench.process_meter import resident_mebibytes
from bifuse_core.engine.engine import Engine
from bifuse_core.engine.threads import DETECTION_NICENESS, SEGMENTATION_NICENESS, limit_thread
from bifuse_core.streams.meters import LatencyMeter
from bifuse_core.streams.worker import Worker

FUSED, BOXES, MASKS = "fused", "boxes", "masks"

LEAD = 1.0
"""Seconds that all run before anything counts."""

Pair = tuple[NDArray[Any], NDArray[np.uint8]]
"""Thermal (H, W) and red, green, blue (H, W, 3)."""


@dataclass
class Result:
    """What one of the threads made of what it took.

    Attributes:
        ages: seconds from when the pair was due until its result was there.
        works: seconds at work on each.
        seconds: of the run.
    """

    seconds: float
    ages: LatencyMeter = field(default_factory=partial(LatencyMeter, 1 << 16))
    works: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Results a second."""
        return len(self.works) / self.seconds

    @property
    def work(self) -> float | None:
        """The median of the seconds at work; None where nothing was done."""
        return median(self.works) if self.works else None


@dataclass(frozen=True)
class RealTime:
    """What came of a run.

    Attributes:
        results: by FUSED, BOXES and MASKS.
        memory: MiB of the process at the end; None where the system does not tell.
        growth: MiB that came during the run, likewise.
    """

    results: dict[str, Result]
    memory: float | None
    growth: float | None


@dataclass(frozen=True)
class _Due:
    """A pair, or its fused picture, and when the pair was due, `perf_counter`."""

    pictures: Any
    since: float


def run_in_real_time(
    engine: Engine, pairs: Sequence[Pair], rate: float, seconds: float, threads: tuple[int, int]
) -> RealTime:
    """Feed pairs, over and over, and count what comes of those that are due after `LEAD`.

    Args:
        engine: with detector and segmenter, warmed up for the size of the pairs.
        pairs: what the cameras see.
        rate: pairs a second.
        seconds: that count.
        threads: CPU threads of the fusion, and of each of the others.

    Raises:
        ValueError: no time is to count.
        Exception: the first that the engine raised.
    """
    if not seconds > 0:
        raise ValueError(f"--seconds is {seconds:g}; it must be above 0")
    stamps, errors = count(step=round(1e9 / rate)), list[Exception]()
    results = {name: Result(seconds) for name in (FUSED, BOXES, MASKS)}
    begun = perf_counter() + LEAD

    def timed(name: str, call: Callable[[Any], Any], item: _Due) -> Any:
        started = perf_counter()
        made = call(item.pictures)
        ended = perf_counter()
        if begun <= item.since < begun + seconds:
            results[name].works.append(ended - started)
            results[name].ages.add(ended - item.since)
        return made

    def worker(name: str, work: Callable[[_Due], None], threads: int, nice: int) -> Worker[_Due]:
        return Worker(name, work, errors.append, prepare=partial(limit_thread, threads, nice))

    sights = [
        worker(name, partial(timed, name, look), threads[1], nice)
        for name, look, nice in (
            (BOXES, engine.detect, DETECTION_NICENESS),
            (MASKS, engine.segment, SEGMENTATION_NICENESS),
        )
    ]

    def fuse_pair(pair: Pair) -> NDArray[np.uint8]:
        thermal, rgb = pair
        return engine.fuse(thermal, rgb, next(stamps))

    def fuse(item: _Due) -> None:
        fused = timed(FUSED, fuse_pair, item)
        for sight in sights:
            sight.mailbox.put(_Due(fused, item.since))

    fusion = worker(FUSED, fuse, threads[0], 0)
    before = None
    try:
        for number in range(round((LEAD + seconds) * rate)):
            due = begun - LEAD + number / rate
            sleep(max(0.0, due - perf_counter()))
            if due >= begun and before is None:
                before = _resident()
            fusion.mailbox.put(_Due(pairs[number % len(pairs)], due))
        sleep(1 / rate)
    finally:
        for each in (fusion, *sights):
            each.stop()
    if errors:
        raise errors[0]
    after = _resident()
    growth = None if before is None or after is None else after - before
    return RealTime(results, after, growth)


def _resident() -> float | None:
    """Return the MiB of memory of this process; None where the system does not tell."""
    return resident_mebibytes(os.getpid()) if sys.platform == "linux" else None
