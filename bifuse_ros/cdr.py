# SPDX-License-Identifier: Apache-2.0
"""What can be read of a serialised message (CDR) without making a message of it."""

from __future__ import annotations

from struct import unpack_from


def header_stamp(data: bytes | memoryview) -> int:
    """Return the stamp, nanoseconds, of a message that begins with a std_msgs/Header."""
    order = "<" if data[1] & 1 else ">"
    seconds, nanoseconds = unpack_from(f"{order}iI", data, 4)
    return int(seconds) * 1_000_000_000 + int(nanoseconds)
