# SPDX-License-Identifier: Apache-2.0
"""What a recording says of itself: under which parameters, weights and version it was made.

In `custom_data` of the bag's metadata.yaml, and in the copy of it within the MCAP file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from bifuse_core.data.faults import PairError

_OURS = "bifuse."


def noted(notes: Mapping[str, Any]) -> dict[str, str]:
    """Return notes as the custom data of a bag: texts under names of our own."""
    # Arrays of parameters are no lists.
    return {f"{_OURS}{name}": json.dumps(note, default=list) for name, note in notes.items()}


def bag_notes(bag: Path) -> dict[str, Any]:
    """Return the notes of a bag's folder by name; none where another recorder made it.

    Raises:
        PairError: it has no metadata.yaml, or that is damaged.
    """
    file = bag / "metadata.yaml"
    try:
        information = yaml.safe_load(file.read_text(encoding="utf-8"))
        custom = information["rosbag2_bagfile_information"].get("custom_data") or {}
        return {
            name.removeprefix(_OURS): json.loads(text)
            for name, text in custom.items()
            if name.startswith(_OURS)
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise PairError(f"{file}: no metadata of a bag: {error}") from error
