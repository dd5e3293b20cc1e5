# SPDX-License-Identifier: Apache-2.0
"""Picture files, read so that a damaged one is never taken for a picture, and written whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bifuse_core.data.faults import PictureError
from bifuse_core.data.whole import written_whole
from bifuse_core.imaging.encoded import is_cut_off

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")


def read_thermal(file: Path) -> NDArray[Any]:
    """Return a thermal picture, (H, W) uint8 or uint16.

    Raises:
        PictureError: the file is damaged or of another type.
    """
    picture = _decoded(file, cv2.IMREAD_ANYDEPTH | cv2.IMREAD_GRAYSCALE)
    if picture.dtype not in (np.uint8, np.uint16):
        raise PictureError(f"{file}: thermal pictures are 8- or 16-bit, not {picture.dtype}")
    return picture


def read_colour(file: Path) -> NDArray[np.uint8]:
    """Return a colour picture, (H, W, 3) red, green, blue.

    Raises:
        PictureError: the file is damaged.
    """
    return np.ascontiguousarray(_decoded(file, cv2.IMREAD_COLOR)[..., ::-1])


def read_as_stored(file: Path) -> NDArray[Any]:
    """Return a picture with the channels and the depth that it is stored with; colours as BGR.

    Raises:
        PictureError: the file is damaged.
    """
    return _decoded(file, cv2.IMREAD_UNCHANGED)


def write_picture(file: Path, picture: NDArray[Any], quality: int = 90) -> None:
    """Write a picture, whole or not at all.

    Args:
        file: its suffix chooses the format; of these, only PNG keeps the picture as it is.
        picture: (H, W) uint8 or uint16 levels, or (H, W, 3) uint8 red, green, blue.
        quality: of a JPEG, percent.

    Raises:
        OSError: it cannot be written.
    """
    stored = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    # OpenCV complains of options that a format does not have.
    jpeg = file.suffix.lower() in (".jpg", ".jpeg")
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if jpeg else []
    # OpenCV's own way to write a file does not tell when the disk is full.
    _, encoded = cv2.imencode(file.suffix, stored, options)
    with written_whole(file) as place:
        place.write_bytes(encoded.tobytes())


def size_of(picture: NDArray[Any]) -> str:
    """Return the size as people say it: width x height."""
    return f"{picture.shape[1]}x{picture.shape[0]}"


def _decoded(file: Path, flags: int) -> NDArray[Any]:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise PictureError(f"{file}: not a readable picture: {error.strerror}") from error
    if is_cut_off(data):
        raise PictureError(f"{file}: not a readable picture: its end is missing")
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    except cv2.error:  # a header that claims an absurd size
        picture = None
    if picture is None:
        raise PictureError(f"{file}: not a readable picture")
    return picture
