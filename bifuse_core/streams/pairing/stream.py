# SPDX-License-Identifier: Apache-2.0
"""What is known of one camera: its clock, its cadence, and its messages that wait."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from bifuse_core.streams.pairing.cadence import SlotTracker
from bifuse_core.streams.pairing.gate import Gate
from bifuse_core.streams.pairing.nearest import Gaps
from bifuse_core.streams.pairing.waiting import Waiting

T = TypeVar("T")


@dataclass
class Stream(Generic[T]):
    """One camera, since the start or the last reset."""

    gate: Gate[T] = field(default_factory=Gate)
    waiting: Waiting[T] = field(default_factory=Waiting)
    tracker: SlotTracker = field(default_factory=SlotTracker)
    gaps: Gaps = field(default_factory=Gaps)

    def shift(self, by: int) -> None:
        """Add nanoseconds to all its stamps."""
        self.gate.shift(by)
        self.waiting.shift(by)
        self.tracker.shift(by)
