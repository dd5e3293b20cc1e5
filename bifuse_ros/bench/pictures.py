# SPDX-License-Identifier: Apache-2.0
"""The pictures of the benchmarks."""

from __future__ import annotations

from pathlib import Path

import cv2

from bifuse_core.data.rendered.film import RenderedFilm

COUNT = 8
"""Pictures that are played over and over: more than caches hold, and soon rendered."""


def write_pictures(width: int, height: int, folder: Path) -> Path:
    """Render pairs of a road at dusk into a new folder, and return it."""
    film = RenderedFilm(("dusk",), COUNT / 5, rate=5, width=width, height=height)
    for side in ("ir", "vi"):
        (folder / side).mkdir(parents=True)
    for number in range(len(film)):
        pair = film.pair(number)
        cv2.imwrite(str(folder / "ir" / f"{number}.png"), pair.thermal)
        bgr = cv2.cvtColor(pair.rgb, cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / "vi" / f"{number}.png"), bgr)
    return folder
