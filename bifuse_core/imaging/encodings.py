# SPDX-License-Identifier: Apache-2.0
"""What the bytes of an image message mean; needs no ROS, only something that has its fields."""

from __future__ import annotations

from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from bifuse_core.imaging.encoded import is_cut_off

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
"""Encodings decoded here."""


class ImageError(ValueError):
    """A message holds no usable picture; the text names the value and the limit."""


class RawImage(Protocol):
    """The fields of sensor_msgs/Image."""

    height: int
    width: int
    encoding: str
    is_bigendian: int
    step: int
    data: Any


class PackedImage(Protocol):
    """The fields of sensor_msgs/CompressedImage."""

    format: str
    data: Any


def raw_thermal(message: RawImage) -> NDArray[Any]:
    """Return a thermal image as counts.

    Returns:
        (H, W) uint8, uint16 or float32 in the byte order of this machine; a view of the message
        where that is possible, not to be written to.

    Raises:
        ImageError: the encoding is none of `THERMAL_ENCODINGS`, or size and data disagree.
    """
    if message.encoding not in THERMAL_ENCODINGS:
        raise unknown_encoding(message, THERMAL_ENCODINGS)
    return _native(_view(message)[..., 0])


def raw_rgb(message: RawImage) -> NDArray[np.uint8]:
    """Return a colour image as red, green, blue.

    Returns:
        (H, W, 3) uint8; a view of the message where it is rgb8, not to be written to.

    Raises:
        ImageError: the encoding is none of `RGB_ENCODINGS`, or size and data disagree.
    """
    if message.encoding not in RGB_ENCODINGS:
        raise unknown_encoding(message, RGB_ENCODINGS)
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


def packed_thermal(message: PackedImage) -> NDArray[Any]:
    """Return a compressed thermal image as counts, (H, W) in its own depth.

    Raises:
        ImageError: the data is no picture, its end is missing, or its size is absurd.
    """
    return _unpacked(message, cv2.IMREAD_ANYDEPTH | cv2.IMREAD_GRAYSCALE)


def packed_rgb(message: PackedImage) -> NDArray[np.uint8]:
    """Return a compressed colour image as red, green, blue, (H, W, 3) uint8.

    Raises:
        ImageError: the data is no picture, its end is missing, or its size is absurd.
    """
    return cv2.cvtColor(_unpacked(message, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def check_raw(message: RawImage, choices: tuple[str, ...]) -> None:
    """Refuse an image whose encoding, size, step and data do not agree; no pixel is touched.

    Raises:
        ImageError: the encoding is none of the choices, or size and data disagree.
    """
    if message.encoding not in choices:
        raise unknown_encoding(message, choices)
    kind, channels = _LAYOUTS[message.encoding]
    _rows(message, channels * np.dtype(kind).itemsize)


def check_size(width: int, height: int) -> None:
    """Refuse a picture without pixels or of an absurd size.

    Raises:
        ImageError: a side is not 1 to `MAXIMUM_SIDE`.
    """
    if not (0 < height <= MAXIMUM_SIDE and 0 < width <= MAXIMUM_SIDE):
        raise ImageError(f"size is {width}x{height}; each side must be 1 to {MAXIMUM_SIDE}")


def unknown_encoding(message: RawImage, choices: tuple[str, ...]) -> ImageError:
    """Return the error that names an encoding and what could be used instead."""
    return ImageError(f"encoding is {message.encoding!r:.80}; usable are {', '.join(choices)}")


def _view(message: RawImage) -> NDArray[Any]:
    kind, channels = _LAYOUTS[message.encoding]
    order = ">" if message.is_bigendian else "<"
    dtype = np.dtype(order + kind)
    rows = _rows(message, channels * dtype.itemsize)
    if dtype.itemsize > 1 and message.step != rows.shape[1]:
        # Padding may end between elements, and NumPy before 1.23 views no padded rows.
        rows = np.ascontiguousarray(rows)
    return rows.view(dtype).reshape(message.height, message.width, channels)


def _rows(message: RawImage, pixel_bytes: int) -> NDArray[np.uint8]:
    """Return the bytes of the pixels, (H, W * pixel_bytes), without the padding of the rows."""
    height, width, step = message.height, message.width, message.step
    check_size(width, height)
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


def _native(picture: NDArray[Any]) -> NDArray[Any]:
    return picture.astype(picture.dtype.newbyteorder("="), copy=False)


def _unpacked(message: PackedImage, flags: int) -> NDArray[Any]:
    data = np.frombuffer(message.data, np.uint8)
    try:
        picture = cv2.imdecode(data, flags) if data.size else None
    except cv2.error:  # a header that claims an absurd size
        picture = None
    if picture is None or is_cut_off(data.tobytes()):
        raise ImageError(
            f"{data.size} bytes of format {message.format!r:.80} are no readable picture"
        )
    check_size(picture.shape[1], picture.shape[0])
    return picture
