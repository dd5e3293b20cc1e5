# SPDX-License-Identifier: Apache-2.0
"""One picture with a row for each pair: both cameras and what each method made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bifuse_core.data.evenly import evenly
from bifuse_core.data.whole import written_whole

DPI = 100
"""Pixels an inch."""

CELL = 3.2
"""Width of a picture, inches."""

HEAD = 0.3
"""Height of each line above the pictures, inches."""

TALLEST = 65_000
"""Pixels; a JPEG has 65535 at most."""


def write_sheet(file: Path, rows: Mapping[str, Mapping[str, Path]], columns: Sequence[str]) -> None:
    """Write a picture sheet; where it would be too tall, of rows taken evenly, as it then says.

    Args:
        file: a JPEG or PNG.
        rows: for each pair by name, the picture file of each column; at least one.
        columns: names of the columns, in order.

    Raises:
        OSError: it cannot be written, or a picture cannot be read.
    """
    # Pictures are read again when they are drawn, since all at once may be gigabytes.
    tall = {name: _height(_read(row[columns[0]])) for name, row in rows.items()}
    shown = _fitting(tall)
    heights = [tall[name] for name in shown]
    head = HEAD if len(shown) == len(rows) else 2 * HEAD
    figure = Figure(
        figsize=(CELL * len(columns), sum(heights) + head), dpi=DPI, layout="constrained"
    )
    if len(shown) < len(rows):
        figure.suptitle(f"{len(shown)} of {len(rows)}, taken evenly", fontsize=10)
    axes = figure.subplots(len(shown), len(columns), squeeze=False, height_ratios=heights)
    for line, name in zip(axes, shown, strict=True):
        for axis, column in zip(line, columns, strict=True):
            picture = _read(rows[name][column])
            axis.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="antialiased")
            axis.set_xticks([])
            axis.set_yticks([])
        line[0].set_ylabel(name, fontsize=8)
    for axis, column in zip(axes[0], columns, strict=True):
        axis.set_title(column, fontsize=10)
    with written_whole(file) as place:
        figure.savefig(place, pil_kwargs={"quality": 85} if file.suffix == ".jpg" else None)


def _fitting(heights: Mapping[str, float]) -> list[str]:
    """Return as many of the rows as a sheet has room for, taken evenly."""
    room = TALLEST / DPI - 2 * HEAD
    count = len(heights)
    while count > 1 and sum(heights[name] for name in evenly(list(heights), count)) > room:
        count -= 1
    return evenly(list(heights), count)


def _height(picture: NDArray[np.uint8]) -> float:
    """Return the height of a picture on the sheet, inches."""
    return CELL * picture.shape[0] / picture.shape[1]


def _read(file: Path) -> NDArray[np.uint8]:
    picture = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise OSError(f"{file}: cannot be read")
    levels = np.asarray(picture, np.uint8)
    return levels[..., ::-1] if levels.ndim == 3 else levels
