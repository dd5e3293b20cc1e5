# SPDX-License-Identifier: Apache-2.0
"""A recording in files one after the other, each of about one size, whole as soon as it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
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
    """Write a bag of one file, BAG.mcap, or BAG_0.mcap, BAG_1.mcap, ... where size is limited.

    Args:
        path: BAG, a folder that must not exist.
        compress: as of `BagWriter`.
        size: bytes after which a file ends and the next begins; 0: never.
        notes: gives the custom data of the bag so far.

    Raises:
        OSError: as of `BagWriter`.
    """

    def __init__(
        self, path: Path, *, compress: bool, size: int, notes: Callable[[], Mapping[str, str]]
    ) -> None:
        self._size, self._notes = size, notes
        self._bag: BagWriter | None = BagWriter(path, compress=compress, numbered=size > 0)

    @property
    def open(self) -> bool:
        """Whether the bag can be written to."""
        return self._bag is not None

    def add_topic(self, topic: str, kind: str, offered: list[QoSProfile]) -> int:
        """Add a topic and return its number, as `BagWriter.add_topic`."""
        assert self._bag
        return self._bag.add_topic(topic, kind, offered)

    def write(self, messages: Iterable[Received]) -> None:
        """Write messages into one file: what belongs together is not torn apart.

        Raises:
            OSError: the disk is full; the bag has ended, with what fits.
        """
        with self._ended_by_errors() as bag:
            if self._size and bag.size >= self._size:
                bag.next_file(self._notes())
            for message in messages:
                bag.write(message.topic, message.received, message.data)

    def flush(self) -> None:
        """Hand everything so far to the operating system (see `BagWriter`).

        Raises:
            OSError: as of `write`.
        """
        with self._ended_by_errors() as bag:
            bag.flush(self._notes())

    def close(self) -> None:
        """End the bag.

        Raises:
            OSError: its end does not fit on the disk.
        """
        bag, self._bag = self._bag, None
        if bag:
            bag.close(self._notes())

    @contextmanager
    def _ended_by_errors(self) -> Iterator[BagWriter]:
        assert self._bag
        try:
            yield self._bag
        except OSError:
            self.close()
            raise
