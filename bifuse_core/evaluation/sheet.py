# SPDX-License-Identifier: Apache-2.0
"""One picture with a row for each pair: both cameras and what each method made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bifuse_core.data.whole import written_whole

CELL = 3.2
"""Width of a picture, inches at 100 pixels an inch."""


def write_sheet(file: Path, rows: Mapping[str, Mapping[str, Path]], columns: Sequence[str]) -> None:
    """Write a picture sheet.

    Args:
        file: a JPEG or PNG.
        rows: for each pair by name, the picture file of each column; at least one.
        columns: names of the columns, in order.

    Raises:
        OSError: it cannot be written, or a picture cannot be read.
    """
    pictures = [[_read(row[column]) for column in columns] for row in rows.values()]
    heights = [CELL * row[0].shape[0] / row[0].shape[1] for row in pictures]
    figure = Figure(
        figsize=(CELL * len(columns), sum(heights) + 0.3), dpi=100, layout="constrained"
    )
    axes = figure.subplots(len(rows), len(columns), squeeze=False, height_ratios=heights)
    for line, row, name in zip(axes, pictures, rows, strict=True):
        for axis, picture in zip(line, row, strict=True):
            axis.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="antialiased")
            axis.set_xticks([])
            axis.set_yticks([])
        line[0].set_ylabel(name, fontsize=8)
    for axis, column in zip(axes[0], columns, strict=True):
        axis.set_title(column, fontsize=10)
    with written_whole(file) as place:
        figure.savefig(place, pil_kwargs={"quality": 85} if file.suffix == ".jpg" else None)


def _read(file: Path) -> NDArray[np.uint8]:
    picture = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise OSError(f"{file}: cannot be read")
    levels = np.asarray(picture, np.uint8)
    return levels[..., ::-1] if levels.ndim == 3 else levels
