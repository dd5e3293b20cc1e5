# SPDX-License-Identifier: Apache-2.0
"""What a recording says of itself: its files, and under which parameters and weights it was made.

In the bag's metadata.yaml (the notes in its `custom_data`), and in the copy within the MCAP file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any

import yaml

from bifuse_core.data.faults import PairError

_OURS = "bifuse."

# That of libyaml, where it is there: a bag of many files has long metadata.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def noted(notes: Mapping[str, Any]) -> dict[str, str]:
    """Return notes as the custom data of a bag: texts under names of our own."""
    # Arrays of parameters are no lists.
    return {f"{_OURS}{name}": json.dumps(note, default=list) for name, note in notes.items()}


def bag_notes(bag: Path) -> dict[str, Any]:
    """Return the notes of a bag's folder by name; none where another recorder made it.

    Raises:
        PairError: it has no metadata.yaml, or that is damaged.
    """
    with _information(bag) as information:
        custom = information.get("custom_data") or {}
        return {
            name.removeprefix(_OURS): json.loads(text)
            for name, text in custom.items()
            if name.startswith(_OURS)
        }


def named_files(bag: Path) -> frozenset[str]:
    """Return the names of the files that the metadata of a bag's folder tell.

    Raises:
        PairError: it has no metadata.yaml, or that is damaged.
    """
    with _information(bag) as information:
        # Before version 4 they have the folder before them.
        return frozenset(PurePath(path).name for path in information["relative_file_paths"])


@contextmanager
def _information(bag: Path) -> Iterator[Any]:
    """Give the content of a bag's metadata; what does not fit it raises PairError."""
    file = bag / "metadata.yaml"
    try:
        content = yaml.load(file.read_text(encoding="utf-8"), Loader=_LOADER)
        yield content["rosbag2_bagfile_information"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise PairError(f"{file}: no metadata of a bag: {error}") from error
