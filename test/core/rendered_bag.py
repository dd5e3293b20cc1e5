# SPDX-License-Identifier: Apache-2.0
"""A rendered drive as a bag, and its true boxes as a COCO file by the stamps of the RGB images."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from bag_files import image, write_bag

from bifuse_core.data.classes import DETECTION_CLASSES
from bifuse_core.data.rendered import RenderedDrive, RenderedFrame

START = 1_700_000_000_000_000_000
TOP = np.uint16(60_000)
"""More than any count of a rendered picture."""
LATE = 3_000_000
"""Nanoseconds by which the RGB camera is later than the thermal one."""


def drive(
    condition: str, count: int, *, rate: float, seed: int = 0, width: int = 320, height: int = 240
) -> list[RenderedFrame]:
    """Return moments of a drive, in 16-bit thermal and RGB."""
    rendered = RenderedDrive(seed, condition=condition, width=width, height=height)
    return [rendered.frame(number / rate) for number in range(count)]


def black_hot(frames: Sequence[RenderedFrame]) -> list[RenderedFrame]:
    """Return the moments as a thermal camera shows them to which heat is black."""
    return [replace(frame, thermal=TOP - frame.thermal) for frame in frames]


def stamp(number: int, rate: float) -> int:
    """Return the stamp of an RGB image."""
    return START + round(number * 1e9 / rate) + LATE


def record(path: Path, frames: Sequence[RenderedFrame], rate: float) -> Path:
    messages: list[tuple[str, Any]] = []
    for number, frame in enumerate(frames):
        at = stamp(number, rate)
        messages.append(("/thermal/image_raw", image(frame.thermal, "16UC1", at - LATE)))
        messages.append(("/rgb/image_raw", image(frame.rgb, "rgb8", at)))
    return write_bag(path, messages)


def write_truth(file: Path, frames: Sequence[RenderedFrame], rate: float) -> Path:
    """Write the boxes, as a person would have corrected them."""
    annotations = [
        {
            "image_id": number,
            "category_id": category,
            "bbox": [left, top, right - left, bottom - top],
            "iscrowd": crowd,
        }
        for number, frame in enumerate(frames)
        for boxes, labels, crowd in (
            (frame.boxes, frame.labels, 0),
            (frame.ignore, [0] * len(frame.ignore), 1),
        )
        for category, (left, top, right, bottom) in zip(
            map(int, labels), boxes.tolist(), strict=True
        )
    ]
    content = {
        "images": [
            {"id": number, "file_name": f"images/{stamp(number, rate)}.png"}
            for number in range(len(frames))
        ],
        "categories": [{"id": n, "name": name} for n, name in enumerate(DETECTION_CLASSES)],
        "annotations": [{"id": n, **one} for n, one in enumerate(annotations, start=1)],
    }
    file.write_text(json.dumps(content))
    return file
