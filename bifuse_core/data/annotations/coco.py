# SPDX-License-Identifier: Apache-2.0
"""COCO: one JSON file for a whole data set."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from bifuse_core.data.annotations.boxes import Boxes, DrawnBox, checked
from bifuse_core.data.annotations.voc import one_spelling, plain
from bifuse_core.data.faults import LabelError, Report, refuse
from bifuse_core.data.pictures import PICTURE_SUFFIXES


@dataclass(frozen=True)
class CocoImage:
    """The boxes of one picture; crowds become regions to ignore.

    Attributes:
        where: file and picture, for messages.
        drawn: its boxes.
        classes: how many classes there are.
        size: width and height the file declares; 0 where it declares none.
    """

    where: str
    drawn: tuple[DrawnBox, ...]
    classes: int
    size: tuple[int, int]

    def read(self, height: int, width: int, report: Report) -> Boxes:
        """Read them (see `BoxReader`)."""
        drawn = self.drawn
        if self.size not in ((0, 0), (width, height)):
            declared = f"{self.size[0]}x{self.size[1]}"
            report(
                LabelError(f"{self.where}: made for a picture of {declared}, not {width}x{height}")
            )
            drawn = ()
        return checked(drawn, self.classes, (height, width), report)


@dataclass(frozen=True)
class CocoFile:
    """The pictures of one file, by `frame_key` of their names.

    Source: cocodataset.org/#format-data.
    """

    classes: tuple[str, ...]
    images: Mapping[tuple[str, str], CocoImage]

    def of(self, name: str) -> CocoImage | None:
        """Return the boxes of a picture; None where the file does not list it."""
        return self.images.get(frame_key(name))

    def strangers(self, names: Iterable[str]) -> list[CocoImage]:
        """Return what the file says of pictures other than these."""
        known = {frame_key(name) for name in names}
        return [image for key, image in self.images.items() if key not in known]


def read_coco(
    file: Path, classes: tuple[str, ...] | None = None, report: Report = refuse
) -> CocoFile:
    """Read a file.

    Args:
        file: the JSON file.
        classes: names that labels number; by default the categories in the order of their ids.
        report: told of a file that is no COCO, of unknown categories and pictures, and of pictures
            whose names are those of an earlier one.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return _collected(file, content, classes, report)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, LabelError):
            raise
        report(LabelError(f"{file}: not readable as COCO: {type(error).__name__}: {error}"))
        return CocoFile(classes or (), {})


def frame_key(name: str) -> tuple[str, str]:
    """Return a picture's name as it is compared: without suffix and zeros before a frame number."""
    path = PurePosixPath(name)
    # Not whatever follows a dot: scene.day and scene.night are two names.
    stem = path.stem if path.suffix.lower() in PICTURE_SUFFIXES else path.name
    return path.parent.as_posix(), stem.lstrip("0") or "0" if stem.isdigit() else stem


def _collected(
    file: Path, content: Any, classes: tuple[str, ...] | None, report: Report
) -> CocoFile:
    names = {c["id"]: str(c["name"]) for c in sorted(content["categories"], key=lambda c: c["id"])}
    if classes is None:
        classes = one_spelling(names.values())
    numbers = {plain(name): number for number, name in enumerate(classes)}
    images: dict[Any, Any] = {}
    for image in content["images"]:
        if images.setdefault(image["id"], image) is not image:
            report(LabelError(f"{file}, {image['file_name']}: a second image {image['id']}"))
    drawn: dict[Any, list[DrawnBox]] = {image: [] for image in images}
    for position, annotation in enumerate(content["annotations"]):
        where = f"{file}, annotation {annotation.get('id', f'number {position}')}"
        try:
            image, category = annotation["image_id"], annotation["category_id"]
            left, top, width, height = (float(value) for value in annotation["bbox"])
        except (KeyError, TypeError, ValueError) as error:
            report(LabelError(f"{where}: {type(error).__name__}: {error}"))
            continue
        if image not in images:
            report(LabelError(f"{where}: image {image} is not in the file"))
            continue
        name = names.get(category)
        if name is None or plain(name) not in numbers:
            report(LabelError(f"{where}: category {name or category} is none of {classes}"))
            continue
        corners = (left, top, left + width, top + height)
        crowd = bool(annotation.get("iscrowd") or annotation.get("ignore"))
        drawn[image].append(DrawnBox(where, corners, numbers[plain(name)], crowd))
    found: dict[tuple[str, str], CocoImage] = {}
    for number, image in images.items():
        key = frame_key(str(image["file_name"]))
        where = f"{file}, {image['file_name']}"
        if key in found:
            report(LabelError(f"{where}: is the same picture as {found[key].where}"))
            continue
        size = (int(image.get("width") or 0), int(image.get("height") or 0))
        found[key] = CocoImage(where, tuple(drawn[number]), len(classes), size)
    return CocoFile(classes, found)
