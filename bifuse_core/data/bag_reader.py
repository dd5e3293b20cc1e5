# SPDX-License-Identifier: Apache-2.0
"""Bags on disk: what is one, and its reader (of the package rosbags, which needs no ROS)."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from bifuse_core.data.faults import PairError
from bifuse_core.data.mcap_records import broken_off

BAG_SUFFIXES = (".mcap", ".db3")

_LOG = logging.getLogger(__name__)


def is_bag(path: Path) -> bool:
    """Tell whether a path is a bag: a file of one, or a folder that holds one."""
    if not path.is_dir():
        return path.suffix in BAG_SUFFIXES
    files = bag_files(path)
    # A recording of several files that broke off may have no metadata.
    return (
        (path / "metadata.yaml").is_file()
        or len(files) == 1
        or any(broken_off(file) for file in files)
    )


def bag_files(bag: Path) -> list[Path]:
    """Return the files of a bag in the order of their recording: BAG_9 before BAG_10."""
    if bag.is_file():
        return [bag]
    files = [file for file in bag.iterdir() if file.suffix in BAG_SUFFIXES]
    return sorted(files, key=lambda file: (len(file.name), file.name))


def stamp_of(message: Any) -> int:
    """Return the time in the header of a message, nanoseconds."""
    stamp = message.header.stamp
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


@contextmanager
def open_bag(path: Path) -> Iterator[Any]:
    """Open a bag and give its reader, an `AnyReader` of rosbags.

    Of a recording that broke off after some whole files, these are read, with a warning.

    Raises:
        PairError: rosbags is not installed, or the bag is damaged, or has no end; `repair` of
            `bag_repair` writes one that has.
    """
    try:
        from rosbags.highlevel import AnyReader
        from rosbags.typesys import Stores, get_typestore
    except ImportError as error:
        raise PairError(f"{path}: bags need the package rosbags (pip install rosbags)") from error
    if not is_bag(path):
        raise PairError(f"{path}: not a bag; expected a rosbag2 folder, .mcap or .db3 file")
    remedy = f"its recording broke off; `bifuse repair {path}` writes what is whole into a new bag"
    try:
        files = bag_files(path)
        broken = [file for file in files if broken_off(file)]
        listed = path.is_file() or (path / "metadata.yaml").is_file()
        if (len(files) > 1 and not listed) or (files and broken == files):
            raise PairError(f"{path}: has no end, since {remedy}")
        # Recordings of Humble and before do not carry the definitions of their messages.
        types = get_typestore(Stores.ROS2_HUMBLE)
        with AnyReader([path if listed else files[0]], default_typestore=types) as reader:
            for file in broken:
                _warn_once(f"{file}: has no end and is not read, since {remedy}")
            yield reader
    except PairError:
        raise
    # Over damaged bytes a reader raises whatever the library beneath it does.
    except Exception as error:
        raise PairError(f"{path}: not a readable bag: {type(error).__name__}: {error}") from error


@cache
def _warn_once(text: str) -> None:
    # Pairs are read one by one, each from a bag that is opened for it.
    _LOG.warning(text)
