# SPDX-License-Identifier: Apache-2.0
"""An MCAP bag that ends well on a full disk: what its end needs is taken from its last messages.

Builds upon the inside of rosbags' writer, of the version that the requirements name.
"""

from __future__ import annotations

import os
from collections import defaultdict
from io import BufferedWriter, BytesIO, FileIO
from pathlib import Path
from typing import Any, NamedTuple, cast

from rosbags.interfaces import ConnectionExtRosbag2
from rosbags.rosbag2 import CompressionFormat, StoragePlugin, Writer
from rosbags.rosbag2.enums import CompressionMode
from rosbags.rosbag2.storage_mcap import McapWriter, PendingChunk

from bifuse_ros.bag_metadata import FORMAT_VERSION, NEVER, BagFile, as_yaml, bag_information

GRANULARITY = 64
"""A file can go back chunk by chunk over so many; before these, by so many chunks."""


class _Whole(NamedTuple):
    """What was written when a chunk was complete."""

    size: int
    chunks: int
    counts: dict[int, int]
    start: int
    end: int


class EndingFile(McapWriter):
    """An MCAP file that can go back to its last whole chunks, and to some of those before."""

    def __init__(self, path: Path, compression: CompressionMode) -> None:
        super().__init__(path, compression)
        self._whole = [self._state()]

    @property
    def size(self) -> int:
        """Bytes written, and in the chunk that is not complete yet."""
        return self._whole[-1].size + self.chunk.bio.tell()

    @property
    def written(self) -> BagFile:
        """What is in it so far."""
        start, end = self.message_start_time, self.message_end_time
        return BagFile(self.path.name, start, end, dict(self.channel_stats))

    def rename(self, name: str) -> None:
        """Give it another name in its folder, while it is written."""
        self.path = self.path.rename(self.path.with_name(name))

    def close_chunk(self) -> None:
        """Write the chunk in hand."""
        super().close_chunk()
        self._whole.append(self._state())
        # One of each chunk of a recording of days would fill the memory.
        if len(self._whole) > GRANULARITY and self._whole[-1 - GRANULARITY].chunks % GRANULARITY:
            del self._whole[-1 - GRANULARITY]

    def flush(self) -> None:
        """Complete the chunk in hand, and have the disk begin to write, without waiting for it."""
        if self.chunk.msgs:
            self.close_chunk()
        # Its pages are given up after that, and are written for it. To wait until they are would
        # lose messages where the disk is slow.
        os.posix_fadvise(self.bio.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def shorten(self) -> bool:
        """Go back to the last whole chunk; from there, to one before. False: there is none."""
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
        self.chunk = PendingChunk(NEVER, 0, BytesIO(), defaultdict(list))
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
    """A writer of MCAP bags that gives up messages at the end rather than the end of the bag.

    Its metadata name whole files only, at any time: what is whole can be read when the process is
    killed. A cut power supply may take of them what the disk has not written yet; to wait for it
    would lose messages.

    Args:
        path: folder of the bag.
        compress: compress the chunks with zstd.
        numbered: call the files PATH_0, PATH_1, ... as rosbag2 does; otherwise there is one, PATH.
    """

    STORAGE_PLUGINS = {StoragePlugin.MCAP: EndingFile}

    def __init__(self, path: Path, *, compress: bool, numbered: bool) -> None:
        super().__init__(path, version=FORMAT_VERSION, storage_plugin=StoragePlugin.MCAP)
        if compress:
            self.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
        self._numbered = numbered
        self._files: list[BagFile] = []
        self._noted: dict[str, Any] = {}

    @property
    def file(self) -> EndingFile:
        """The file in hand."""
        assert isinstance(self.storage, EndingFile)
        return self.storage

    def open(self) -> None:
        """Make the folder, and begin the first file."""
        super().open()
        self._name()

    def flush(self) -> None:
        """Hand everything so far to the operating system, and the custom data with it.

        Raises:
            OSError: the disk is full.
        """
        self.file.flush()
        self._write_metadata(*self._files)

    def next_file(self) -> None:
        """End the file in hand as `close` does, and begin the next with the same topics.

        Raises:
            OSError: the disk is full; the bag has ended.
        """
        assert self._numbered
        self.close()
        try:
            self.storage = EndingFile(self.path, self.compression_mode)
        except OSError:
            (self.path / f"{self.path.name}.mcap").unlink(missing_ok=True)
            raise
        self._name()
        connections, self.connections = self.connections, []
        self.added_types.clear()
        for each in connections:
            self.add_connection(
                each.topic,
                each.msgtype,
                msgdef=each.msgdef.data,
                rihs01=each.digest,
                offered_qos_profiles=cast(ConnectionExtRosbag2, each.ext).offered_qos_profiles,
            )

    def close(self) -> None:
        """Write what is pending, the index and the metadata, with as many messages as fit.

        Does nothing where there is no file in hand.

        Raises:
            OSError: they do not fit even without messages; the file is gone.
        """
        if not self.storage:
            return
        file, self.storage = self.file, None
        while True:
            written = file.written
            try:
                file.close(self.version, as_yaml(self._information(written)))
                self._write_metadata(*self._files, written)
                self._files.append(written)
                return
            except OSError:
                if not file.shorten():
                    file.path.unlink()
                    raise

    def _information(self, *files: BagFile) -> dict[str, Any]:
        return bag_information(self.connections, files, self.custom_data)

    def _write_metadata(self, *files: BagFile) -> None:
        place = self.metapath.with_suffix(".yaml.tmp")
        information = self._information(*files)
        if information != self._noted:
            text = as_yaml({"rosbag2_bagfile_information": information})
            place.write_text(text, encoding="utf-8")
            place.replace(self.metapath)
            self._noted = information

    def _name(self) -> None:
        # The library names a file after its folder.
        if self._numbered:
            self.file.rename(f"{self.path.name}_{len(self._files)}.mcap")
