# SPDX-License-Identifier: Apache-2.0
"""Pictures of what contenders find, as files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bifuse_core.data.evenly import evenly
from bifuse_core.data.results import Fused, picture_folder
from bifuse_core.data.sample import Sample
from bifuse_core.perception.contender import Contender
from bifuse_core.perception.inputs import fusion_of
from bifuse_core.perception.lesson import Lesson
from bifuse_core.perception.sources import Source

TRUTH = "labels"
"""Stands for what is known of a picture beside the names of contenders."""


def choose(sources: Sequence[Source], wanted: Sequence[str], count: int) -> dict[str, Sample]:
    """Return some samples by the names of data set and sample.

    Args:
        sources: the data sets.
        wanted: names of samples, also with that of the data set, as `msrs/val/00012`.
        count: if none are wanted, at most so many, taken evenly from all.

    Raises:
        ValueError: there is no sample of that name.
    """
    named = {f"{source.name}/{s.name}": s for source in sources for s in source.samples}
    if not wanted:
        return {name: named[name] for name in evenly(list(named), count)}
    chosen: dict[str, Sample] = {}
    for want in wanted:
        found = [name for name in named if f"/{name}".endswith(f"/{want}")]
        if not found:
            places = ", ".join(source.name for source in sources)
            raise ValueError(f"no labelled picture {want!r} in {places}")
        chosen |= {name: named[name] for name in found}
    return chosen


def draw(
    lesson: Lesson[Any],
    contender: Contender[Any],
    samples: Mapping[str, Sample],
    folder: Path,
    *,
    truth: bool,
) -> dict[str, dict[str, Path]]:
    """Write what a contender finds in some samples.

    Args:
        lesson: its task.
        contender: the network.
        samples: as `choose` returns them, with the input of the contender.
        folder: of the files.
        truth: write what is known as well, where that is a picture of its own.

    Returns:
        For each sample, the files under `TRUTH` and the name of the contender.

    Raises:
        OSError: one cannot be written.
    """
    files: dict[str, dict[str, Path]] = {}
    network, _ = fusion_of(contender.see)
    with picture_folder(folder) as keep:
        for name, sample in samples.items():
            pictures = {
                TRUTH: lesson.draw_truth(sample) if truth else None,
                contender.name: lesson.draw_found(contender.trained.net, sample),
            }
            for column, picture in pictures.items():
                if picture is None:
                    continue
                # By its weights, since two may see the same; and a data set may lie anywhere, its
                # pictures here.
                maker = TRUTH if column == TRUTH else f"{network}-{contender.trained.checksum[:8]}"
                file = f"{name.strip('/').replace('/', '-')}.{maker}"
                keep(Fused(file, 0, "", picture))
                files.setdefault(name, {})[column] = folder / f"{file}.png"
    return files
