# SPDX-License-Identifier: Apache-2.0
"""Some of many things."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

Thing = TypeVar("Thing")


def evenly(things: Sequence[Thing], count: int) -> list[Thing]:
    """Return at most so many of the things, taken evenly from all along them."""
    count = min(count, len(things))
    return [things[n * len(things) // count] for n in range(count)]
