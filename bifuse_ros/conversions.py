# SPDX-License-Identifier: Apache-2.0
"""Between image messages and arrays; the only place that touches the data of a message."""

from __future__ import annotations

import sys
from array import array
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

MAXIMUM_SIDE = 8192
"""Longest side of a picture in pixels; a larger one is a damaged header, not a camera."""

_LAYOUTS: dict[str, tuple[str, int]] = {
    "mono8": ("u1", 1),
    "8UC1": ("u1", 1),
    "mono16": ("u2", 1),
    "16UC1": ("u2", 1),
    "32FC1": ("f4", 1),
    "rgb8": ("u1", 3),
    "bgr8": ("u1", 3),
    "8UC3": ("u1", 3),
    "rgba8": ("u1", 4),
    "bgra8": ("u1", 4),
    **{f"bayer_{pattern}8": ("u1", 1) for pattern in ("rggb", "bggr", "gbrg", "grbg")},
    **{name: ("u1", 2) for name in ("yuv422", "uyvy", "yuv422_yuy2", "yuyv")},
}
"""Element type and channels of each encoding (sensor_msgs/image_encodings)."""

_TO_RGB = {
    "bgr8": cv2.COLOR_BGR2RGB,
    "8UC3": cv2.COLOR_BGR2RGB,
    "rgba8": cv2.COLOR_RGBA2RGB,
    "bgra8": cv2.COLOR_BGRA2RGB,
    "mono8": cv2.COLOR_GRAY2RGB,
    # OpenCV names a Bayer pattern by its second row, ROS by its first.
    "bayer_rggb8": cv2.COLOR_BayerBG2RGB,
    "bayer_bggr8": cv2.COLOR_BayerRG2RGB,
    "bayer_gbrg8": cv2.COLOR_BayerGR2RGB,
    "bayer_grbg8": cv2.COLOR_BayerGB2RGB,
    "yuv422": cv2.COLOR_YUV2RGB_UYVY,
    "uyvy": cv2.COLOR_YUV2RGB_UYVY,
    "yuv422_yuy2": cv2.COLOR_YUV2RGB_YUY2,
    "yuyv": cv2.COLOR_YUV2RGB_YUY2,
}

THERMAL_ENCODINGS = ("mono8", "8UC1", "mono16", "16UC1", "32FC1")
RGB_ENCODINGS = ("rgb8", *_TO_RGB)
"""Encodings decoded here; others are left to cv_bridge where it is installed."""


class ImageError(ValueError):
    """A message holds no usable picture; the text names the value and the limit."""


def check(message: Image | CompressedImage, *, thermal: bool) -> None:
    """Refuse a message that cannot hold a picture, in microseconds: no pixel is touched.

    Size, step and data must agree, and the encoding be known. Whether compressed data is sound,
    only decoding tells.

    Raises:
        ImageError: the text names the value and the limit.
    """
    if isinstance(message, CompressedImage):
        if not len(message.data):
            raise ImageError(f"0 bytes of format {message.format!r} are no readable picture")
    elif message.encoding in (THERMAL_ENCODINGS if thermal else RGB_ENCODINGS):
        kind, channels = _LAYOUTS[message.encoding]
        _rows(message, channels * np.dtype(kind).itemsize)
    elif thermal:
        raise _unknown_encoding(message, THERMAL_ENCODINGS)
    elif not _bridge_knows(message.encoding):
        raise _unknown_encoding(message, RGB_ENCODINGS)
    else:
        _check_size(message.width, message.height)


def thermal_picture(message: Image | CompressedImage) -> NDArray[Any]:
    """Return a thermal message as counts.

    Returns:
        (H, W) uint8, uint16 or float32 in the byte order of this machine; a view of the message
        where that is possible, not to be written to.

    Raises:
        ImageError: the encoding is none of `THERMAL_ENCODINGS`, or size and data disagree.
    """
    if isinstance(message, CompressedImage):
        return _decompressed(message, cv2.IMREAD_ANYDEPTH | cv2.IMREAD_GRAYSCALE)
    if message.encoding not in THERMAL_ENCODINGS:
        raise _unknown_encoding(message, THERMAL_ENCODINGS)
    return _native(_view(message)[..., 0])


