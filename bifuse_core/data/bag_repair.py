# SPDX-License-Identifier: Apache-2.0
"""A whole bag from one whose recording broke off: a killed recorder, a cut power supply."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from struct import Struct
from typing import Any, NamedTuple

from bifuse_core.data.bag_notes import bag_notes, named_files, noted
from bifuse_core.data.bag_reader import bag_files, is_bag, no_bag, one_series
from bifuse_core.data.faults import PairError
from bifuse_core.data.mcap_records import (
    CHANNEL,
    CHUNK,
    MESSAGE,
    SCHEMA,
    Fields,
    broken_off,
    whole_records,
)
from bifuse_core.data.whole import written_whole

_NUMBER, _CHANNEL, _MESSAGE = Struct("<H"), Struct("<HH"), Struct("<HIQQ")


class _Schema(NamedTuple):
    kind: str
    encoding: str
    definition: str


@dataclass
class Repaired:
    """What a repair found.

    Attributes:
        messages: written.
        damaged: chunks left out, since their bytes are damaged.
        nameless: messages left out, since no whole chunk tells their topic.
        untyped: messages left out by topic, since the file does not define their type, or not in a
            way that can be read.
    """

    messages: int = 0
    damaged: int = 0
    nameless: int = 0
    untyped: Counter[str] = field(default_factory=Counter)


def repair(bag: Path, out: Path, *, compress: bool = False) -> Repaired:
    """Write all messages in whole chunks of an MCAP bag into a new bag of one file.

    A chunk that is not whole at the end is left out. The notes of the bag go with it.

    Args:
        bag: folder with .mcap files, whole ones and such without their end; or one file.
        out: folder that must not exist; it is there once it is whole.
        compress: compress its chunks with zstd.

    Raises:
        PairError: it is no MCAP bag, or several, or has nothing to repair, or no message that is
            whole and of a type that is known.
        ImportError: rosbags is not installed.
        OSError: a file cannot be read or written.
    """
    try:
        from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
    except ImportError as error:
        raise ImportError("bags need the package rosbags (pip install rosbags)") from error
    files = _broken(bag)
    done = Repaired()
    with written_whole(out) as place:
        # Metadata of version 8 are read by Humble and later.
        writer = Writer(place, version=8, storage_plugin=StoragePlugin.MCAP)
        if compress:
            writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
        with suppress(PairError):
            for name, note in noted(bag_notes(bag)).items():
                writer.set_custom_data(name, note)
        with writer:
            copy = _Copy(writer, done)
            for file in files:
                copy.add(file)
        if not done.messages:
            untyped = f"; no type is defined of {', '.join(done.untyped)}" if done.untyped else ""
            raise PairError(f"{bag}: not one message in it is whole{untyped}")
    return done


def _broken(bag: Path) -> list[Path]:
    """Return the files of a bag that needs a repair, in the order of their recording."""
    if not is_bag(bag):
        raise no_bag(bag)
    files = bag_files(bag)
    if others := [file for file in files if file.suffix != ".mcap"]:
        raise PairError(f"{others[0]}: only bags in MCAP are repaired")
    unnamed = [] if bag.is_file() else _unnamed(bag)
    if not unnamed and not any(broken_off(file) for file in files):
        raise PairError(f"{bag}: has its end; there is nothing to repair")
    if unnamed and not one_series(files):
        raise PairError(
            f"{bag}: metadata.yaml does not name {unnamed[0].name}, and its name is not that of a "
            "file of the same recording; name one file"
        )
    return files


def _unnamed(bag: Path) -> list[Path]:
    """Return the files of a folder that its metadata, where they can be read, do not name."""
    names: frozenset[str] = frozenset()
    with suppress(PairError):
        names = named_files(bag)
    return [file for file in bag_files(bag) if file.name not in names]


class _Copy:
    """Copies files into one, through a writer of rosbags."""

    def __init__(self, writer: Any, done: Repaired) -> None:
        self._writer, self._done = writer, done
        self._topics: dict[tuple[str, str, bytes], Any] = {}

    def add(self, file: Path) -> None:
        """Copy what is whole in a file."""
        schemas: dict[int, _Schema] = {}
        topics: dict[int, Any] = {}
        untyped: dict[int, str] = {}
        with file.open("rb") as data:
            for record in whole_records(data):
                fields = Fields(record.content)
                if record.code == SCHEMA:
                    (number,) = fields.numbers(_NUMBER)
                    schemas[number] = _Schema(fields.text(), fields.text(), fields.text())
                elif record.code == CHANNEL:
                    number, schema = fields.numbers(_CHANNEL)
                    name = fields.text()
                    if topic := self._topic(name, schemas.get(schema), fields):
                        topics[number] = topic
                    else:
                        untyped[number] = name
                elif record.code == MESSAGE:
                    number, _, logged, _ = fields.numbers(_MESSAGE)
                    if number in topics:
                        self._writer.write(topics[number], logged, fields.rest())
                        self._done.messages += 1
                    elif number in untyped:
                        self._done.untyped[untyped[number]] += 1
                    else:
                        self._done.nameless += 1
                elif record.code == CHUNK:
                    self._done.damaged += 1

    def _topic(self, name: str, schema: _Schema | None, fields: Fields) -> Any:
        """Return the topic to write to; None where its type is not known."""
        from rosbags.rosbag2.storage_mcap import get_qos

        encoding, offered = fields.text(), fields.sized()
        key = name, schema.kind if schema else "", offered
        if key not in self._topics and schema and (digest := _hash(schema)):
            self._topics[key] = self._writer.add_connection(
                name,
                schema.kind,
                msgdef=schema.definition,
                rihs01=digest,
                serialization_format=encoding,
                offered_qos_profiles=get_qos(offered),
            )
        return self._topics.get(key)


def _hash(schema: _Schema) -> str | None:
    """Return the hash of a message type; None where it is not defined."""
    from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore

    store = get_typestore(Stores.EMPTY)
    try:
        if schema.encoding == "ros2msg":
            store.register(get_types_from_msg(schema.definition, schema.kind))
        else:
            for part in schema.definition.split(f"{'=' * 80}\nIDL: ")[1:]:
                store.register(get_types_from_idl(part.partition("\n")[2]))
        return str(store.hash_rihs01(schema.kind))
    # It parses texts, and raises whatever its parser does.
    except Exception:
        return None
