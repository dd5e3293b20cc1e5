# SPDX-License-Identifier: Apache-2.0
"""How long each stage of a run takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from time import perf_counter

import torch


class Timings:
    """Durations by stage.

    Args:
        device: waited for before and after each stage, since CUDA works behind one's back.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._seconds: dict[str, list[float]] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure what is done within; nothing is kept if it fails."""
        self._wait()
        start = perf_counter()
        yield
        self._wait()
        self._seconds.setdefault(name, []).append(perf_counter() - start)

    def medians(self) -> dict[str, float]:
        """Return the median of each measured stage in seconds, in the order of their first."""
        return {name: median(seconds) for name, seconds in self._seconds.items()}

    def _wait(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
