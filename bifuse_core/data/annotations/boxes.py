# SPDX-License-Identifier: Apache-2.0
"""The boxes of one picture, checked."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from bifuse_core.data.faults import LabelError, Report

TOLERANCE = 1.0
"""Pixels a box may reach beyond its picture, by rounding; it is clipped."""

LEAST_SIDE = 0.5
"""Pixels; a box narrower or lower than this holds nothing."""


class Boxes(NamedTuple):
    """The objects of one picture."""

    boxes: NDArray[np.float32]
    """(N, 4) left, top, right, bottom in pixels; a pixel's area is 1."""
    labels: NDArray[np.int64]
    """(N,) indices into the classes."""
    ignore: NDArray[np.float32]
    """(M, 4) regions that are neither object nor background."""


class DrawnBox(NamedTuple):
    """One box as a file has it."""

    where: str
    """File and place in it, for messages."""
    corners: tuple[float, float, float, float]
    label: int
    ignored: bool = False


class BoxReader(Protocol):
    """Reads the boxes of one picture; small and picklable, so that workers can be sent it."""

    def read(self, height: int, width: int, report: Report) -> Boxes:
        """Read them, reporting each fault and leaving out the box that has it.

        Args:
            height: of the picture, pixels.
            width: of the picture, pixels.
            report: told of each `LabelError`.
        """


def checked(
    drawn: Iterable[DrawnBox], classes: int, size: tuple[int, int], report: Report
) -> Boxes:
    """Return the sound ones, clipped to the picture.

    Args:
        drawn: what the file says.
        classes: how many there are.
        size: height and width of the picture, pixels.
        report: told of boxes that are not finite, empty, outside, or of an unknown class.
    """
    height, width = size
    kept: list[tuple[float, ...]] = []
    labels: list[int] = []
    ignored: list[tuple[float, ...]] = []
    for where, corners, label, ignore in drawn:
        fault = _fault(corners, height, width)
        if fault is None and not ignore and not 0 <= label < classes:
            fault = f"label {label} is none of the {classes} classes"
        if fault:
            report(LabelError(f"{where}: {fault}"))
            continue
        left, top, right, bottom = corners
        clipped = (max(left, 0), max(top, 0), min(right, width), min(bottom, height))
        if ignore:
            ignored.append(clipped)
        else:
            kept.append(clipped)
            labels.append(label)
    return Boxes(_array(kept), np.array(labels, np.int64), _array(ignored))


def _fault(corners: tuple[float, ...], height: int, width: int) -> str | None:
    left, top, right, bottom = corners
    if not all(math.isfinite(value) for value in corners):
        return f"box {_text(corners)} is not finite"
    if right - left < LEAST_SIDE or bottom - top < LEAST_SIDE:
        return f"box {_text(corners)} is empty"
    if max(-left, -top, right - width, bottom - height) > TOLERANCE:
        return f"box {_text(corners)} reaches outside the picture of {width}x{height}"
    # A sliver beyond the edge, within the tolerance, has no area left once it is clipped.
    if min(right, width) - max(left, 0) <= 0 or min(bottom, height) - max(top, 0) <= 0:
        return f"box {_text(corners)} lies outside the picture of {width}x{height}"
    return None


def _text(corners: tuple[float, ...]) -> str:
    return "(" + ", ".join(f"{value:g}" for value in corners) + ")"


def _array(boxes: list[tuple[float, ...]]) -> NDArray[np.float32]:
    return np.array(boxes, np.float32).reshape(-1, 4)
