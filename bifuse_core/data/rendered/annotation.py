# SPDX-License-Identifier: Apache-2.0
"""Boxes of what is really visible, read off the finished canvas."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from bifuse_core.data.classes import DETECTION_CLASSES, SEGMENTATION_CLASSES
from bifuse_core.data.rendered.canvas import SUPERSAMPLING, Canvas

_LEAST_SHARE = 0.4
"""Of an object's pixels that must be visible for it to have a label."""

_LEAST_HEIGHT = 12
"""Pixels. People label smaller ones rarely: of the persons of RoadScene and MSRS, 1 in 100 is."""

_SKY = SEGMENTATION_CLASSES.index("sky")


def mask_of(canvas: Canvas) -> NDArray[np.uint8]:
    """The (H, W) class of every pixel of the picture."""
    step = SUPERSAMPLING
    return np.ascontiguousarray(canvas.optics[::step, ::step, 3].astype(np.uint8))


def sky_share(canvas: Canvas) -> NDArray[np.float32]:
    """How much of every pixel of the picture is open sky, (H, W), 0 to 1."""
    step = SUPERSAMPLING
    opened = cv2.compare(cv2.extractChannel(canvas.optics, 3), _SKY, cv2.CMP_EQ)
    size = (canvas.width // step, canvas.height // step)
    share = cv2.resize(opened, size, interpolation=cv2.INTER_AREA)
    return share.astype(np.float32) * np.float32(1 / 255)


class Annotation(NamedTuple):
    """The objects of a picture."""

    boxes: NDArray[np.float32]
    """(N, 4) left, top, right, bottom in pixels of the picture, tight around what is visible."""
    labels: NDArray[np.int64]
    """(N,) indices in DETECTION_CLASSES."""
    ignore: NDArray[np.float32]
    """(M, 4) those that are mostly hidden, or too small for people to label them."""


def annotation_of(canvas: Canvas) -> Annotation:
    """Find the objects."""
    step = SUPERSAMPLING
    names = [SEGMENTATION_CLASSES.index(name) for name in DETECTION_CLASSES]
    owners = canvas.optics[::step, ::step]
    boxes, labels, ignore = [], [], []
    for instance, area in canvas.areas.items():
        x0, y0, x1, y1 = canvas.extents[instance]
        window = owners[y0:y1, x0:x1]
        visible = window[..., 2] == instance
        count = int(np.count_nonzero(visible))
        if not count:
            continue
        rows = np.flatnonzero(visible.any(axis=1))
        columns = np.flatnonzero(visible.any(axis=0))
        box = [x0 + columns[0], y0 + rows[0], x0 + columns[-1] + 1, y0 + rows[-1] + 1]
        if count < _LEAST_SHARE * area or rows[-1] - rows[0] + 1 < _LEAST_HEIGHT:
            ignore.append(box)
            continue
        boxes.append(box)
        labels.append(names.index(int(window[rows[0], :, 3][visible[rows[0]]][0])))
    return Annotation(_array(boxes), np.array(labels, np.int64), _array(ignore))


def _array(boxes: list[list[int]]) -> NDArray[np.float32]:
    return np.array(boxes, np.float32).reshape(-1, 4)
