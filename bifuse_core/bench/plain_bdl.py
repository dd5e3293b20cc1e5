# SPDX-License-Identifier: Apache-2.0
"""The paper's network as a node plainly runs it, and how much faster the engine is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from tqdm import trange

from bifuse_core.engine.engine import Engine
from bifuse_core.nets.zoo import load_fusion


def fuse_plainly(
    net: nn.Module, thermal: NDArray[np.uint8], rgb: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Fuse one pair with the network as it was trained, in eager PyTorch.

    Args:
        net: a fusion network in evaluation mode, on the CPU, in single precision.
        thermal: (H, W).
        rgb: (H, W, 3) red, green, blue.

    Returns:
        (H, W, 3) red, green, blue.
    """
    picture = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2YCrCb)
    inputs = (thermal.astype(np.float32) / 255, np.ascontiguousarray(picture[..., 0]))
    with torch.no_grad():
        fused = net(*(torch.from_numpy(image)[None, None] for image in inputs))
    picture[..., 0] = fused[0, 0].numpy()
    colour = cv2.cvtColor(picture, cv2.COLOR_YCrCb2RGB)
    return np.round(np.clip(colour, 0, 1) * 255).astype(np.uint8)


class Speeds(NamedTuple):
    """Medians over some pairs of one size."""

    plain: float
    """Seconds a pair, as `fuse_plainly` does it."""
    engine: float
    """Seconds a pair, as the engine does it."""
    ratio: float
    """Of the time of the one to the time of the other, in each pair of runs."""


def speeds(
    width: int = 640,
    height: int = 480,
    threads: int = 1,
    runs: int = 5,
    weights: Path | None = None,
    seconds: Callable[[], float] = perf_counter,
) -> Speeds:
    """Run both in turn on random pictures, after one of each that is not timed.

    Args:
        width: columns.
        height: rows.
        threads: CPU threads.
        runs: that are timed.
        weights: of the paper's network; the shipped ones by default.
        seconds: the clock; `time.process_time` on a machine that has other things to do.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        net, _ = load_fusion("bdl", weights)
        engine = Engine("bdl", weights=weights, device="cpu", precision="fp32")
        random = np.random.default_rng(0)
        thermal = random.integers(0, 256, (height, width), np.uint8)
        rgb = random.integers(0, 256, (height, width, 3), np.uint8)
        times = np.empty((runs + 1, 2))
        for run in trange(runs + 1, desc=f"{threads} threads", leave=False):
            started = seconds()
            fuse_plainly(net, thermal, rgb)
            between = seconds()
            engine.fuse(thermal, rgb, run)
            times[run] = between - started, seconds() - between
    finally:
        torch.set_num_threads(before)
    plain, ours = times[1:].T
    return Speeds(*(float(median(x)) for x in (plain, ours, plain / ours)))
