# SPDX-License-Identifier: Apache-2.0
"""A page to look through proposed labels, the most doubtful pictures first."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bifuse_core.data.pictures import write_picture
from bifuse_core.data.whole import written_whole
from bifuse_core.evaluation.album import file_name
from bifuse_core.imaging.overlay import BOX_COLOURS, OTHER_COLOUR, draw_boxes
from bifuse_core.labelling.agreement import Proposals
from bifuse_core.labelling.coco import Labelled
from bifuse_core.labelling.teacher import FUSED, Look

PAGE = "page.html"
"""Name of the page."""

PICTURES = "page"
"""Folder of the pictures beside `page.html`."""

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 15px/1.4 system-ui, sans-serif; margin: 1rem; color: #ddd; background: #181818 }}
section {{ border-top: 1px solid #444; padding-bottom: 1rem }}
.row {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(18rem, 1fr)); gap: .7rem }}
figure {{ margin: 0 }} img {{ width: 100%; display: block }} figcaption {{ font-size: 13px }}
</style>
<h1>{title}</h1>
<p>On the fused picture the proposed labels with their scores in percent: {colours}; thin white: to
ignore. Beside it what was found in each camera alone. A click shows a picture in full size.<br>
The most doubtful pictures come first. Doubt is a sum over their boxes: none of one that all looks
show with a score of 100, 1 of one that hardly any shows.</p>
{sections}
"""


def doubt(proposals: Proposals, looks: int) -> float:
    """Return how much there is to look at in a picture, 0 or more.

    It is the sum over its objects and regions to ignore of 1 less the score, this times the share
    of the looks that found it: of N boxes at most N.

    Args:
        proposals: its objects.
        looks: in how many pictures each could have been found.
    """
    return float(np.sum(1 - proposals.scores * proposals.agreement / looks))


def write_looks(
    out: Path,
    labelled: Labelled,
    looks: Mapping[str, Look],
    classes: Sequence[str],
) -> None:
    """Write the pictures of one pair.

    Args:
        out: folder of the page.
        labelled: the pair with its proposals.
        looks: what was seen of it; on the fused picture the proposals are drawn.
        classes: names of the class numbers.

    Raises:
        OSError: one cannot be written.
    """
    proposals = labelled.proposals
    ignore = proposals.ignore
    for name, (picture, found) in looks.items():
        boxes, labels, scores = (np.asarray(part) for part in found)
        if name == FUSED:
            picture = _outlined(picture, proposals.boxes[ignore])
            boxes, scores, labels, *_ = (part[~ignore] for part in proposals)
        drawn = draw_boxes(picture, boxes, scores, labels, classes)
        write_picture(out / PICTURES / _file(labelled.name, name), drawn)


def write_page(out: Path, title: str, pictures: Sequence[Labelled], looks: Sequence[str]) -> Path:
    """Write `page.html` over the pictures of `write_looks`, and return its path.

    Args:
        out: its folder.
        title: what was labelled, in words.
        pictures: all pairs, in the order of the recording.
        looks: names of what was seen of each.

    Raises:
        OSError: it cannot be written.
    """
    numbered = enumerate(pictures, start=1)
    ranked = sorted(numbered, key=lambda one: -doubt(one[1].proposals, len(looks)))
    sections = "\n".join(
        _section(labelled, f"{number} of {len(pictures)}", looks) for number, labelled in ranked
    )
    colours = ", ".join(
        f'<span style="color: rgb{colour}">{name}</span>' for name, colour in BOX_COLOURS.items()
    )
    file = out / PAGE
    with written_whole(file) as place:
        place.write_text(
            _PAGE.format(title=html.escape(title), colours=colours, sections=sections),
            encoding="utf-8",
        )
    return file


def _section(labelled: Labelled, place: str, looks: Sequence[str]) -> str:
    files = {look: f"{PICTURES}/{_file(labelled.name, look)}" for look in looks}
    figures = "".join(
        f'<figure><a href="{file}"><img loading="lazy" src="{file}" alt="{look}"></a>'
        f"<figcaption>{look}</figcaption></figure>"
        for look, file in files.items()
    )
    if labelled.seconds is not None:
        place += f", {labelled.seconds:.1f} s"
    proposals = labelled.proposals
    objects, ignored = int((~proposals.ignore).sum()), int(proposals.ignore.sum())
    head = (
        f"{place} ({labelled.name}): doubt {doubt(proposals, len(looks)):.2f}, "
        f"{objects} objects, {ignored} to ignore"
    )
    return f'<section><h2>{html.escape(head)}</h2><div class="row">{figures}</div></section>'


def _outlined(picture: NDArray[np.uint8], boxes: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the picture with thin outlines of regions to ignore."""
    drawn = picture.copy()
    for left, top, right, bottom in np.rint(boxes).astype(int).tolist():
        cv2.rectangle(drawn, (left, top), (right - 1, bottom - 1), OTHER_COLOUR)
    return drawn


def _file(name: str, look: str) -> str:
    return f"{file_name(name)}.{look}.jpg"
