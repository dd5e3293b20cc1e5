# SPDX-License-Identifier: Apache-2.0
"""A rendered drive as a film: one condition after the other, at a steady rate."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

import cv2

from bifuse_core.data.pairs import ImagePair
from bifuse_core.data.rendered import CONDITIONS, RenderedDrive


@dataclass(frozen=True)
class RenderedFilm:
    """Rendered pairs at a steady rate, rendered by all processors at each iteration.

    Attributes:
        conditions: what is shown, one after the other; names in `CONDITIONS`.
        seconds: length of each condition.
        rate: pairs per second.
        seed: seed of the drive.
        width: pixels.
        height: pixels.

    Raises:
        ValueError: an unknown condition, or no length.
    """

    conditions: tuple[str, ...] = CONDITIONS
    seconds: float = 2.0
    rate: float = 25.0
    seed: int = 0
    width: int = 640
    height: int = 480

    def __post_init__(self) -> None:
        unknown = [name for name in self.conditions if name not in CONDITIONS]
        if unknown or not self.conditions:
            raise ValueError(f"conditions are {', '.join(CONDITIONS)}; got {self.conditions}")
        if round(self.seconds * self.rate) < 1:
            raise ValueError(f"{self.seconds} s at {self.rate} Hz is no picture at all")

    def __len__(self) -> int:
        return len(self.conditions) * round(self.seconds * self.rate)

    def __iter__(self) -> Iterator[ImagePair]:
        processors = os.cpu_count() or 1
        # Forked processes would inherit the locks of a running ROS node.
        pool = ProcessPoolExecutor(
            processors, mp_context=multiprocessing.get_context("spawn"), initializer=_prepare
        )
        try:
            numbers = iter(range(len(self)))
            # No further ahead than that: a film may be longer than memory holds.
            ahead = deque(pool.submit(self.pair, n) for n in islice(numbers, 4 * processors))
            while ahead:
                yield ahead.popleft().result()
                ahead.extend(pool.submit(self.pair, n) for n in islice(numbers, 1))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def pair(self, number: int) -> ImagePair:
        """Render one pair of the film."""
        scene, index = divmod(number, round(self.seconds * self.rate))
        condition = self.conditions[scene]
        frame = _drive(self.seed + scene, condition, self.width, self.height).frame(
            index / self.rate
        )
        return ImagePair(f"{condition}_{index:04d}", frame.thermal, frame.rgb)


@lru_cache(maxsize=2)
def _drive(seed: int, condition: str, width: int, height: int) -> RenderedDrive:
    """Return the drive of one scene; making one costs more than rendering a picture of it."""
    return RenderedDrive(seed, condition=condition, width=width, height=height)


def _prepare() -> None:
    """Make a process of the pool: it draws with one thread, and its parent ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