def rgb_picture(message: Image | CompressedImage) -> NDArray[np.uint8]:
    """Return a colour message as red, green, blue.

    Returns:
        (H, W, 3) uint8; a view of the message where it is rgb8, not to be written to.

    Raises:
        ImageError: neither `RGB_ENCODINGS` nor cv_bridge has the encoding, or size and data
            disagree.
    """
    if isinstance(message, CompressedImage):
        return cv2.cvtColor(_decompressed(message, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    if message.encoding not in RGB_ENCODINGS:
        return _bridged(message)
    view = _view(message)
    if message.encoding == "rgb8":
        return view
    try:
        return cv2.cvtColor(view, _TO_RGB[message.encoding])
    except cv2.error as error:
        # Mosaics and yuv422 cannot have every size.
        raise ImageError(
            f"{message.width}x{message.height} cannot be {message.encoding}: {error.err}"
        ) from error


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


def _view(message: Image) -> NDArray[Any]:
    kind, channels = _LAYOUTS[message.encoding]
    order = ">" if message.is_bigendian else "<"
    dtype = np.dtype(order + kind)
    rows = _rows(message, channels * dtype.itemsize)
    if dtype.itemsize > 1 and message.step != rows.shape[1]:
        # Padding may end between elements, and NumPy before 1.23 views no padded rows.
        rows = np.ascontiguousarray(rows)
    return rows.view(dtype).reshape(message.height, message.width, channels)


def _rows(message: Image, pixel_bytes: int) -> NDArray[np.uint8]:
    """Return the bytes of the pixels, (H, W * pixel_bytes), without the padding of the rows."""
    height, width, step = message.height, message.width, message.step
    _check_size(width, height)
    if step < width * pixel_bytes:
        raise ImageError(
            f"step is {step} bytes; {width} pixels of {message.encoding} need {width * pixel_bytes}"
        )
    data = np.frombuffer(message.data, np.uint8)
    # The last row may lack its padding.
    needed = step * (height - 1) + width * pixel_bytes
    if data.size < needed:
        raise ImageError(
            f"data has {data.size} bytes; {width}x{height} {message.encoding} with step {step} "
            f"needs {needed}"
        )
    return np.lib.stride_tricks.as_strided(data, (height, width * pixel_bytes), (step, 1))


def _check_size(width: int, height: int) -> None:
    if not (0 < height <= MAXIMUM_SIDE and 0 < width <= MAXIMUM_SIDE):
        raise ImageError(f"size is {width}x{height}; each side must be 1 to {MAXIMUM_SIDE}")


def _native(picture: NDArray[Any]) -> NDArray[Any]:
    return picture.astype(picture.dtype.newbyteorder("="), copy=False)


def _bridged(message: Image) -> NDArray[np.uint8]:
    _check_size(message.width, message.height)
    try:
        from cv_bridge import CvBridge

        return np.asarray(CvBridge().imgmsg_to_cv2(message, "rgb8"), np.uint8)
    except Exception as error:
        raise _unknown_encoding(message, RGB_ENCODINGS) from error


def _decompressed(message: CompressedImage, flags: int) -> NDArray[Any]:
    data = np.frombuffer(message.data, np.uint8)
    try:
        picture = cv2.imdecode(data, flags) if data.size else None
    except cv2.error:  # a header that claims an absurd size
        picture = None
    if picture is None:
        raise ImageError(f"{data.size} bytes of format {message.format!r} are no readable picture")
    _check_size(picture.shape[1], picture.shape[0])
    return picture


def _unknown_encoding(message: Image, choices: tuple[str, ...]) -> ImageError:
    return ImageError(f"encoding is {message.encoding!r}; usable are {', '.join(choices)}")
