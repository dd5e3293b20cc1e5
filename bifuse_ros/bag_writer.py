# SPDX-License-Identifier: Apache-2.0
"""A rosbag2 bag in MCAP, written from serialised messages."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

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
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin

from bifuse_ros.mcap_ending import EndingWriter
from bifuse_ros.message_types import types_with

FORMAT_VERSION: Literal[8] = 8
"""Of the metadata; Humble and later read it."""


class BagWriter:
    """Write one bag.

    Args:
        path: folder of the bag; must not exist.
        compress: compress the chunks of the file with zstd, which readers undo by themselves.

    Raises:
        FileExistsError: the folder exists.
        OSError: it cannot be written, on a full disk say; nothing is left of it.
    """

    def __init__(self, path: Path, *, compress: bool = False) -> None:
        if path.exists():
            raise FileExistsError(f"{path} exists; a bag is never overwritten")
        self._writer = EndingWriter(path, version=FORMAT_VERSION, storage_plugin=StoragePlugin.MCAP)
        if compress:
            self._writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
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
        """Write one serialised (CDR) message received at `stamp` nanoseconds."""
        try:
            self._writer.write(self._connections[topic], stamp, data)
        except OSError as error:
            raise OSError(f"{self._writer.path}: {error.strerror}; the bag ends here") from error

    @property
    def size(self) -> int:
        """Bytes of the bag so far."""
        return self._writer.size

    def close(self, notes: Mapping[str, str] | None = None) -> None:
        """Write what is pending and the metadata; on a full disk with as many messages as fit.

        Args:
            notes: custom data of the metadata.
        """
        for name, note in (notes or {}).items():
            self._writer.set_custom_data(name, note)
        self._writer.close()


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
