# SPDX-License-Identifier: Apache-2.0
"""Bags for tests, written by rosbags from messages built by their definition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

STORE = get_typestore(Stores.ROS2_JAZZY)
RAW, PACKED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"


def header(stamp: int) -> Any:
    seconds, nanoseconds = divmod(stamp, 1_000_000_000)
    time = STORE.types["builtin_interfaces/msg/Time"](sec=seconds, nanosec=nanoseconds)
    return STORE.types["std_msgs/msg/Header"](stamp=time, frame_id="camera")


def image(
    picture: np.ndarray[Any, Any],
    encoding: str,
    stamp: int,
    *,
    padding: int = 0,
    big_endian: bool = False,
) -> Any:
    """Return an image message with `padding` bytes of 0xAA behind each row."""
    if big_endian:
        picture = picture.astype(picture.dtype.newbyteorder(">"))
    rows = [np.ascontiguousarray(row).tobytes() + b"\xaa" * padding for row in picture]
    return STORE.types[RAW](
        header=header(stamp),
        height=picture.shape[0],
        width=picture.shape[1],
        encoding=encoding,
        is_bigendian=int(big_endian),
        step=len(rows[0]),
        data=np.frombuffer(b"".join(rows), np.uint8),
    )


def packed(data: bytes, stamp: int) -> Any:
    return STORE.types[PACKED](
        header=header(stamp), format="png", data=np.frombuffer(data, np.uint8)
    )


def write_bag(path: Path, messages: list[tuple[str, Any]], *, sqlite: bool = False) -> Path:
    """Write messages (topic, message), received 5 ms after their stamps at the earliest."""
    plugin = StoragePlugin.SQLITE3 if sqlite else StoragePlugin.MCAP
    with Writer(path, version=8, storage_plugin=plugin) as writer:
        connections: dict[str, Any] = {}
        received = 0
        for topic, message in messages:
            kind = message.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=STORE)
            stamp = message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec
            received = max(received + 1, stamp + 5_000_000)
            writer.write(connections[topic], received, STORE.serialize_cdr(message, kind))
    return path
