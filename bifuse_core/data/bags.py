# SPDX-License-Identifier: Apache-2.0
"""Bags as a source of pairs: two image topics of a rosbag2 recording, paired as on the robot.

Read with the package rosbags, which needs no ROS.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bifuse_core.data.bag_reader import open_bag, stamp_of
from bifuse_core.data.faults import ONE_SIZE, PairError, PictureError
from bifuse_core.data.pairs import ImagePair
from bifuse_core.data.pictures import size_of
from bifuse_core.imaging import encodings
from bifuse_core.imaging.thermal import Limits, ThermalNormaliser, ThermalSettings, finite
from bifuse_core.streams.pairing import RGB, THERMAL, StreamPairing

TOPICS = ("thermal/image_raw", "rgb/image_raw")
"""Thermal and RGB, as recorder_node records them."""

_GREY = ("mono8", "8UC1")
_RAW, _COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"


@dataclass(frozen=True)
class Synchronisation:
    """How fusion_node pairs the images of two cameras: its parameters `sync.*`.

    Attributes:
        slop: largest distance of the stamps of a pair, seconds.
        offset: added to the stamps of the thermal camera, seconds.
        capacity: images that may wait for their partner, of each camera.
    """

    slop: float = 0.02
    offset: float = 0.0
    capacity: int = 10


class Recorded(NamedTuple):
    """Where one image lies in a bag."""

    topic: str
    received: int
    """Time of the recording, nanoseconds; how a reader finds the message."""
    stamp: int
    """Time in its header, nanoseconds; what it is paired by."""
    encoding: str
    """Of its pixels, where it is not compressed."""
    frame_id: str
    """Coordinate frame in its header."""


@dataclass(frozen=True)
class BagPairs:
    """The pairs of a bag (a `PairSource`), in SQLite or MCAP.

    Attributes:
        path: folder of the bag, or its one .mcap or .db3 file.
        topics: names of the thermal and the RGB topic, with or without the leading slash; where one
            is not recorded, its sibling `/compressed` is taken.
        sync: how they are paired.
        one_size: refuse pairs whose pictures differ in size.
        reference: `rgb` or `thermal`, the camera whose stamps the thermal range follows.

    Raises:
        PairError: it is no bag, a topic is not in it, or nothing in it makes a pair.
    """

    path: Path
    topics: tuple[str, str] = TOPICS
    sync: Synchronisation = Synchronisation()
    one_size: bool = True
    reference: str = "rgb"
    _limits: dict[ThermalSettings, tuple[Limits | None, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        if not self.index:
            raise PairError(
                f"{self.path}: no images of {' and '.join(self.topics)} were taken within "
                f"{self.sync.slop * 1e3:g} ms of each other"
            )

    @cached_property
    def index(self) -> tuple[tuple[Recorded, Recorded], ...]:
        """The (thermal, RGB) images of each pair, found in one pass over the bag."""
        with open_bag(self.path) as reader:
            thermal, rgb = self._connections(reader)
            pairing = StreamPairing[Recorded](
                round(self.sync.slop * 1e9),
                offset=round(self.sync.offset * 1e9),
                capacity=self.sync.capacity,
            )
            pairs = []
            for connection, received, data in reader.messages([*thermal, *rgb]):
                message = reader.deserialize(data, connection.msgtype)
                encoding, frame = getattr(message, "encoding", ""), message.header.frame_id
                image = Recorded(connection.topic, received, stamp_of(message), encoding, frame)
                side = THERMAL if connection in thermal else RGB
                pairs += pairing.push(side, image.stamp, image)
            pairs += pairing.flush()
        return tuple((pair.thermal, pair.rgb) for pair in pairs)

    @property
    def rate(self) -> float | None:
        """Pairs per second, by the stamps of the RGB camera; None for one pair."""
        first, last = self.index[0][1].stamp, self.index[-1][1].stamp
        return (len(self) - 1) / (last - first) * 1e9 if last > first else None

    def __len__(self) -> int:
        return len(self.index)

    def __iter__(self) -> Iterator[ImagePair]:
        with open_bag(self.path) as reader:
            for number in range(len(self)):
                yield self._pair(reader, number)

    def __getitem__(self, number: int) -> ImagePair:
        """Read one pair.

        Raises:
            PictureError: an image is malformed, the two differ in size, or no thermal pixel is
                finite.
        """
        with open_bag(self.path) as reader:
            return self._pair(reader, number)

    def thermal_limits(self, settings: ThermalSettings) -> tuple[Limits | None, ...]:
        """Return the thermal range of each pair as fusion_node has it, smoothed over time.

        Found in one pass over the bag at the first call, and kept from then on.

        Returns:
            None for pairs that cannot be read, and for all pairs where no range is measured.
        """
        if settings not in self._limits:
            self._limits[settings] = tuple(self._followed(settings))
        return self._limits[settings]

    def _followed(self, settings: ThermalSettings) -> Iterator[Limits | None]:
        grey = all(thermal.encoding in _GREY for thermal, _ in self.index)
        types = (np.uint8,) if grey else (np.uint8, np.uint16, np.float32)
        if not any(settings.measures(np.dtype(kind)) for kind in types):
            yield from [None] * len(self)
            return
        normaliser = ThermalNormaliser(settings)
        with open_bag(self.path) as reader:
            for number in range(len(self)):
                try:
                    thermal = self._pair(reader, number).thermal
                    yield normaliser.limits(thermal, self.shown(number).stamp)
                except PictureError:
                    yield None

    def shown(self, number: int) -> Recorded:
        """Return the image of the reference in a pair: results carry its header."""
        return self.index[number][RGB if self.reference == "rgb" else THERMAL]

    def name(self, number: int) -> str:
        """Return the name of a pair, BAG/NUMBER."""
        return f"{self.path.stem}/{number:06d}"

    def _connections(self, reader: Any) -> list[list[Any]]:
        """Return the connections (publishers) of the thermal and of the RGB topic."""
        images = [c for c in reader.connections if c.msgtype in (_RAW, _COMPRESSED)]
        chosen = []
        for topic in self.topics:
            name = "/" + topic.strip("/")
            for candidate in (name, f"{name}/compressed"):
                found = [c for c in images if c.topic == candidate and c.msgcount]
                if found:
                    break
            else:
                there = ", ".join(sorted({c.topic for c in images})) or "none"
                raise PairError(f"{self.path}: no images on {name}; topics of images: {there}")
            chosen.append(found)
        return chosen

    def _pair(self, reader: Any, number: int) -> ImagePair:
        thermal, rgb = (self._picture(reader, n, side) for side, n in enumerate(self.index[number]))
        if self.one_size and thermal.shape != rgb.shape[:2]:
            raise PictureError(
                f"{self.path}: thermal is {size_of(thermal)} but RGB is {size_of(rgb)} in pair "
                f"{number}; {ONE_SIZE}"
            )
        return ImagePair(self.name(number), thermal, np.asarray(rgb, np.uint8))

    def _picture(self, reader: Any, image: Recorded, side: int) -> NDArray[Any]:
        connections = [c for c in reader.connections if c.topic == image.topic]
        start = image.received
        where = f"{self.path}: {image.topic} at {image.stamp} ns"
        for connection, _, data in reader.messages(connections, start, start + 1):
            message = reader.deserialize(data, connection.msgtype)
            if stamp_of(message) != image.stamp:
                continue
            packed = connection.msgtype == _COMPRESSED
            decoders = (
                (encodings.raw_thermal, encodings.packed_thermal),
                (encodings.raw_rgb, encodings.packed_rgb),
            )
            try:
                # A copy: what a reader hands out cannot be written to.
                picture = np.array(decoders[side][packed](message))
            except encodings.ImageError as error:
                raise PictureError(f"{where}: {error}") from error
            if side == THERMAL and not finite(picture).any():
                raise PictureError(f"{where}: no pixel is finite")
            return picture
        raise PictureError(f"{where} is no longer there")
