# SPDX-License-Identifier: Apache-2.0
"""What can be read of a serialised message (CDR) without making a message of it."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from struct import unpack_from

from bifuse_core.imaging.encodings import ImageError


@dataclass
class SerialisedImage:
    """The fields of a sensor_msgs/Image behind its header; `data` is a view of the message."""

    height: int
    width: int
    encoding: str
    is_bigendian: int
    step: int
    data: memoryview


def header_stamp(data: bytes | memoryview) -> int:
    """Return the stamp, nanoseconds, of a message that begins with a std_msgs/Header."""
    seconds, nanoseconds = unpack_from(f"{_order(data)}iI", data, 4)
    return int(seconds) * 1_000_000_000 + int(nanoseconds)


def serialised_image(data: bytes | memoryview) -> SerialisedImage:
    """Return the fields of a sensor_msgs/Image, without a copy of its pixels.

    Raises:
        ImageError: it ends before its pixels do.
    """
    order = _order(data)
    # Alignment counts from behind the four bytes that name the encapsulation.
    body = memoryview(data)[4:]
    try:
        (frame,) = unpack_from(f"{order}I", body, 8)
        at = _aligned(12 + frame)
        height, width, name = unpack_from(f"{order}3I", body, at)
        encoding = bytes(body[at + 12 : at + 12 + name]).rstrip(b"\0").decode()
        at += 12 + name
        is_bigendian = body[at]
        at = _aligned(at + 1)
        step, size = unpack_from(f"{order}2I", body, at)
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise ImageError(f"{len(data)} bytes are no serialised image") from error
    # Too few bytes are seen when they are compared with size and step.
    return SerialisedImage(height, width, encoding, is_bigendian, step, body[at + 8 :][:size])


def _order(data: bytes | memoryview) -> str:
    return "<" if data[1] & 1 else ">"


def _aligned(at: int) -> int:
    return (at + 3) // 4 * 4
