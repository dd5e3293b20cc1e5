# SPDX-License-Identifier: Apache-2.0
"""An MCAP bag that ends well on a full disk: what its end needs is taken from its last messages.

Builds upon the inside of rosbags' writer, of the version that the requirements name.
"""

from __future__ import annotations

from collections import defaultdict
from io import BufferedWriter, BytesIO, FileIO
from pathlib import Path
from typing import NamedTuple

from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.rosbag2.enums import CompressionMode
from rosbags.rosbag2.storage_mcap import McapWriter, PendingChunk


class _Whole(NamedTuple):
    """What was written when a chunk was complete."""

    size: int
    chunks: int
    counts: dict[int, int]
    start: int
    end: int


class EndingFile(McapWriter):
    """An MCAP file that can go back to any of its whole chunks."""

    def __init__(self, path: Path, compression: CompressionMode) -> None:
        super().__init__(path, compression)
        self._whole = [self._state()]

    @property
    def size(self) -> int:
        """Bytes written, and in the chunk that is not complete yet."""
        return self._whole[-1].size + self.chunk.bio.tell()

    def close_chunk(self) -> None:
        """Write the chunk in hand."""
        super().close_chunk()
        self._whole.append(self._state())

    def shorten(self) -> bool:
        """Go back to the last whole chunk; from there, to the one before. False: there is none."""
        whole = self._whole[-1]
        if len(self.chunks) == whole.chunks and not self.chunk.bio.tell():
            if len(self._whole) == 1:
                return False
            self._whole.pop()
            whole = self._whole[-1]
        # Not through the buffer, which would try again to write what does not fit.
        self.bio.raw.close()
        self.bio = BufferedWriter(FileIO(self.path, "r+"))
        self.bio.truncate(whole.size)
        self.bio.seek(whole.size)
        del self.chunks[whole.chunks :]
        self.chunk = PendingChunk(2**63 - 1, 0, BytesIO(), defaultdict(list))
        self.channel_stats = {number: whole.counts.get(number, 0) for number in self.channel_stats}
        self.message_start_time, self.message_end_time = whole.start, whole.end
        return True

    def _state(self) -> _Whole:
        # What is only in the buffer may not fit.
        self.bio.flush()
        return _Whole(
            self.bio.tell(),
            len(self.chunks),
            dict(self.channel_stats),
            self.message_start_time,
            self.message_end_time,
        )


class EndingWriter(Writer):
    """A writer of MCAP bags that gives up messages at the end rather than the end of the bag."""

    STORAGE_PLUGINS = {StoragePlugin.MCAP: EndingFile}

    @property
    def size(self) -> int:
        """Bytes of its file so far."""
        assert isinstance(self.storage, EndingFile)
        return self.storage.size

    def close(self) -> None:
        """Write what is pending, the index and the metadata, with as many messages as fit.

        Raises:
            OSError: they do not fit even without messages.
        """
        storage = self.storage
        assert isinstance(storage, EndingFile)
        while True:
            try:
                super().close()
                return
            except OSError:
                if not storage.shorten():
                    raise
            self.storage = storage
            self.counts = dict(storage.channel_stats)
            self.min_timestamp = storage.message_start_time
            self.max_timestamp = storage.message_end_time
