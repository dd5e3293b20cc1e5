# SPDX-License-Identifier: Apache-2.0
"""Fusion networks as a node plainly runs them, and how much faster the engine is."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
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

from bifuse_core.bench.explaining import Share, in_words, operator_shares
from bifuse_core.bench.goal import Goal
from bifuse_core.bench.options import count
from bifuse_core.bench.report import Column, Report, Table
from bifuse_core.bench.threads import cpu_threads
from bifuse_core.engine.engine import Engine
from bifuse_core.nets.zoo import SHIPPED, load_fusion

SUMMARY = "fuse pairs as most nodes do it, and with the engine: seconds a pair, and their ratio"
QUICK = ("--runs", "1", "--threads", "2")

GOAL_NETWORK = "bdl"
"""The paper's."""
LEAST_RATIO = 1.5
"""Of the time of plain eager PyTorch to that of the engine, on a CPU."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `bench fusion`."""
    parser.add_argument("--networks", nargs="+", choices=SHIPPED, default=list(SHIPPED))
    parser.add_argument("--width", type=count, default=640)
    parser.add_argument("--height", type=count, default=480)
    parser.add_argument("--threads", type=count, nargs="+", default=[1, 2], help="CPU threads")
    parser.add_argument("--runs", type=count, default=5, help="of each, in turn")


def measure(args: argparse.Namespace) -> Report:
    """Return the table of all networks with all numbers of threads."""
    rows = []
    for network in args.networks:
        for threads in args.threads:
            found = speeds(network, args.width, args.height, threads, args.runs)
            rows.append((network, threads, 1e3 * found.plain, 1e3 * found.engine, found.ratio))
    table = Table(
        f"Pairs of {args.width}x{args.height} on the CPU",
        f"Medians of {args.runs} runs of each way in turn, single precision, from bytes to bytes. "
        "Plain: NumPy and OpenCV around the network as it was trained, in eager PyTorch.",
        (
            *map(Column, ("network", "threads")),
            Column("plain ms", ".1f"),
            Column("engine ms", ".1f", "low"),
            Column("plain / engine", ".2f", "high"),
        ),
        tuple(rows),
    )
    command = (
        f"./bifuse bench fusion --networks {' '.join(args.networks)} --width {args.width} "
        f"--height {args.height} --threads {' '.join(map(str, args.threads))} --runs {args.runs}"
    )
    ratios = {threads: ratio for network, threads, _, _, ratio in rows if network == GOAL_NETWORK}
    reached = goals(ratios, args.width, args.height)
    return Report("fusion", command, (table,), ("torch", "numpy"), goals=reached)


def goals(ratios: Mapping[int, float], width: int, height: int) -> tuple[Goal, ...]:
    """Return how much faster than plainly the paper's network is to be.

    Args:
        ratios: that were found, by number of threads.
        width: columns of the pairs, for the profile of an engine that is too slow.
        height: their rows, likewise.
    """
    if not ratios:
        reason = f"{GOAL_NETWORK} was left out by the options"
        return (Goal(f"{GOAL_NETWORK}: plain / engine", "x", LEAST_RATIO, None, reason=reason),)
    return tuple(
        Goal(
            f"{GOAL_NETWORK}, {width}x{height}, CPU threads {threads}: plain / engine",
            "x",
            LEAST_RATIO,
            ratio,
            reason="" if ratio >= LEAST_RATIO else in_words(_dearest(width, height, threads)),
        )
        for threads, ratio in ratios.items()
    )


def _dearest(width: int, height: int, threads: int) -> list[Share]:
    """Return the engine's most expensive operators."""
    with cpu_threads(threads):
        engine = Engine(GOAL_NETWORK, device="cpu", precision="fp32")
        pair = _random_pair(width, height)
        engine.fuse(*pair, 0)
        return operator_shares(lambda: engine.fuse(*pair, 0), engine.device)


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


def _random_pair(width: int, height: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    random = np.random.default_rng(0)
    thermal = random.integers(0, 256, (height, width), np.uint8)
    return thermal, random.integers(0, 256, (height, width, 3), np.uint8)


class Speeds(NamedTuple):
    """Medians over some pairs of one size."""

    plain: float
    """Seconds a pair, as `fuse_plainly` does it."""
    engine: float
    """Seconds a pair, as the engine does it."""
    ratio: float
    """Of the time of the one to the time of the other, in each pair of runs."""


def speeds(
    network: str,
    width: int,
    height: int,
    threads: int,
    runs: int,
    weights: Path | None = None,
    seconds: Callable[[], float] = perf_counter,
) -> Speeds:
    """Run both in turn on random pictures, after one of each that is not timed.

    Args:
        network: a fusion network.
        width: columns.
        height: rows.
        threads: CPU threads.
        runs: that are timed.
        weights: its weights; the shipped ones by default.
        seconds: the clock.
    """
    with cpu_threads(threads):
        net, _ = load_fusion(network, weights)
        engine = Engine(network, weights=weights, device="cpu", precision="fp32")
        thermal, rgb = _random_pair(width, height)
        times = np.empty((runs + 1, 2))
        for run in trange(runs + 1, desc=f"{threads} threads", leave=False):
            started = seconds()
            fuse_plainly(net, thermal, rgb)
            between = seconds()
            engine.fuse(thermal, rgb, run)
            times[run] = between - started, seconds() - between
    plain, ours = times[1:].T
    return Speeds(*(float(median(x)) for x in (plain, ours, plain / ours)))
