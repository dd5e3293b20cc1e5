# SPDX-License-Identifier: Apache-2.0
"""Which pairs of two running cameras are worth keeping: every nth, dark ones, with objects."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Generic, Protocol, TypeVar

from bifuse_core.imaging.encodings import ImageError
from bifuse_core.streams.pairing import Pair, StreamPairing

LOOKS = 64
"""Looks remembered: one may come before its pair, where messages of several topics wait."""


class Image(Protocol):
    """An image as a choice sees it."""

    @property
    def stamp(self) -> int:
        """Time in its header, nanoseconds."""

    @property
    def received(self) -> int:
        """Time of its receipt, nanoseconds."""


T = TypeVar("T", bound=Image)


@dataclass
class ChoiceCounters:
    """What became of the pairs; each is in one of these, or waits.

    Attributes:
        chosen: kept.
        skipped: worth keeping, but not the nth.
        bright: too bright.
        empty: nothing was seen in them.
        unseen: nobody looked at them, or too late.
        unreadable: their RGB image is malformed.
    """

    chosen: int = 0
    skipped: int = 0
    bright: int = 0
    empty: int = 0
    unseen: int = 0
    unreadable: int = 0

    def __str__(self) -> str:
        rest = (f"{name} {count}" for name, count in asdict(self).items() if name != "chosen")
        return f"{self.chosen} pairs chosen; not chosen: {', '.join(rest)}"


class PairChoice(Generic[T]):
    """Pair two streams, and choose among the pairs.

    Args:
        pairing: pairs the images.
        every: the first and then each nth of the pairs that are worth keeping is chosen.
        bright: tells whether an RGB image is too bright to keep; None: none is.
        wait: nanoseconds that a pair waits for somebody to look at it; None: it need not be seen.
        report: told of malformed images.
    """

    def __init__(
        self,
        pairing: StreamPairing[T],
        *,
        every: int = 1,
        bright: Callable[[T], bool] | None = None,
        wait: int | None = None,
        report: Callable[[str], None],
    ) -> None:
        self.counters = ChoiceCounters()
        self._pairing, self._every, self._bright = pairing, every, bright
        self._wait, self._report = wait, report
        self._waiting: deque[Pair[T]] = deque()
        self._looks: OrderedDict[int, bool] = OrderedDict()

    def push(self, which: int, image: T) -> list[Pair[T]]:
        """Add one image and return the pairs that are chosen now, oldest first.

        Args:
            which: `THERMAL` or `RGB`.
            image: of that camera.
        """
        self._add(self._pairing.push(which, image.stamp, image))
        return self._chosen(image.received)

    def look(self, stamp: int, found: bool) -> list[Pair[T]]:
        """Tell whether something was found in the image of a stamp; return as `push`.

        Images are looked at in their order: pairs before this one, of which nothing is known, are
        not waited for.
        """
        self._looks[stamp] = found
        if len(self._looks) > LOOKS:
            self._looks.popitem(last=False)
        return self._chosen(None)

    def flush(self) -> list[Pair[T]]:
        """Return the pairs chosen among the images that wait, for the end of a recording."""
        self._add(self._pairing.flush())
        chosen = self._chosen(None)
        self.counters.unseen += len(self._waiting)
        self._waiting.clear()
        return chosen

    def _add(self, pairs: list[Pair[T]]) -> None:
        for pair in pairs:
            try:
                bright = self._bright is not None and self._bright(pair.rgb)
            except ImageError as error:
                self.counters.unreadable += 1
                self._report(str(error))
                continue
            if bright:
                self.counters.bright += 1
            else:
                self._waiting.append(pair)

    def _chosen(self, now: int | None) -> list[Pair[T]]:
        found = [True if self._wait is None else self._found(pair) for pair in self._waiting]
        known = [number for number, each in enumerate(found) if each is not None]
        decided = known[-1] + 1 if known else 0
        while decided < len(found) and self._late(self._waiting[decided], now):
            decided += 1
        chosen = []
        for each in found[:decided]:
            pair = self._waiting.popleft()
            if each is None:
                self.counters.unseen += 1
            elif not each:
                self.counters.empty += 1
            elif (self.counters.chosen + self.counters.skipped) % self._every:
                self.counters.skipped += 1
            else:
                self.counters.chosen += 1
                chosen.append(pair)
        return chosen

    def _found(self, pair: Pair[T]) -> bool | None:
        """Return what was said of either of its images."""
        return self._looks.get(pair.rgb.stamp, self._looks.get(pair.thermal.stamp))

    def _late(self, pair: Pair[T], now: int | None) -> bool:
        if now is None or self._wait is None:
            return False
        return now - max(pair.thermal.received, pair.rgb.received) > self._wait
