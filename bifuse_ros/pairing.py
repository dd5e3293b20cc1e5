# SPDX-License-Identifier: Apache-2.0
"""How the fusion node pairs: by cadences, or with message_filters of the ROS distribution."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from builtin_interfaces.msg import Time
from rclpy.duration import Duration

from bifuse_core.streams.pairing import (
    THERMAL,
    Pair,
    PairingCounters,
    PairingState,
    StreamPairing,
)
from bifuse_ros.fusion_parameters import Settings

T = TypeVar("T")


class Pairing(Protocol[T]):
    """What the node needs of a pairing, as `StreamPairing` has it."""

    counters: PairingCounters

    @property
    def state(self) -> PairingState: ...  # noqa: D102

    def push(self, which: int, stamp: int, message: T) -> list[Pair[T]]: ...  # noqa: D102

    def change(self, slop: int, offset: int) -> None: ...  # noqa: D102


def create_pairing(settings: Settings) -> Pairing[Any]:
    """Return the pairing that the parameters `sync.*` describe.

    Raises:
        RuntimeError: `sync.method` is message_filters, which is not installed.
    """
    approximate = settings["sync.method"] == "message_filters"
    kind = ApproximatePairing[Any] if approximate else StreamPairing[Any]
    return kind(settings.slop, offset=settings.offset, capacity=settings["sync.capacity"])


@dataclass(frozen=True)
class _Header:
    stamp: Time


@dataclass(frozen=True)
class _Stamped(Generic[T]):
    """What message_filters sees of a message."""

    header: _Header
    stamp: int
    message: T


class ApproximatePairing(Generic[T]):
    """Pairs with message_filters' ApproximateTimeSynchronizer; its queues count as `overflow`.

    Args and methods as those of `StreamPairing`.

    Raises:
        RuntimeError: message_filters is not installed.
    """

    def __init__(self, slop: int, *, offset: int = 0, capacity: int = 10) -> None:
        try:
            filters = importlib.import_module("message_filters")
        except ImportError as error:
            raise RuntimeError(
                f"sync.method is message_filters, which cannot be imported ({error}); install "
                "ros-DISTRO-message-filters, or set sync.method to cadence"
            ) from error
        self.counters = PairingCounters()
        self._offset = offset
        self._inputs = (filters.SimpleFilter(), filters.SimpleFilter())
        self._filter = filters.ApproximateTimeSynchronizer(self._inputs, capacity, slop / 1e9)
        # In whole nanoseconds.
        self._filter.slop = Duration(nanoseconds=slop)
        self._filter.registerCallback(self._paired)
        self._pairs: list[Pair[T]] = []

    @property
    def state(self) -> PairingState:
        """Nearest stamps, of streams it knows nothing about."""
        return PairingState("nearest", (None, None), (None, None), None)

    def change(self, slop: int, offset: int) -> None:
        """Take other limits, in nanoseconds."""
        self._filter.slop, self._offset = Duration(nanoseconds=slop), offset

    def push(self, which: int, stamp: int, message: T) -> list[Pair[T]]:
        """Add one message and return the pairs that it completes."""
        # rclpy knows no negative time.
        stamp = max(stamp + self._offset, 0) if which == THERMAL else stamp
        seconds, nanoseconds = divmod(stamp, 1_000_000_000)
        header = _Header(Time(sec=seconds, nanosec=nanoseconds))
        self._pairs = []
        self._inputs[which].signalMessage(_Stamped(header, stamp, message))
        counters = self.counters
        counters.received[which] += 1
        counters.paired += len(self._pairs)
        counters.unverified = counters.paired
        waiting = sum(len(queue) for queue in self._filter.queues)
        counters.overflow = sum(counters.received) - 2 * counters.paired - waiting
        return self._pairs

    def _paired(self, thermal: _Stamped[T], rgb: _Stamped[T]) -> None:
        # Called before the two leave its queues.
        self._pairs.append(Pair(thermal.message, rgb.message, thermal.stamp - rgb.stamp))
