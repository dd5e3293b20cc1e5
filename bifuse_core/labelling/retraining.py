# SPDX-License-Identifier: Apache-2.0
"""A brief training of the shipped detector on labelled recordings, judged by what it has not seen.

Of each recording the last part is held back, and a gap before it is left out, in which it looks
nearly the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bifuse_core.bilevel.sections import DETECTION

TRAINED, HELD_BACK = (0.0, 0.7), (0.8, 1.0)
"""Parts of the labelled pairs of a recording, in the order of time."""

FEW = 30
"""Pictures held back, fewer of which tell little."""

RECIPE: dict[str, Any] = {
    "task": DETECTION,
    "network": "fcos_small",
    "start": "shipped",
    "input": "edge",
    "steps": 300,
    "optimiser": {"learning_rate": 5e-4, "clip": 10.0},
    "backbone_rate": 0.5,
    "average": 0.98,
    "log": {"save_every": 10},
}
"""Keys and values of `TaskSettings`: gentler than a training from the beginning."""


def retraining_of(recordings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the content of a configuration of `train-task`.

    Args:
        recordings: labelled, see `sources_of`.
    """
    return {
        **RECIPE,
        "sources": [{**recording, "part": list(TRAINED)} for recording in recordings],
        "scored": [{**recording, "part": list(HELD_BACK)} for recording in recordings],
    }
