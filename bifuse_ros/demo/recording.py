# SPDX-License-Identifier: Apache-2.0
"""What a bag of the demo tells: times of all images, and the pictures of some moments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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

    def moments(self, numbers: set[int]) -> Iterator[Moment]:
        """Yield the moments of those pictures of `shown` that have these numbers, in order."""
        shown, start = self.shown, self.stamps[FUSED][0]
        pending: dict[str, dict[int, Any]] = {
            topic: {} for topic in (THERMAL, RGB, FUSED) if topic != shown
        }
        seen = 0
        gain = ThermalNormaliser()
        with AnyReader([self.bag]) as reader:
            # Typed as any object by the library.
            deserialize: Callable[..., Any] = reader.deserialize
            images = [c for c in reader.connections if c.topic in (*pending, shown)]
            for connection, _, data in reader.messages(images):
                stamp = header_stamp(data)
                if connection.topic != shown:
                    waiting = pending[connection.topic]
                    waiting[stamp] = (data, connection.msgtype)
                    if len(waiting) > 50:
                        del waiting[next(iter(waiting))]
                    continue
                if seen in numbers and all(pending.values()):
                    nearest = {
                        topic: waiting[min(waiting, key=lambda other: abs(other - stamp))]
                        for topic, waiting in pending.items()
                    }
                    thermal = raw_thermal(deserialize(*nearest[THERMAL]))
                    warm = (gain(thermal, stamp) * 255).astype(np.uint8)
                    nearest[shown] = (data, connection.msgtype)
                    overlay = nearest.get(OVERLAY)
                    yield Moment(
                        (stamp - start) / 1e9,
                        np.repeat(warm[..., None], 3, axis=2),
                        raw_rgb(deserialize(*nearest[RGB])),
                        raw_rgb(deserialize(*nearest[FUSED])),
                        raw_rgb(deserialize(*overlay)) if overlay else None,
                    )
                seen += 1
