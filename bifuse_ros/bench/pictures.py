# SPDX-License-Identifier: Apache-2.0
"""The pictures of the benchmarks, and what the engine alone costs with them."""

from __future__ import annotations

import time
from itertools import cycle
from pathlib import Path

import cv2
import torch

from bifuse_core.data.rendered.film import RenderedFilm
from bifuse_core.data.sources import open_pairs
from bifuse_core.engine.engine import Engine
from bifuse_core.engine.threads import limit_thread
from bifuse_core.imaging.thermal import ThermalSettings
from bifuse_ros.bench.cases import Case
from bifuse_ros.camera_node import Cameras

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


def engine_milliseconds(case: Case, pictures: Path, seconds: float) -> float:
    """Return the CPU time that the engine alone takes for a pair, in milliseconds.

    At the rate of the case, since processors that rest are slower, with one thread as in the node.

    Args:
        case: its pictures and rate.
        pictures: folder of the pairs.
        seconds: how long; the first pairs are not counted.
    """
    pairs = list(Cameras(open_pairs(pictures), case.thermal, "rgb8", case.rate))
    engine = Engine(device="cpu", thermal=ThermalSettings(unit=case.thermal_unit))
    before = torch.get_num_threads()
    limit_thread(1)
    try:
        used = []
        due = time.monotonic()
        for _, thermal, rgb in cycle(pairs):
            time.sleep(max(0.0, due - time.monotonic()))
            due = max(due + 1 / case.rate, time.monotonic())
            started = time.process_time()
            engine.fuse(thermal, rgb, time.time_ns())
            used.append(time.process_time() - started)
            if len(used) >= COUNT + max(1, round(seconds * case.rate)):
                break
    finally:
        torch.set_num_threads(before)
    counted = used[COUNT:]
    return 1e3 * sum(counted) / len(counted)
