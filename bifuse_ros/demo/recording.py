# SPDX-License-Identifier: Apache-2.0
"""What a bag of the demo tells: times of all images, and the pictures of some moments."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rosbags.highlevel import AnyReader

from bifuse_core.imaging.encodings import raw_rgb, raw_thermal
from bifuse_core.imaging.thermal import ThermalNormaliser
from bifuse_ros.cdr import header_stamp
from bifuse_ros.topics import (
    DIAGNOSTICS,
    FUSED,
    OVERLAY,
    RESULTS,
    RGB,
    THERMAL,
    fusion_diagnostics,
    sight_diagnostics,
)

TIMED = (THERMAL, RGB, *RESULTS.values())


class Moment(NamedTuple):
    """One fused picture, the pair it was made of, and the overlay that was made of it.

    Each is (H, W, 3) uint8 red, green, blue.
    """

    seconds: float
    """Since the first image of the bag."""
    thermal: NDArray[np.uint8]
    rgb: NDArray[np.uint8]
    fused: NDArray[np.uint8]
    overlay: NDArray[np.uint8] | None
    """None where the node drew none."""


@dataclass
class Recording:
    """Times of the messages in a bag, nanoseconds.

    Attributes:
        stamps: stamp of each image and result by topic, in order of arrival.
        ages: receipt minus stamp of each of them.
        diagnostics: last values of the fusion node's diagnostics while it was fusing.
        sights: last values of what its detector and segmenter told, by name.
    """

    bag: Path
    stamps: dict[str, list[int]] = field(default_factory=lambda: {topic: [] for topic in TIMED})
    ages: dict[str, list[int]] = field(default_factory=lambda: {topic: [] for topic in TIMED})
    diagnostics: dict[str, str] = field(default_factory=dict)
    sights: dict[str, dict[str, str]] = field(default_factory=dict)

    @classmethod
    def read(cls, bag: Path) -> Recording:
        """Read all times of a bag."""
        recording = cls(bag)
        with AnyReader([bag]) as reader:
            for connection, received, data in reader.messages():
                if connection.topic in recording.stamps:
                    stamp = header_stamp(data)
                    recording.stamps[connection.topic].append(stamp)
                    recording.ages[connection.topic].append(received - stamp)
                elif connection.topic == DIAGNOSTICS:
                    message = reader.deserialize(data, connection.msgtype)
                    diagnosed = fusion_diagnostics(message)
                    if diagnosed and diagnosed[0].startswith("fusing"):
                        recording.diagnostics = diagnosed[1]
                        recording.sights = sight_diagnostics(message)
        return recording

    @property
    def shown(self) -> str:
        """The topic whose pictures are the moments: the overlay where there is one, else fused."""
        return OVERLAY if self.stamps[OVERLAY] else FUSED

    def rate(self, topic: str = FUSED) -> float:
        """Return messages per second of a topic; 1 where there are too few to tell."""
        stamps = self.stamps[topic]
        span = (stamps[-1] - stamps[0]) / 1e9 if stamps else 0.0
        return (len(stamps) - 1) / span if span > 0 else 1.0

    def skews(self) -> list[float]:
        """Return the distance of each fused pair's stamps, in milliseconds."""
        thermal = np.asarray(self.stamps[THERMAL])
        return [
            float(thermal[np.abs(thermal - stamp).argmin()] - stamp) / 1e6
            for stamp in self.stamps[FUSED]
        ]

    def middles(self, parts: int) -> dict[int, int]:
        """Return the stamp of a picture for each of equal parts of the time that cameras recorded.

        It is the one nearest the middle of the part, with an overlay where the part has any. Keys
        are the numbers of the parts; one without a fused picture is left out.
        """
        cameras = self.stamps[THERMAL] + self.stamps[RGB]
        start = min(cameras)
        length = max(max(cameras) - start, 1) / parts
        chosen: dict[int, int] = {}
        for topic in (FUSED, OVERLAY):
            nearest: dict[int, float] = {}
            for stamp in self.stamps[topic]:
                place = (stamp - start) / length
                part = min(max(int(place), 0), parts - 1)
                distance = abs(place - part - 0.5)
                if distance < nearest.get(part, math.inf):
                    nearest[part], chosen[part] = distance, stamp
        return dict(sorted(chosen.items()))

    def moments(self, stamps: Iterable[int]) -> Iterator[Moment]:
        """Yield the moments of the fused pictures with these stamps, in order.

        The overlay of a busy node may lie seconds behind the pair it was made of.
        """
        awaited = deque(self._parts(stamp) for stamp in sorted(set(stamps)))
        needed = {part for parts in awaited for part in parts.items()}
        found: dict[tuple[str, int], Any] = {}
        gain = ThermalNormaliser()
        with AnyReader([self.bag]) as reader:
            # Typed as any object by the library.
            deserialize: Callable[..., Any] = reader.deserialize
            images = [c for c in reader.connections if c.topic in (THERMAL, RGB, FUSED, OVERLAY)]
            for connection, _, data in reader.messages(images):
                part = connection.topic, header_stamp(data)
                if part in needed:
                    found[part] = deserialize(data, connection.msgtype)
                while awaited and all(part in found for part in awaited[0].items()):
                    parts = awaited.popleft()
                    yield self._moment(parts, found, gain)
                    needed = {part for parts in awaited for part in parts.items()}
                    for part in parts.items() - needed:
                        del found[part]

    def _parts(self, stamp: int) -> dict[str, int]:
        """Return the stamp of each picture of a moment, by topic."""
        parts = {
            topic: min(self.stamps[topic], key=lambda other: abs(other - stamp))
            for topic in (THERMAL, RGB, FUSED)
        }
        return parts | ({OVERLAY: stamp} if stamp in self.stamps[OVERLAY] else {})

    def _moment(
        self, parts: dict[str, int], found: dict[tuple[str, int], Any], gain: ThermalNormaliser
    ) -> Moment:
        messages = {topic: found[topic, stamp] for topic, stamp in parts.items()}
        stamp = parts.get(OVERLAY, parts[FUSED])
        warm = (gain(raw_thermal(messages[THERMAL]), stamp) * 255).astype(np.uint8)
        return Moment(
            (stamp - self.stamps[FUSED][0]) / 1e9,
            np.repeat(warm[..., None], 3, axis=2),
            raw_rgb(messages[RGB]),
            raw_rgb(messages[FUSED]),
            raw_rgb(messages[OVERLAY]) if OVERLAY in messages else None,
        )
