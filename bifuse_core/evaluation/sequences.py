# SPDX-License-Identifier: Apache-2.0
"""Which pictures are consecutive frames, and how the methods flicker on them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import torch

from bifuse_core.evaluation.ledger import Result, Scores, finite
from bifuse_core.metrics.fusion.flicker import flicker

_NUMBERED = re.compile(r"(.+/[^/]*?)([0-9]+)", re.DOTALL)


def sequences(names: Sequence[str]) -> list[list[str]]:
    """Return the sequences among pictures, each as the names of its frames in order.

    Frames lie in a folder of their own, as those of videos and bags are named, and their numbers
    have no gap. Numbers alone do not make a sequence: stills have them too.
    """
    series: dict[str, dict[int, str]] = {}
    for name in names:
        if numbered := _NUMBERED.fullmatch(name):
            series.setdefault(numbered[1], {})[int(numbered[2])] = name
    return [
        [frames[number] for number in sorted(frames)]
        for frames in series.values()
        if 1 < len(frames) == max(frames) - min(frames) + 1
    ]


def flicker_scores(results: Mapping[str, Result], found: Sequence[Sequence[str]]) -> Scores:
    """Return the flicker of one method over all steps of the sequences; nothing without one.

    Args:
        results: those of the method, by picture.
        found: from `sequences`.
    """
    if not found:
        return {}
    rows = [
        (*results[name].levels, number) for number, frames in enumerate(found) for name in frames
    ]
    # Numbers of sequences are exact in double precision.
    columns = torch.tensor(rows, dtype=torch.float64).unbind(1)
    return finite({name: value.item() for name, value in flicker(*columns).items()})
