# SPDX-License-Identifier: Apache-2.0
"""Boxes and masks drawn on a picture, for people to look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

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


def mask_picture(mask: NDArray[np.uint8], names: Sequence[str]) -> NDArray[np.uint8]:
    """Return the classes of a mask in colours.

    Args:
        mask: (H, W) class numbers.
        names: of the classes 0, 1, ...

    Returns:
        (H, W, 3) red, green, blue; black where the number is no class.
    """
    colours = np.zeros((256, 1, 3), np.uint8)
    colours[: len(names), 0] = [MASK_COLOURS.get(name, OTHER_COLOUR) for name in names]
    return np.asarray(cv2.applyColorMap(np.ascontiguousarray(mask), colours), np.uint8)


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
    blended = cv2.addWeighted(picture, 1 - opacity, mask_picture(mask, names), opacity, 0)
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

    Where names would cover each other, as those of a distant crowd, those of the surest stand;
    the others are told by the colour of their box.

    Args:
        picture: (H, W, 3) red, green, blue; not written to.
        boxes: (N, 4) left, top, right, bottom, pixels.
        scores: (N,) in [0, 1].
        labels: (N,) class numbers.
        names: of the classes 0, 1, ...
    """
    drawn = picture.copy()
    line = max(1, round(1.5 * picture.shape[0] / _TEXT_ROWS))
    classes = [names[label] for label in labels]
    colours = [BOX_COLOURS.get(name, OTHER_COLOUR) for name in classes]
    corners = np.rint(boxes).astype(int).tolist()
    rising = np.argsort(scores, kind="stable").tolist()
    # The surest is drawn last, on top.
    for number in rising:
        left, top, right, bottom = corners[number]
        # The far edges are where the box ends, so the last pixel inside is one before.
        cv2.rectangle(drawn, (left, top), (right - 1, bottom - 1), colours[number], line)
    taken: list[_Plate] = []
    for number in reversed(rising):
        words = f"{classes[number]} {100 * scores[number]:.0f}"
        for plate in _plates(words, corners[number], picture.shape):
            if not any(map(plate.overlaps, taken)):
                _draw_plate(drawn, plate, colours[number])
                taken.append(plate)
                break
    return drawn


def draw_words(picture: NDArray[np.uint8], words: str) -> NDArray[np.uint8]:
    """Return the picture (H, W, 3), not written to, with words in its upper left corner."""
    drawn = picture.copy()
    _draw_plate(drawn, next(_plates(words, (0, 0, 0, 0), picture.shape)), OTHER_COLOUR)
    return drawn


class _Plate(NamedTuple):
    """Words, and the pixels that they cover: those before `right` and `bottom`."""

    words: str
    left: int
    top: int
    right: int
    bottom: int

    def overlaps(self, other: _Plate) -> bool:
        beside = self.left >= other.right or other.left >= self.right
        return not (beside or self.top >= other.bottom or other.top >= self.bottom)


def _plates(words: str, corners: Sequence[int], shape: tuple[int, ...]) -> Iterator[_Plate]:
    """Yield the places for the words of a box: above, below, then in it; within the picture."""
    rows, columns = shape[:2]
    left, top, _, bottom = corners
    (width, height), descent = cv2.getTextSize(words, _FONT, *_letters(rows))
    wide, tall = width + 2, height + descent + 2
    start = max(min(left, columns - wide), 0)
    # Where the picture ends above, in the box at once.
    for wanted in (top - tall if top >= tall else top, bottom, top):
        upper = max(min(wanted, rows - tall), 0)
        yield _Plate(words, start, upper, start + wide, upper + tall)


def _letters(rows: int) -> tuple[float, int]:
    """Return size and thickness of the letters on a picture with so many rows."""
    scale = rows / _TEXT_ROWS
    return max(0.35, 0.45 * scale), max(1, round(scale))


def _draw_plate(picture: NDArray[np.uint8], plate: _Plate, colour: Colour) -> None:
    size, thickness = _letters(picture.shape[0])
    (_, height), _ = cv2.getTextSize(plate.words, _FONT, size, thickness)
    corner = (plate.right - 1, plate.bottom - 1)
    cv2.rectangle(picture, (plate.left, plate.top), corner, colour, -1)
    place = (plate.left + 1, plate.top + height + 1)
    cv2.putText(picture, plate.words, place, _FONT, size, (0, 0, 0), thickness, cv2.LINE_AA)
