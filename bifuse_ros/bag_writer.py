# SPDX-License-Identifier: Apache-2.0
"""A rosbag2 bag in MCAP, written from serialised messages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rclpy.duration import Duration
from rclpy.qos import QoSProfile
from rosbags.interfaces import (
    Connection,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)

from bifuse_ros.mcap_ending import EndingWriter
from bifuse_ros.message_types import types_with


class BagWriter:
    """Write one bag.

    Args:
        path: folder of the bag; must not exist.
        compress: compress the chunks of its files with zstd, which readers undo by themselves.
        numbered: of several files, PATH_0.mcap, PATH_1.mcap, ...; otherwise of one, PATH.mcap.

    Raises:
        FileExistsError: the folder exists.
        OSError: it cannot be written, on a full disk say; nothing is left of it.
    """

    def __init__(self, path: Path, *, compress: bool = False, numbered: bool = False) -> None:
        if path.exists():
            raise FileExistsError(f"{path} exists; a bag is never overwritten")
        self._writer = EndingWriter(path, compress=compress, numbered=numbered)
        try:
            self._writer.open()
        except OSError as error:
            shutil.rmtree(path, ignore_errors=True)
            raise OSError(f"{path}: {error.strerror}") from error
        self._connections: list[Connection] = []

    def add_topic(self, topic: str, kind: str, offered: list[QoSProfile]) -> int:
        """Add a topic and return its number for `write`.

        Args:
            topic: absolute name.
            kind: message type, such as `sensor_msgs/msg/Image`.
            offered: quality of service of its publishers.

        Raises:
            ValueError: the definition of the message type is not installed.
        """
        profiles = [_qos(profile) for profile in offered]
        self._connections.append(
            self._writer.add_connection(
                topic, kind, typestore=types_with(kind), offered_qos_profiles=profiles
            )
        )
        return len(self._connections) - 1

    def write(self, topic: int, stamp: int, data: bytes) -> None:
        """Write one serialised (CDR) message received at `stamp` nanoseconds.

        Raises:
            OSError: the disk is full.
        """
        with self._named():
            self._writer.write(self._connections[topic], stamp, data)

    def flush(self, notes: Mapping[str, str]) -> None:
        """Hand everything so far to the operating system, so that a killed process keeps it.

        Args:
            notes: custom data of the metadata so far.

        Raises:
            OSError: the disk is full.
        """
        self._note(notes)
        with self._named():
            self._writer.flush()

    def next_file(self, notes: Mapping[str, str]) -> None:
        """End the file in hand, and go on in the next. All metadata so far name is whole.

        Raises:
            OSError: the disk is full.
        """
        self._note(notes)
        with self._named():
            self._writer.next_file()

    @property
    def size(self) -> int:
        """Bytes of the file in hand so far."""
        return self._writer.file.size

    def close(self, notes: Mapping[str, str] | None = None) -> None:
        """Write what is pending and the metadata; on a full disk with as many messages as fit.

        Args:
            notes: custom data of the metadata.
        """
        self._note(notes or {})
        self._writer.close()

    def _note(self, notes: Mapping[str, str]) -> None:
        for name, note in notes.items():
            self._writer.set_custom_data(name, note)

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OSError(f"{self._writer.path}: {error.strerror}; the bag ends here") from error


def _qos(profile: QoSProfile) -> Qos:
    return Qos(
        history=QosHistory(int(profile.history)),
        depth=profile.depth,
        reliability=QosReliability(int(profile.reliability)),
        durability=QosDurability(int(profile.durability)),
        deadline=_time(profile.deadline),
        lifespan=_time(profile.lifespan),
        liveliness=QosLiveliness(int(profile.liveliness)),
        liveliness_lease_duration=_time(profile.liveliness_lease_duration),
        avoid_ros_namespace_conventions=profile.avoid_ros_namespace_conventions,
    )


def _time(duration: Duration) -> QosTime:
    seconds, nanoseconds = divmod(duration.nanoseconds, 1_000_000_000)
    return QosTime(seconds, nanoseconds)
