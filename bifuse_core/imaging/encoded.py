# SPDX-License-Identifier: Apache-2.0
"""Whether a compressed picture arrived to its end."""

from __future__ import annotations

_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
_PNG_START, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND"
_START_OF_SCAN = 0xDA
# Markers without a length: padding, restarts, and the start of the picture.
_STANDALONE = {0x01, 0xFF, *range(0xD0, 0xD9)}


def is_cut_off(data: bytes) -> bool:
    """Tell whether the end of a JPEG or PNG is missing.

    Some decoders fill what is missing with grey and report nothing. Data of other formats counts as
    whole; what comes behind the end is ignored, because some cameras append to their pictures.

    Source: ITU-T T.81, annex B (markers of JPEG); ISO/IEC 15948 (chunks of PNG).
    """
    if data.startswith(_PNG_START):
        return _PNG_END not in data
    if not data.startswith(_JPEG_START):
        return False
    return data.find(_JPEG_END, _scan(data)) < 0


def _scan(data: bytes) -> int:
    """Return where the first scan of a JPEG begins: before it a thumbnail may have its own end."""
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker in _STANDALONE:
            position += 1 if marker == 0xFF else 2
            continue
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        if marker == _START_OF_SCAN:
            break
    return position
