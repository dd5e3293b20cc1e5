# SPDX-License-Identifier: Apache-2.0
"""What the engine alone costs with the pictures of a case."""

from __future__ import annotations

import time
from itertools import cycle
from pathlib import Path

from bifuse_core.bench.threads import cpu_threads
from bifuse_core.data.sources import open_pairs
from bifuse_core.engine.engine import Engine
from bifuse_core.imaging.thermal import ThermalSettings
from bifuse_ros.bench.cases import NETWORK, Case
from bifuse_ros.camera_node import Cameras

UNCOUNTED = 8
"""Pairs at first, until caches are warm."""


def engine_milliseconds(case: Case, pictures: Path, seconds: float) -> float:
    """Return the CPU time that the engine alone takes for a pair, in milliseconds.

    At the rate of the case, since processors that rest are slower, with one thread as in the node.
    The process is to be like the node's: `prepare_process`.

    Args:
        case: its pictures and rate.
        pictures: folder of the pairs.
        seconds: how long; the first pairs are not counted.
    """
    pairs = list(Cameras(open_pairs(pictures), case.thermal, "rgb8", case.rate))
    engine = Engine(NETWORK, device="cpu", thermal=ThermalSettings(unit=case.thermal_unit))
    wanted = UNCOUNTED + max(1, round(seconds * case.rate))
    used: list[float] = []
    with cpu_threads(1):
        due = time.monotonic()
        for _, thermal, rgb in cycle(pairs):
            time.sleep(max(0.0, due - time.monotonic()))
            due = max(due + 1 / case.rate, time.monotonic())
            started = time.process_time()
            engine.fuse(thermal, rgb, time.time_ns())
            used.append(time.process_time() - started)
            if len(used) == wanted:
                break
    counted = used[UNCOUNTED:]
    return 1e3 * sum(counted) / len(counted)
