# SPDX-License-Identifier: Apache-2.0
"""Some pairs with what each method made of them, as JPEGs and a page to leaf through."""

from __future__ import annotations

import hashlib
import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bifuse_core.data.tensors import TensorSample
from bifuse_core.data.whole import written_whole
from bifuse_core.evaluation.ledger import Key, Result
from bifuse_core.metrics.fusion.levels import grey_levels

QUALITY = 90
"""Of the JPEGs, in percent."""

WHITE_DIFFERENCE = 64
"""Grey levels of difference from the maximum that are shown white."""

FOLDER = "pictures"
"""Where the JPEGs lie beside the page."""

SHOWN = ("level", "|F - max|", "hot", "VIF", "Qabf")
"""Scores under each picture."""

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>
html {{ scroll-snap-type: y proximity }}
body {{ font: 15px/1.4 system-ui, sans-serif; margin: 1rem; color: #ddd; background: #181818 }}
section {{ scroll-snap-align: start; border-top: 1px solid #444; padding-bottom: 1rem }}
.row {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(18rem, 1fr)); gap: .7rem }}
figure {{ margin: 0 }} img {{ width: 100%; display: block }}
figcaption, table {{ font-variant-numeric: tabular-nums; font-size: 13px }}
td {{ padding-right: 1.2rem; text-align: right }} td:first-child {{ text-align: left }}
</style>
<h1>{title}</h1>
{table}
<p>Luminance as it is scored. Under each fused picture its difference from the pixel-wise maximum
of both sources, |F - max|: black is none, white {white} grey levels or more.</p>
{sections}
"""


class Album:
    """The pictures of a comparison in a folder; those of an earlier run are kept.

    Args:
        out: folder of the page.
        pairs: names of the pairs that are shown.
    """

    def __init__(self, out: Path, pairs: Sequence[str]) -> None:
        self._out, self._pairs = out, list(pairs)
        (out / FOLDER).mkdir(parents=True, exist_ok=True)

    def lacks(self, key: Key) -> bool:
        """Tell whether a picture belongs on the page and is not there yet."""
        # Written last of its pair's and method's pictures.
        return key.picture in self._pairs and not self._file(key, "difference").exists()

    def add(self, key: Key, sample: TensorSample, fused: Tensor) -> None:
        """Write what is shown of one method's result.

        Args:
            key: says of which method and pair.
            sample: the pair.
            fused: (1, 1, H, W) uint8.

        Raises:
            OSError: a picture cannot be written.
        """
        thermal, luma, rgb = (
            grey_levels(x).to(torch.uint8).permute(1, 2, 0).numpy()
            for x in (sample.thermal, sample.luma, sample.rgb)
        )
        levels = fused[0].permute(1, 2, 0).cpu().numpy()
        distance = np.abs(levels.astype(int) - np.maximum(thermal, luma))
        shown = np.minimum(distance * 255 // WHITE_DIFFERENCE, 255).astype(np.uint8)
        _write(self._source(key, "thermal"), thermal)
        _write(self._source(key, "rgb"), rgb[..., ::-1])
        _write(self._file(key, "fused"), levels)
        _write(self._file(key, "difference"), shown)

    def write_page(self, results: dict[Key, Result], title: str, table: str) -> Path:
        """Write `page.html` and return its path.

        Args:
            results: of every method and pair, in the order in which methods are shown.
            title: what is compared, in words.
            table: HTML, shown above the pictures.
        """
        sections = "\n".join(
            self._section(name, [(k, v) for k, v in results.items() if k.picture == name])
            for name in self._pairs
        )
        page = _PAGE.format(
            title=html.escape(title), table=table, white=WHITE_DIFFERENCE, sections=sections
        )
        file = self._out / "page.html"
        file.write_text(page, encoding="utf-8")
        return file

    def rows(self, results: dict[Key, Result]) -> dict[str, dict[str, Path]]:
        """Return the files of what is shown, `thermal`, `rgb` and each method's, of each pair."""
        rows: dict[str, dict[str, Path]] = {name: {} for name in self._pairs}
        for key in results:
            if key.picture in rows:
                sources = {kind: self._source(key, kind) for kind in ("thermal", "rgb")}
                fused = {key.method: self._file(key, "fused")}
                rows[key.picture] = sources | rows[key.picture] | fused
        return rows

    def _section(self, name: str, results: list[tuple[Key, Result]]) -> str:
        sources = (self._source(results[0][0], kind) for kind in ("thermal", "rgb"))
        figures = [_figure("thermal and RGB", *sources)]
        for key, result in results:
            values = (f"{metric} {_value(result.scores[metric])}" for metric in SHOWN)
            images = (self._file(key, "fused"), self._file(key, "difference"))
            figures.append(_figure(f"{key.method}: {', '.join(values)}", *images))
        row = f'<div class="row">{"".join(figures)}</div>'
        return f"<section><h2>{html.escape(name)}</h2>{row}</section>"

    # Both names tell what decides the picture, so that one of other weights, of a pair that has
    # changed or of other code is not taken for it.

    def _source(self, key: Key, kind: str) -> Path:
        return self._out / FOLDER / f"{file_name(key.picture)}.{key.inputs[:8]}.{kind}.jpg"

    def _file(self, key: Key, kind: str) -> Path:
        state = hashlib.sha256(f"{key.version} {key.inputs}".encode()).hexdigest()[:8]
        name = f"{file_name(key.picture)}.{file_name(key.method)}.{state}.{kind}.jpg"
        return self._out / FOLDER / name


def _figure(caption: str, *files: Path) -> str:
    images = "".join(
        f'<img loading="lazy" src="{FOLDER}/{file.name}" alt="{file.stem.rpartition(".")[2]}">'
        for file in files
    )
    return f"<figure>{images}<figcaption>{html.escape(caption)}</figcaption></figure>"


def _value(score: float | None) -> str:
    return "-" if score is None else f"{score:.3f}"


def file_name(name: str) -> str:
    """Return a name that is one file name, and one that needs no escape in a link."""
    return "".join(c if c.isalnum() or c in "-_" else f"~{ord(c):x}" for c in name)


def _write(file: Path, picture: NDArray[Any]) -> None:
    _, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    with written_whole(file) as place:
        place.write_bytes(jpeg.tobytes())
