# SPDX-License-Identifier: Apache-2.0
"""The messages of one camera that wait for a partner."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Waiting(Generic[T]):
    """Stamps (nanoseconds), slots and messages, the oldest first.

    Attributes:
        undecided: the slot of the last one may still change by one.
    """

    __slots__ = ("stamps", "slots", "undecided", "_messages")

    def __init__(self) -> None:
        self.stamps: deque[int] = deque()
        self.slots: deque[int] = deque()
        self.undecided = False
        self._messages: deque[T] = deque()

    def __len__(self) -> int:
        return len(self.stamps)

    def add(self, stamp: int, slot: int, message: T) -> None:
        """Let one wait."""
        self.stamps.append(stamp)
        self.slots.append(slot)
        self._messages.append(message)

    def pop(self) -> tuple[int, T]:
        """Remove the oldest and return its stamp and message."""
        self.slots.popleft()
        return self.stamps.popleft(), self._messages.popleft()

    def number(self, slot_of: Callable[[int], int]) -> None:
        """Give each the slot of its stamp."""
        self.slots = deque(slot_of(stamp) for stamp in self.stamps)

    def clear(self) -> int:
        """Remove all and return how many there were."""
        count = len(self.stamps)
        self.stamps.clear()
        self.slots.clear()
        self._messages.clear()
        return count

    def shift(self, by: int) -> None:
        """Add nanoseconds to all stamps."""
        self.stamps = deque(stamp + by for stamp in self.stamps)

    def ready(self) -> bool:
        """Tell whether there is one, and its slot will not change."""
        return len(self.stamps) > self.undecided
