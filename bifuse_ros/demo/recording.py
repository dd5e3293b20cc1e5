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
from bifuse_ros.demo.topics import DIAGNOSTICS, FUSED, IMAGES, RGB, THERMAL, fusion_diagnostics


class Moment(NamedTuple):
    """One fused picture and the pair it was made of, each (H, W, 3) uint8 red, green, blue."""

    seconds: float
    """Since the first image of the bag."""
    thermal: NDArray[np.uint8]
    rgb: NDArray[np.uint8]
    fused: NDArray[np.uint8]


@dataclass
class Recording:
    """Times of the images in a bag, nanoseconds.

    Attributes:
        stamps: stamp of each image by topic, in order of arrival.
        fused_age: receipt minus stamp of each fused image.
        diagnostics: last values of the fusion node's diagnostics while it was fusing.
    """

    bag: Path
    stamps: dict[str, list[int]] = field(default_factory=lambda: {topic: [] for topic in IMAGES})
    fused_age: list[int] = field(default_factory=list)
    diagnostics: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, bag: Path) -> Recording:
        """Read all times of a bag."""
        recording = cls(bag)
        with AnyReader([bag]) as reader:
            for connection, received, data in reader.messages():
                if connection.topic in recording.stamps:
                    stamp = _header_stamp(data)
                    recording.stamps[connection.topic].append(stamp)
                    if connection.topic == FUSED:
                        recording.fused_age.append(received - stamp)
                elif connection.topic == DIAGNOSTICS:
                    diagnosed = fusion_diagnostics(reader.deserialize(data, connection.msgtype))
                    if diagnosed and diagnosed[0] == "fusing":
                        recording.diagnostics = diagnosed[1]
        return recording

    def rate(self) -> float:
        """Return fused images per second; 1 where there are too few to tell."""
        stamps = self.stamps[FUSED]
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
        """Yield the moments of the fused images of these numbers, in order."""
        start = self.stamps[FUSED][0]
        pending: dict[str, dict[int, Any]] = {THERMAL: {}, RGB: {}}
        seen = 0
        gain = ThermalNormaliser()
        with AnyReader([self.bag]) as reader:
            # Typed as any object by the library.
            deserialize: Callable[..., Any] = reader.deserialize
            images = [c for c in reader.connections if c.topic in self.stamps]
            for connection, _, data in reader.messages(images):
                stamp = _header_stamp(data)
                if connection.topic != FUSED:
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
                    yield Moment(
                        (stamp - start) / 1e9,
                        np.repeat(warm[..., None], 3, axis=2),
                        raw_rgb(deserialize(*nearest[RGB])),
                        raw_rgb(deserialize(data, connection.msgtype)),
                    )
                seen += 1


def _header_stamp(data: bytes | memoryview) -> int:
    """Read the stamp of a serialised message that begins with a std_msgs/Header (CDR)."""
    order = "<" if data[1] & 1 else ">"
    seconds, nanoseconds = np.frombuffer(data, order + "u4", count=2, offset=4)
    return int(seconds) * 1_000_000_000 + int(nanoseconds)
