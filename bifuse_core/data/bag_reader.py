# SPDX-License-Identifier: Apache-2.0
"""Bags on disk: what is one, and its reader (of the package rosbags, which needs no ROS)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bifuse_core.data.faults import PairError

BAG_SUFFIXES = (".mcap", ".db3")


def is_bag(path: Path) -> bool:
    """Tell whether a path is a bag: a file of one, or a folder that holds one."""
    if path.is_dir():
        return (path / "metadata.yaml").is_file() or len(_files(path)) == 1
    return path.suffix in BAG_SUFFIXES


def _files(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.iterdir()) if file.suffix in BAG_SUFFIXES]


def stamp_of(message: Any) -> int:
    """Return the time in the header of a message, nanoseconds."""
    stamp = message.header.stamp
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


@contextmanager
def open_bag(path: Path) -> Iterator[Any]:
    """Open a bag and give its reader, an `AnyReader` of rosbags.

    Raises:
        PairError: rosbags is not installed, or the bag is damaged.
    """
    try:
        from rosbags.highlevel import AnyReader
        from rosbags.typesys import Stores, get_typestore
    except ImportError as error:
        raise PairError(f"{path}: bags need the package rosbags (pip install rosbags)") from error
    if not is_bag(path):
        raise PairError(f"{path}: not a bag; expected a rosbag2 folder, .mcap or .db3 file")
    # A recording that broke off has no metadata.
    whole = path.is_file() or (path / "metadata.yaml").is_file()
    try:
        # Recordings of Humble and before do not carry the definitions of their messages.
        types = get_typestore(Stores.ROS2_HUMBLE)
        with AnyReader([path if whole else _files(path)[0]], default_typestore=types) as reader:
            yield reader
    except PairError:
        raise
    # Over damaged bytes a reader raises whatever the library beneath it does.
    except Exception as error:
        raise PairError(f"{path}: not a readable bag: {type(error).__name__}: {error}") from error
