# SPDX-License-Identifier: Apache-2.0
"""Boxes and masks drawn on a picture, for people to look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]

MASK_COLOURS: dict[str, Colour] = {
    "road": (128, 64, 128),
    "sidewalk": (244, 35, 232),
    "building": (70, 70, 70),
    "vegetation": (107, 142, 35),
    "sky": (70, 130, 180),
    "person": (220, 20, 60),
    "bicycle": (119, 11, 32),
    "vehicle": (0, 0, 142),
    "sign": (220, 220, 0),
}
"""Red, green, blue of each class in a mask, those of Cityscapes."""

BOX_COLOURS: dict[str, Colour] = {
    "person": (255, 110, 90),
    "bicycle": (255, 205, 0),
    "vehicle": (0, 210, 255),
}
"""Of the boxes: bright, since most of what they enclose at night is dark."""

OTHER_COLOUR: Colour = (255, 255, 255)
"""Of classes that have none."""

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_TEXT_ROWS = 480
"""Height of a picture on which text has its plain size; it grows with the picture."""


def draw_mask(
    picture: NDArray[np.uint8], mask: NDArray[np.uint8], names: Sequence[str], opacity: float = 0.45
) -> NDArray[np.uint8]:
    """Return the picture with its classes coloured.

    Args:
        picture: (H, W, 3) red, green, blue; not written to.
        mask: (H, W) class numbers; pixels of any other number keep their colour.
        names: of the classes 0, 1, ...
        opacity: of the colours, 0 to 1.

    Raises:
        ValueError: the two differ in size.
    """
    if mask.shape != picture.shape[:2]:
        raise ValueError(f"the mask is {mask.shape}, the picture {picture.shape[:2]}")
    colours = np.zeros((256, 1, 3), np.uint8)
    colours[: len(names), 0] = [MASK_COLOURS.get(name, OTHER_COLOUR) for name in names]
    painted = cv2.applyColorMap(np.ascontiguousarray(mask), colours)
    blended = cv2.addWeighted(picture, 1 - opacity, painted, opacity, 0)
    labelled = (mask < len(names)).view(np.uint8)
    return np.asarray(cv2.copyTo(blended, labelled, picture.copy()), np.uint8)


def draw_boxes(
    picture: NDArray[np.uint8],
    boxes: NDArray[np.floating[Any]],
    scores: NDArray[np.floating[Any]],
    labels: NDArray[np.integer[Any]],
    names: Sequence[str],
) -> NDArray[np.uint8]:
    """Return the picture with boxes, the names of their classes, and their scores in percent.

    Args:
        picture: (H, W, 3) red, green, blue; not written to.
        boxes: (N, 4) left, top, right, bottom, pixels.
        scores: (N,) in [0, 1].
        labels: (N,) class numbers.
        names: of the classes 0, 1, ...
    """
    drawn = picture.copy()
    # The surest is drawn last, on top.
    for number in np.argsort(scores, kind="stable"):
        name = names[labels[number]]
        corners = np.rint(boxes[number]).astype(int).tolist()
        colour = BOX_COLOURS.get(name, OTHER_COLOUR)
        _draw_box(drawn, corners, f"{name} {100 * scores[number]:.0f}", colour)
    return drawn


def draw_words(picture: NDArray[np.uint8], words: str) -> NDArray[np.uint8]:
    """Return the picture (H, W, 3), not written to, with words in its upper left corner."""
    drawn = picture.copy()
    _draw_text(drawn, words, 0, 0, OTHER_COLOUR)
    return drawn


def _draw_box(picture: NDArray[np.uint8], corners: list[int], text: str, colour: Colour) -> None:
    left, top, right, bottom = corners
    line = max(1, round(1.5 * picture.shape[0] / _TEXT_ROWS))
    # The far edges are where the box ends, so the last pixel inside is one before.
    cv2.rectangle(picture, (left, top), (right - 1, bottom - 1), colour, line)
    _draw_text(picture, text, left, top, colour)


def _draw_text(picture: NDArray[np.uint8], text: str, left: int, top: int, colour: Colour) -> None:
    rows, columns = picture.shape[:2]
    scale = rows / _TEXT_ROWS
    size, thickness = max(0.35, 0.45 * scale), max(1, round(scale))
    (width, height), descent = cv2.getTextSize(text, _FONT, size, thickness)
    tall = height + descent + 2
    # Above the point, or below it where the picture ends; never beyond the right edge.
    upper = top - tall if top >= tall else max(top, 0)
    start = min(max(left, 0), max(columns - width - 2, 0))
    cv2.rectangle(picture, (start, upper), (start + width + 1, upper + tall - 1), colour, -1)
    place = (start + 1, upper + height + 1)
    cv2.putText(picture, text, place, _FONT, size, (0, 0, 0), thickness, cv2.LINE_AA)
