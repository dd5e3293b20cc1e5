# SPDX-License-Identifier: Apache-2.0
"""Image messages for tests, built from their definition, not by the code under test."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from sensor_msgs.msg import Image
from std_msgs.msg import Header


def header(stamp: int, frame_id: str = "") -> Header:
    seconds, nanoseconds = divmod(stamp, 1_000_000_000)
    return Header(stamp=Time(sec=seconds, nanosec=nanoseconds), frame_id=frame_id)


def image(
    picture: np.ndarray[Any, Any],
    encoding: str,
    stamp: int = 0,
    frame_id: str = "",
    *,
    padding: int = 0,
    big_endian: bool = False,
) -> Image:
    """Return a message with `padding` bytes of 0xAA behind each row."""
    height, width = picture.shape[:2]
    if big_endian:
        picture = picture.astype(picture.dtype.newbyteorder(">"))
    rows = [bytes(np.ascontiguousarray(row).tobytes()) + b"\xaa" * padding for row in picture]
    message = Image(header=header(stamp, frame_id), height=height, width=width, encoding=encoding)
    message.step, message.is_bigendian = len(rows[0]), int(big_endian)
    message.data = array("B", b"".join(rows))
    return message


def scene(seed: int, width: int, height: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return a thermal (H, W) and an RGB (H, W, 3) picture of random blocks, uint8."""
    random = np.random.default_rng(seed)
    thermal = np.kron(random.integers(0, 255, (height // 8 + 1, width // 8 + 1)), np.ones((8, 8)))
    rgb = np.kron(random.integers(0, 255, (height // 8 + 1, width // 8 + 1, 3)), np.ones((8, 8, 1)))
    return thermal[:height, :width].astype(np.uint8), rgb[:height, :width].astype(np.uint8)
