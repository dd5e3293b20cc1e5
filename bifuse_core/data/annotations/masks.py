# SPDX-License-Identifier: Apache-2.0
"""Masks: a picture of class numbers."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bifuse_core.data.faults import MaskError, PictureError, Report
from bifuse_core.data.pictures import read_as_stored, size_of
from bifuse_core.imaging.encoded import is_cut_off
from bifuse_core.metrics.unlabelled import UNLABELLED

_PNG = b"\x89PNG\r\n\x1a\n"
_GREY, _PALETTE = 0, 3
_ALTERED = {(8, _PALETTE), *((bits, kind) for bits in (1, 2, 4) for kind in (_GREY, _PALETTE))}
"""Depth and colour type of PNG files whose numbers OpenCV alters."""


@dataclass(frozen=True)
class MaskFile:
    """The mask of one picture: grey levels, or the numbers of a palette, are class numbers.

    Attributes:
        file: the picture.
        classes: how many there are; values 0 to classes - 1 and 255 are known.
        read_as: further values that the file may have, and what each is read as.
    """

    file: Path
    classes: int
    read_as: Mapping[int, int] = field(default_factory=dict)

    def read(self, height: int, width: int, report: Report) -> NDArray[np.uint8] | None:
        """Return the mask, (H, W) class numbers, 255 unlabelled; None after a report that it fails.

        Args:
            height: of the picture, pixels.
            width: of the picture, pixels.
            report: told of each `MaskError`; unknown values are then read as unlabelled.
        """
        try:
            mask = _numbers(self.file)
        except PictureError as error:
            report(MaskError(str(error)))
            return None
        if mask.ndim != 2 or mask.dtype != np.uint8:
            report(MaskError(f"{self.file}: masks have one 8-bit channel, not {_kind(mask)}"))
            return None
        if mask.shape != (height, width):
            report(
                MaskError(f"{self.file}: the mask is {size_of(mask)}, the picture {width}x{height}")
            )
            return None
        table = np.full(256, UNLABELLED, np.uint8)
        table[: self.classes] = np.arange(self.classes)
        for value, instead in self.read_as.items():
            table[value] = instead
        known = {*range(self.classes), UNLABELLED, *self.read_as}
        unknown = [v for v in np.unique(mask).tolist() if v not in known]
        if unknown:
            report(
                MaskError(f"{self.file}: values {unknown} are none of the {self.classes} classes")
            )
        return np.asarray(table[mask], np.uint8)


def _numbers(file: Path) -> NDArray[np.generic]:
    """Read a mask as the numbers that are stored.

    OpenCV turns a palette into colours and stretches grey of fewer than 8 bits, so it is made to
    see the numbers.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise PictureError(f"{file}: not a readable picture: {error.strerror}") from error
    if not (data.startswith(_PNG) and tuple(data[24:26]) in _ALTERED) or is_cut_off(data):
        return read_as_stored(file)
    picture = cv2.imdecode(np.frombuffer(_as_grey(data), np.uint8), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise PictureError(f"{file}: not a readable picture")
    stretch = 255 // (2 ** data[24] - 1)
    return np.asarray(picture) // np.uint8(stretch)


def _as_grey(data: bytes) -> bytes:
    """Return a palette PNG as a grey one: same pixels, without the chunks of the palette."""
    whole = bytearray(_PNG)
    for chunk in _chunks(data):
        kind = chunk[4:8]
        if kind == b"IHDR":
            header = chunk[4:17] + bytes((_GREY,)) + chunk[18:21]
            whole += chunk[:4] + header + zlib.crc32(header).to_bytes(4, "big")
        elif kind in (b"IDAT", b"IEND"):
            # With its checksum, so that damage is still seen.
            whole += chunk
    return bytes(whole)


def _chunks(data: bytes) -> Iterator[bytes]:
    """Yield length, name, content and checksum of each chunk as one."""
    position = len(_PNG)
    while position + 12 <= len(data):
        length = 12 + int.from_bytes(data[position : position + 4], "big")
        yield data[position : position + length]
        position += length


def _kind(mask: NDArray[np.generic]) -> str:
    return f"{1 if mask.ndim == 2 else mask.shape[2]} of {mask.dtype}"
