# SPDX-License-Identifier: Apache-2.0
"""A page to look through proposed labels, the most doubtful pictures first."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from bifuse_core.data.pictures import write_picture
from bifuse_core.data.vocabulary import IGNORE
from bifuse_core.data.whole import written_whole
from bifuse_core.evaluation.album import file_name
from bifuse_core.imaging.overlay import draw_boxes
from bifuse_core.labelling.agreement import Proposals
from bifuse_core.labelling.coco import Labelled
from bifuse_core.labelling.teacher import FUSED, Look

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
<p>Proposed labels on the fused picture, with scores in percent; white: to ignore. Beside it what
was found in each camera alone. The most doubtful pictures come first.</p>
{sections}
"""


def doubt(proposals: Proposals, looks: int) -> float:
    """Return how doubtful the most doubtful object of a picture is, in [0, 1]; 0 without any.

    Args:
        proposals: its objects.
        looks: in how many pictures each could have been found.
    """
    return float(np.max(1 - proposals.scores * proposals.agreement / looks, initial=0.0))


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
    proposals, names = labelled.proposals, [*classes, IGNORE]
    merged = np.where(proposals.ignore, len(classes), proposals.labels)
    for name, (picture, found) in looks.items():
        boxes, labels, scores = (np.asarray(part) for part in found)
        if name == FUSED:
            boxes, labels, scores = proposals.boxes, merged, proposals.scores
        drawn = draw_boxes(picture, boxes, scores, labels, names)
        write_picture(out / PICTURES / _file(labelled.name, name), drawn)


def write_page(out: Path, title: str, pictures: Sequence[Labelled], looks: Sequence[str]) -> Path:
    """Write `page.html` over the pictures of `write_looks`, and return its path.

    Args:
        out: its folder.
        title: what was labelled, in words.
        pictures: all pairs.
        looks: names of what was seen of each.

    Raises:
        OSError: it cannot be written.
    """
    ranked = sorted(pictures, key=lambda one: -doubt(one.proposals, len(looks)))
    sections = "\n".join(_section(one, looks) for one in ranked)
    file = out / "page.html"
    with written_whole(file) as place:
        place.write_text(
            _PAGE.format(title=html.escape(title), sections=sections), encoding="utf-8"
        )
    return file


def _section(labelled: Labelled, looks: Sequence[str]) -> str:
    figures = "".join(
        f'<figure><img loading="lazy" src="{PICTURES}/{_file(labelled.name, look)}" alt="{look}">'
        f"<figcaption>{look}</figcaption></figure>"
        for look in looks
    )
    proposals = labelled.proposals
    objects, ignored = int((~proposals.ignore).sum()), int(proposals.ignore.sum())
    head = (
        f"{labelled.name}: doubt {doubt(proposals, len(looks)):.2f}, {objects} objects, "
        f"{ignored} to ignore"
    )
    return f'<section><h2>{html.escape(head)}</h2><div class="row">{figures}</div></section>'


def _file(name: str, look: str) -> str:
    return f"{file_name(name)}.{look}.jpg"
