# SPDX-License-Identifier: Apache-2.0
"""Proposed labels as a COCO file, in the form that CVAT and Label Studio import.

An object is an annotation with `bbox` and `area`; its `attributes` have `score` and `agreement`. A
region to ignore is a crowd (`iscrowd` 1) of the category `ignore`: programs for drawing boxes lose
the one, and keep the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bifuse_core.data.vocabulary import IGNORE
from bifuse_core.labelling.agreement import Proposals


@dataclass(frozen=True)
class Labelled:
    """One picture with what is proposed for it.

    Attributes:
        name: of the pair; the file of the picture is that with `.png`.
        size: height and width, pixels.
        proposals: the objects.
        seconds: since the first pair of the recording; None where pairs have no time.
    """

    name: str
    size: tuple[int, int]
    proposals: Proposals
    seconds: float | None = None


def coco_of(pictures: Sequence[Labelled], classes: Sequence[str]) -> dict[str, Any]:
    """Return the content of a COCO file.

    Args:
        pictures: all that were looked at, those without objects as well.
        classes: names of the class numbers of the proposals.

    Source: cocodataset.org/#format-data.
    """
    categories = [*classes, IGNORE]
    annotations = [
        {"image_id": number, **annotation}
        for number, picture in enumerate(pictures, start=1)
        for annotation in _annotations(picture.proposals, len(categories))
    ]
    return {
        "images": [
            {
                "id": number,
                "file_name": f"{picture.name}.png",
                "height": picture.size[0],
                "width": picture.size[1],
            }
            for number, picture in enumerate(pictures, start=1)
        ],
        "categories": [{"id": n, "name": name} for n, name in enumerate(categories, start=1)],
        "annotations": [{"id": n, **one} for n, one in enumerate(annotations, start=1)],
    }


def _annotations(proposals: Proposals, ignored: int) -> list[Mapping[str, Any]]:
    """Return the annotations of a picture; `ignored` is the category of regions to ignore."""
    found: list[Mapping[str, Any]] = []
    for box, score, label, agreement, ignore in zip(*proposals, strict=True):
        left, top, right, bottom = (round(float(value), 2) for value in box)
        width, height = round(right - left, 2), round(bottom - top, 2)
        found.append(
            {
                "category_id": ignored if ignore else int(label) + 1,
                "bbox": [left, top, width, height],
                "area": round(width * height, 2),
                "iscrowd": int(ignore),
                "attributes": {"score": round(float(score), 3), "agreement": int(agreement)},
            }
        )
    return found
