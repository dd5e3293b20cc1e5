# SPDX-License-Identifier: Apache-2.0
"""The pictures that the demo leaves: a contact sheet and a short animation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bifuse_ros.demo.recording import Moment, Recording

COLUMNS = ("thermal", "rgb", "fused", "overlay")
ANIMATION_RATE = 8.0
"""Pictures per second."""
ANIMATION_SECONDS = 10.0


def write_contact_sheet(moments: Sequence[Moment], file: Path, scenes: Sequence[str] = ()) -> None:
    """Write a picture with a row for each moment: thermal, RGB, fused, and overlay if there is.

    Args:
        moments: at least one.
        file: the file to write.
        scenes: what each moment shows, to be written beside it; empty where nobody knows.
    """
    height, width = moments[0].rgb.shape[:2]
    columns = [name for name in COLUMNS if any(getattr(m, name) is not None for m in moments)]
    cell = 4.4
    size = (cell * len(columns), cell * height / width * len(moments) + 0.4)
    figure = Figure(figsize=size, dpi=110, layout="constrained")
    axes = figure.subplots(len(moments), len(columns), squeeze=False)
    for row, moment in zip(axes, moments, strict=True):
        for axis, column in zip(row, columns, strict=True):
            picture = getattr(moment, column)
            if picture is None:
                axis.set_axis_off()
                continue
            axis.imshow(picture, interpolation="antialiased")
            axis.set_xticks([])
            axis.set_yticks([])
        row[0].set_ylabel(f"{moment.seconds:.1f} s")
    for row, scene in zip(axes, scenes, strict=False):
        row[0].set_ylabel(f"{scene}, {row[0].get_ylabel()}")
    for axis, column in zip(axes[0], columns, strict=True):
        axis.set_title(column)
    figure.savefig(file)


def write_animation(recording: Recording, file: Path) -> None:
    """Write an animated WebP of the columns of the contact sheet side by side.

    Args:
        recording: a recording with at least one fused image.
        file: the file to write.
    """
    shown, rate = recording.stamps[recording.shown], recording.rate(recording.shown)
    step = max(1, round(rate / ANIMATION_RATE))
    stamps = shown[::step]
    # A long film is shown in pieces from all along it, not its beginning alone.
    limit = int(ANIMATION_SECONDS * ANIMATION_RATE)
    if len(stamps) > limit:
        pieces = np.array_split(np.asarray(stamps), 5)
        stamps = [int(stamp) for piece in pieces for stamp in piece[: limit // 5]]
    animation = cv2.Animation()
    animation.frames = [_beside(moment) for moment in recording.moments(stamps)]
    animation.durations = [round(1000 * step / rate)] * len(animation.frames)
    cv2.imwriteanimation(str(file), animation, [cv2.IMWRITE_WEBP_QUALITY, 80])


def _beside(moment: Moment) -> NDArray[np.uint8]:
    height, width = moment.rgb.shape[:2]
    size = (320, round(320 * height / width))
    pictures = [getattr(moment, column) for column in COLUMNS]
    pictures = [picture for picture in pictures if picture is not None]
    parts = [cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in pictures]
    return np.ascontiguousarray(np.hstack(parts)[..., ::-1])
