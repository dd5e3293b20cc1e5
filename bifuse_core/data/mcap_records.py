# SPDX-License-Identifier: Apache-2.0
"""The records of an MCAP file as far as they are whole, of a file without its end too.

Source: https://mcap.dev/spec.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from struct import Struct
from typing import BinaryIO, NamedTuple

MAGIC = b"\x89MCAP0\r\n"
FOOTER, SCHEMA, CHANNEL, MESSAGE, CHUNK, DATA_END = 2, 3, 4, 5, 6, 15
_HEAD, _CHUNK, _LENGTH = Struct("<BQ"), Struct("<QQQI"), Struct("<Q")


class Record(NamedTuple):
    """One record.

    Attributes:
        code: what it is.
        content: its bytes, without code and length.
    """

    code: int
    content: bytes


class Fields:
    """Takes the fields of a record, one after the other.

    Raises:
        ValueError: a field goes beyond the end of the record.
    """

    def __init__(self, content: bytes) -> None:
        self._content = BytesIO(content)

    @property
    def left(self) -> int:
        """Bytes that are left."""
        return self._content.getbuffer().nbytes - self._content.tell()

    def numbers(self, form: Struct) -> tuple[int, ...]:
        """Return numbers as `struct` describes them."""
        return form.unpack(self.data(form.size))

    def data(self, size: int) -> bytes:
        """Return `size` bytes."""
        data = self._content.read(size)
        if len(data) != size:
            raise ValueError(f"a field of {size} bytes has {len(data)}")
        return data

    def rest(self) -> bytes:
        """Return what is left."""
        return self._content.read()

    def sized(self) -> bytes:
        """Return bytes behind their number."""
        return self.data(int.from_bytes(self.data(4), "little"))

    def text(self) -> str:
        """Return a text."""
        return self.sized().decode()


def broken_off(file: Path) -> bool:
    """Tell whether a file is one of MCAP that lacks its end, as one that a killed recorder leaves.

    One that is empty, or begins with zeros, is what a cut power supply may leave.

    Raises:
        OSError: it cannot be read.
    """
    with file.open("rb") as data:
        begin = data.read(len(MAGIC))
        if begin != MAGIC:
            unwritten = MAGIC.startswith(begin) or not any(begin)
            return file.suffix == ".mcap" and unwritten
        size = data.seek(0, os.SEEK_END)
        data.seek(max(len(MAGIC), size - len(MAGIC)))
        return data.read() != MAGIC


def whole_records(file: BinaryIO) -> Iterator[Record]:
    """Yield the records of a file as far as they are whole, those of a chunk instead of it.

    A chunk whose bytes are damaged is yielded as it is, and the records behind it are read.

    Args:
        file: read until its summary begins, or a record is not whole.

    Raises:
        ImportError: rosbags, which uncompresses chunks, is not installed.
    """
    from rosbags.rosbag2.storage_mcap import decompress

    size = file.seek(0, os.SEEK_END)
    at = len(MAGIC)
    while at + _HEAD.size <= size:
        file.seek(at)
        code, length = _HEAD.unpack(file.read(_HEAD.size))
        at += _HEAD.size + length
        # A disk that lost its power may have zeros where nothing was written.
        if code in (0, FOOTER, DATA_END) or at > size:
            return
        record = Record(code, file.read(length))
        if code != CHUNK:
            yield record
            continue
        try:
            fields = Fields(record.content)
            _, _, unpacked, checksum = fields.numbers(_CHUNK)
            compression, (packed,) = fields.text(), fields.numbers(_LENGTH)
            records = _split(decompress(fields.data(packed), compression, unpacked, checksum))
        # Over damaged bytes a library raises whatever the one beneath it does.
        except Exception:
            yield record
        else:
            yield from records


def _split(chunk: bytes) -> list[Record]:
    fields = Fields(chunk)
    records = []
    while fields.left:
        code, length = fields.numbers(_HEAD)
        if not code:
            raise ValueError("a record without a code")
        records.append(Record(code, fields.data(length)))
    return records
