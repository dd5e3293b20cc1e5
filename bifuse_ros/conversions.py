# SPDX-License-Identifier: Apache-2.0
"""Between image messages and arrays; what the bytes mean is said by `imaging/encodings`."""

from __future__ import annotations

import sys
from array import array
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from bifuse_core.imaging import encodings
from bifuse_core.imaging.encodings import RGB_ENCODINGS, THERMAL_ENCODINGS, ImageError

__all__ = [
    "RGB_ENCODINGS",
    "THERMAL_ENCODINGS",
    "ImageError",
    "check",
    "image_message",
    "rgb_picture",
    "thermal_picture",
]


def check(message: Image | CompressedImage, *, thermal: bool) -> None:
    """Refuse a message that cannot hold a picture, in microseconds: no pixel is touched.

    Size, step and data must agree, and the encoding be known. Whether compressed data is sound,
    only decoding tells.

    Raises:
        ImageError: the text names the value and the limit.
    """
    if isinstance(message, CompressedImage):
        if not len(message.data):
            raise ImageError(f"0 bytes of format {message.format!r:.80} are no readable picture")
    elif thermal:
        encodings.check_raw(message, THERMAL_ENCODINGS)
    elif message.encoding in RGB_ENCODINGS:
        encodings.check_raw(message, RGB_ENCODINGS)
    elif not _bridge_knows(message.encoding):
        raise encodings.unknown_encoding(message, RGB_ENCODINGS)
    else:
        encodings.check_size(message.width, message.height)


def thermal_picture(message: Image | CompressedImage) -> NDArray[Any]:
    """Return a thermal message as counts.

    Returns:
        (H, W) uint8, uint16 or float32 in the byte order of this machine; a view of the message
        where that is possible, not to be written to.

    Raises:
        ImageError: the encoding is none of `THERMAL_ENCODINGS`, or size and data disagree.
    """
    if isinstance(message, CompressedImage):
        return encodings.packed_thermal(message)
    return encodings.raw_thermal(message)


def rgb_picture(message: Image | CompressedImage) -> NDArray[np.uint8]:
    """Return a colour message as red, green, blue.

    Returns:
        (H, W, 3) uint8; a view of the message where it is rgb8, not to be written to.

    Raises:
        ImageError: neither `RGB_ENCODINGS` nor cv_bridge has the encoding, or size and data
            disagree.
    """
    if isinstance(message, CompressedImage):
        return encodings.packed_rgb(message)
    if message.encoding not in RGB_ENCODINGS:
        return _bridged(message)
    return encodings.raw_rgb(message)


def image_message(picture: NDArray[Any], encoding: str, header: Header) -> Image:
    """Return an image message that holds the picture.

    Args:
        picture: (H, W) or (H, W, C), C-contiguous; the message may keep a view of it, so it must
            not be written to afterwards.
        encoding: its encoding (sensor_msgs/image_encodings).
        header: taken as it is.
    """
    height, width = picture.shape[:2]
    message = Image(header=header, height=height, width=width, encoding=encoding)
    message.step = picture.nbytes // height
    message.is_bigendian = int(sys.byteorder == "big")
    data = np.ascontiguousarray(picture).data.cast("B")
    if _accepts_memoryview():
        message._data = data
    else:
        message.data = array("B", data)
    return message


@cache
def _accepts_memoryview() -> bool:
    """Tell whether this distribution publishes a memoryview put behind the setter of `data`.

    The setter copies (1 ms for a Full HD picture); what lies behind it belongs to the generated
    code and may change, so it is tried once before it is relied on.
    """
    probe = Image(height=1, width=3, step=3, encoding="mono8")
    try:
        probe._data = memoryview(b"\x01\x02\x03")
        received = deserialize_message(serialize_message(probe), Image)
        return bytes(received.data) == b"\x01\x02\x03"
    except Exception:
        return False


@cache
def _bridge_knows(encoding: str) -> bool:
    try:
        from cv_bridge import CvBridge

        CvBridge().encoding_to_cvtype2(encoding)
    # cv_bridge raises all kinds of errors, its import too (NumPy ABI).
    except Exception:
        return False
    return True


def _bridged(message: Image) -> NDArray[np.uint8]:
    encodings.check_size(message.width, message.height)
    try:
        from cv_bridge import CvBridge

        return np.asarray(CvBridge().imgmsg_to_cv2(message, "rgb8"), np.uint8)
    except Exception as error:
        raise encodings.unknown_encoding(message, RGB_ENCODINGS) from error
