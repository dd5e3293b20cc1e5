# SPDX-License-Identifier: Apache-2.0
"""The metadata.yaml of a bag of one or several files, as rosbag2 has it.

Source: the metadata of rosbag2, version 8 (rosbag2_storage, `BagMetadata`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, cast

import yaml
from rosbags.interfaces import Connection, ConnectionExtRosbag2
from rosbags.rosbag2.metadata import dump_qos_v8

FORMAT_VERSION: Literal[8] = 8
"""Of the metadata; Humble and later read it."""

NEVER = 2**63 - 1
"""Start of a file without messages, nanoseconds."""

# That of libyaml, where it is there: a bag of many files has long metadata.
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_ONE_LINE = 2**31 - 1


class BagFile(NamedTuple):
    """A file of a bag.

    Attributes:
        name: without its folder.
        start: time of the first message, nanoseconds; `NEVER` where there is none.
        end: time of the last message, nanoseconds; 0 where there is none.
        counts: messages by number of their connection.
    """

    name: str
    start: int
    end: int
    counts: Mapping[int, int]


def bag_information(
    connections: Sequence[Connection], files: Sequence[BagFile], notes: Mapping[str, str]
) -> dict[str, Any]:
    """Return what a bag says of itself.

    Args:
        connections: topics of all its files.
        files: in the order of their recording; none while the first is written.
        notes: custom data.
    """
    whole = BagFile(
        "",
        min((file.start for file in files), default=NEVER),
        max((file.end for file in files), default=0),
        {c.id: sum(file.counts.get(c.id, 0) for file in files) for c in connections},
    )
    return {
        "version": FORMAT_VERSION,
        "storage_identifier": "mcap",
        "relative_file_paths": [file.name for file in files],
        **_extent(whole),
        "topics_with_message_count": [
            {"topic_metadata": _topic(each), "message_count": whole.counts[each.id]}
            for each in connections
        ],
        # Of whole files or single messages; what compresses chunks says so in the file.
        "compression_format": "",
        "compression_mode": "",
        "files": [{"path": file.name, **_extent(file)} for file in files],
        "custom_data": dict(notes) or None,
        "ros_distro": "rosbags",
    }


def as_yaml(information: Mapping[str, Any]) -> str:
    """Return it in the form that rosbag2 reads."""
    return str(yaml.dump(information, Dumper=_DUMPER, sort_keys=False, width=_ONE_LINE))


def _extent(file: BagFile) -> dict[str, Any]:
    return {
        "starting_time": {"nanoseconds_since_epoch": file.start},
        "duration": {"nanoseconds": max(0, file.end - file.start)},
        "message_count": sum(file.counts.values()),
    }


def _topic(connection: Connection) -> dict[str, Any]:
    ext = cast(ConnectionExtRosbag2, connection.ext)
    return {
        "name": connection.topic,
        "type": connection.msgtype,
        "serialization_format": ext.serialization_format,
        "offered_qos_profiles": dump_qos_v8(ext.offered_qos_profiles),
        "type_description_hash": connection.digest,
    }
