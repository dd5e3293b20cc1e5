# SPDX-License-Identifier: Apache-2.0
"""How long each stage of a computation takes on its device."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import torch


class Stages:
    """Time stages from now on, without waiting for the device between them.

    Args:
        device: where they run; on CUDA, events in the current stream are timed.
    """

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"
        self._events: list[tuple[str, Any]] = []
        self.end("start")

    def end(self, name: str) -> None:
        """Note that a stage ends here, and that the next begins."""
        event: Any = torch.cuda.Event(enable_timing=True) if self._cuda else _HostEvent()
        event.record()
        self._events.append((name, event))

    def milliseconds(self) -> dict[str, float]:
        """Return how long each took, by name; the device must have done with all of them."""
        pairs = zip(self._events, self._events[1:], strict=False)
        return {name: before.elapsed_time(event) for (_, before), (name, event) in pairs}


class _HostEvent:
    """What a CUDA event is, for a CPU, which is done with each stage when the call returns."""

    def record(self) -> None:
        self.seconds = perf_counter()

    def elapsed_time(self, later: _HostEvent) -> float:
        return 1e3 * (later.seconds - self.seconds)
