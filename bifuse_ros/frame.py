# SPDX-License-Identifier: Apache-2.0
"""An image on its way through the fusion node, and the cameras it comes from."""

from __future__ import annotations

from dataclasses import dataclass

from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from bifuse_core.streams.pairing import RGB, THERMAL

CAMERAS = {THERMAL: "thermal", RGB: "rgb"}


@dataclass(frozen=True)
class Frame:
    """One image on its way.

    Attributes:
        which: THERMAL or RGB.
        message: the image.
        stamp: of its header, nanoseconds.
        received: `perf_counter` at receipt, seconds.
    """

    which: int
    message: Image | CompressedImage
    stamp: int
    received: float

    @property
    def header(self) -> Header:
        """The header of its message."""
        return self.message.header
