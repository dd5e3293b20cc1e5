# SPDX-License-Identifier: Apache-2.0
"""Bags on disk: what is one, and its reader (of the package rosbags, which needs no ROS)."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from bifuse_core.data.bag_notes import named_files
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
        or (one_series(files) and any(broken_off(file) for file in files))
    )


def no_bag(path: Path) -> PairError:
    """Return the error that tells why a path is no bag."""
    if path.is_dir() and (files := bag_files(path)):
        return PairError(
            f"{path}: holds several recordings, and no metadata.yaml that makes one bag of them; "
            f"name one of the files, such as {files[0]}"
        )
    return PairError(f"{path}: not a bag; expected a rosbag2 folder, .mcap or .db3 file")


def bag_files(bag: Path) -> list[Path]:
    """Return the files of a bag in the order of their recording: BAG_9 before BAG_10."""
    if bag.is_file():
        return [bag]
    files = [file for file in bag.iterdir() if file.suffix in BAG_SUFFIXES]
    return sorted(files, key=lambda file: (len(file.name), file.name))


def one_series(files: list[Path]) -> bool:
    """Tell whether it is one file, or several in a row of one recording: BAG_9, BAG_10, ..."""
    found = [re.fullmatch(r"(.+)_(0|[1-9]\d*)", file.stem) for file in files]
    parts = [(match[1], int(match[2])) for match in found if match]
    return len(files) == 1 or (
        len(parts) == len(files)
        and parts == [(parts[0][0], parts[0][1] + place) for place in range(len(files))]
    )


def stamp_of(message: Any) -> int:
    """Return the time in the header of a message, nanoseconds."""
    stamp = message.header.stamp
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


@contextmanager
def open_bag(path: Path) -> Iterator[Any]:
    """Open a bag and give its reader, an `AnyReader` of rosbags.

    Of a recording that broke off after some whole files, those that its metadata name are read,
    with a warning.

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
        raise no_bag(path)
    try:
        place, left_out = _readable(path)
        # Recordings of Humble and before do not carry the definitions of their messages.
        types = get_typestore(Stores.ROS2_HUMBLE)
        with AnyReader([place], default_typestore=types) as reader:
            for text in left_out:
                _warn_once(text)
            yield reader
    except PairError:
        raise
    # Over damaged bytes a reader raises whatever the library beneath it does.
    except Exception as error:
        raise PairError(f"{path}: not a readable bag: {type(error).__name__}: {error}") from error


def _readable(bag: Path) -> tuple[Path, list[str]]:
    """Return the folder or file to open, and texts about the files that are not read with it."""
    remedy = f"`bifuse repair {bag}` writes what is whole into a new bag"
    broke = f"since its recording broke off; {remedy}"
    files = bag_files(bag)
    broken = [file for file in files if broken_off(file)]
    if bag.is_file() or not (bag / "metadata.yaml").is_file():
        if broken or len(files) > 1:
            raise PairError(f"{bag}: has no end, {broke}")
        return files[0], []
    names = named_files(bag)
    recorded = [file for file in files if file.suffix == ".mcap"]
    if recorded and not names:
        raise PairError(f"{bag}: has no end, {broke}")
    left_out = []
    for file in recorded:
        if file.name not in names:
            fault = "has no end" if file in broken else "is not in metadata.yaml"
            left_out.append(f"{file}: {fault} and is not read, {broke}")
        elif file in broken:
            raise PairError(f"{file}: has no end, though metadata.yaml names it; {remedy}")
    return bag, left_out


@cache
def _warn_once(text: str) -> None:
    # Pairs are read one by one, each from a bag that is opened for it.
    _LOG.warning(text)
