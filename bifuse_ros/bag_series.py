# SPDX-License-Identifier: Apache-2.0
"""A recording in bags one after the other, each of about one size and readable by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from rclpy.qos import QoSProfile

from bifuse_ros.bag_writer import BagWriter


class Received(NamedTuple):
    """A serialised message.

    Attributes:
        topic: number of its topic in the recording.
        kind: its type, such as `sensor_msgs/msg/Image`.
        received: time of its receipt, nanoseconds.
        data: its bytes (CDR).
        stamp: time in its header, nanoseconds; 0 where nobody asks for it.
    """

    topic: int
    kind: str
    received: int
    data: bytes
    stamp: int = 0


class BagSeries:
    """Write bags: BAG alone, or BAG_0, BAG_1, ... where their size is limited.

    Args:
        path: BAG, a folder that must not exist.
        compress: as of `BagWriter`.
        size: bytes after which a bag ends and the next begins; 0: never.
        notes: gives the custom data of a bag when it ends.

    Raises:
        OSError: as of `BagWriter`.
    """

    def __init__(
        self, path: Path, *, compress: bool, size: int, notes: Callable[[], Mapping[str, str]]
    ) -> None:
        self._path, self._compress, self._size, self._notes = path, compress, size, notes
        self._topics: list[tuple[str, str, list[QoSProfile]]] = []
        self._begun = 0
        if size and (left := sorted(path.parent.glob(f"{path.name}_[0-9]*"))):
            raise FileExistsError(f"{left[0]} exists; a bag is never overwritten")
        self._bag: BagWriter | None = self._begin()

    @property
    def open(self) -> bool:
        """Whether there is a bag to write to."""
        return self._bag is not None

    def add_topic(self, topic: str, kind: str, offered: list[QoSProfile]) -> int:
        """Add a topic and return its number, as `BagWriter.add_topic`."""
        assert self._bag
        number = self._bag.add_topic(topic, kind, offered)
        self._topics.append((topic, kind, offered))
        return number

    def write(self, messages: Iterable[Received]) -> None:
        """Write messages into one bag: what belongs together is not torn apart.

        Raises:
            OSError: the disk is full; the bag has ended, with what fits.
        """
        assert self._bag
        if self._size and self._bag.size >= self._size:
            self.close()
            self._bag = self._begin()
        try:
            for message in messages:
                self._bag.write(message.topic, message.received, message.data)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """End the bag in hand.

        Raises:
            OSError: its end does not fit on the disk.
        """
        bag, self._bag = self._bag, None
        if bag:
            bag.close(self._notes())

    def _begin(self) -> BagWriter:
        number = f"_{self._begun}" if self._size else ""
        bag = BagWriter(self._path.with_name(self._path.name + number), compress=self._compress)
        self._begun += 1
        for topic in self._topics:
            bag.add_topic(*topic)
        return bag
