# SPDX-License-Identifier: Apache-2.0
"""Fuse in real time while others look at the fused pictures: rates, ages and memory."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping

from bifuse_core.bench.card import describe_place
from bifuse_core.bench.goal import Goal
from bifuse_core.bench.options import count
from bifuse_core.bench.real_time import BOXES, FUSED, MASKS, RealTime, Result, run_in_real_time
from bifuse_core.bench.report import Column, Report, Table, Value, installed
from bifuse_core.bench.scenes import scenes, size
from bifuse_core.engine.engine import Engine
from bifuse_core.engine.fusions import READY
from bifuse_core.engine.place import BACKENDS, PRECISIONS, choose_device
from bifuse_core.nets.zoo import DETECTORS, SEGMENTERS, SHIPPED, SHIPPED_TASKS

SUMMARY = "fuse pairs in real time beside boxes and masks: rates, ages and memory"
QUICK = ("--rates", "25", "--seconds", "4")

RATE = 25
"""Pairs a second of the goals."""
LEAST = {FUSED: 0.99 * RATE, BOXES: 10.0, MASKS: 5.0}
"""Results a second that are to be reached then. A pair in a hundred may be displaced."""

Run = tuple[str, int, RealTime]
"""Backend, pairs a second, and what came of it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `bench beside`."""
    detector, segmenter = SHIPPED_TASKS
    parser.add_argument("--network", choices=READY, default=SHIPPED[0])
    parser.add_argument("--detector", choices=tuple(DETECTORS), default=detector)
    parser.add_argument("--segmenter", choices=tuple(SEGMENTERS), default=segmenter)
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=list(BACKENDS))
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--precision", choices=("auto", *PRECISIONS), default="auto")
    parser.add_argument("--size", default="640x480")
    parser.add_argument("--rates", nargs="+", type=count, default=[25, 30], help="pairs a second")
    parser.add_argument("--seconds", type=float, default=15, help="of each run")
    parser.add_argument("--threads", type=count, default=1, help="CPU threads of the fusion")
    parser.add_argument(
        "--perception-threads", type=count, default=1, help="of detector and segmenter each"
    )


def measure(args: argparse.Namespace) -> Report:
    """Run each backend at each rate."""
    picture = size(args.size)
    pairs = [(scene.thermal[8], scene.rgb) for scene in scenes(picture, 2)]
    runs: list[Run] = []
    missing = []
    for backend in args.backends:
        try:
            engine = Engine(
                args.network,
                detector=args.detector,
                segmenter=args.segmenter,
                device=args.device,
                precision=args.precision,
                backend=backend,
                backend_threads=args.perception_threads,
            )
            engine.warm_up(*picture)
        except (ImportError, ValueError) as error:
            missing.append(f"{backend}: {error}")
            continue
        for rate in args.rates:
            threads = args.threads, args.perception_threads
            runs.append(
                (backend, rate, run_in_real_time(engine, pairs, rate, args.seconds, threads))
            )
    backends = dict.fromkeys(backend for backend, _, _ in runs)
    return Report(
        "beside",
        _command(args),
        (_results(runs, args, missing), _memory(runs)),
        installed("torch", "numpy", *backends),
        describe_place(choose_device(args.device)),
        goals=goals(runs, f"{args.network}, {args.size}"),
    )


def goals(runs: Iterable[Run], what: str) -> tuple[Goal, ...]:
    """Return what is to be reached at `RATE`, for the backend that comes closest in all.

    Args:
        runs: of some backends.
        what: was run, in words.
    """
    at_rate = [(backend, found.results) for backend, rate, found in runs if rate == RATE]
    if not at_rate:
        return _goals(what, dict.fromkeys(LEAST), dict.fromkeys(LEAST, f"no run at {RATE} pairs/s"))

    def closeness(run: tuple[str, dict[str, Result]]) -> float:
        return min(run[1][name].rate / least for name, least in LEAST.items())

    backend, best = max(at_rate, key=closeness)
    works = {name: _in_ms(result.work) for name, result in best.items()}
    work = ", ".join(f"{n} {'none' if ms is None else f'{ms:.1f} ms'}" for n, ms in works.items())
    rates = {name: result.rate for name, result in best.items()}
    reasons = {
        name: f"with {backend}" + ("" if rates[name] >= least else f"; work a picture: {work}")
        for name, least in LEAST.items()
    }
    return _goals(what, rates, reasons)


def _goals(
    what: str, rates: Mapping[str, float | None], reasons: Mapping[str, str]
) -> tuple[Goal, ...]:
    return tuple(
        Goal(f"{name}, {what} fed {RATE} pairs/s", "Hz", least, rates[name], reason=reasons[name])
        for name, least in LEAST.items()
    )


def _in_ms(seconds: float | None) -> float | None:
    return None if seconds is None else 1e3 * seconds


def _results(runs: Iterable[Run], args: argparse.Namespace, missing: list[str]) -> Table:
    percents = (50, 95, 99)
    rows: list[tuple[Value, ...]] = []
    for backend, rate, found in runs:
        for name, result in found.results.items():
            ages = tuple(result.ages.percentiles(*percents)) or (None,) * len(percents)
            rows.append((backend, rate, name, result.rate, *map(_in_ms, (result.work, *ages))))
    note = (
        f"Pairs of {args.size}, {args.network}, {args.detector} and {args.segmenter} each in a "
        f"thread of their own, as in the node but without ROS, {args.threads} CPU threads for the "
        f"fusion and {args.perception_threads} for each of the others, which let fusion go first; "
        f"{args.seconds:g} s each. Each takes the newest there is. Work: the median of the time "
        "for one picture. Age: from when the pair was due until the result is there."
    )
    if missing:
        note += f" Not run: {'; '.join(missing)}."
    return Table(
        "Rates and ages",
        note,
        (
            *map(Column, ("backend", "pairs/s", "result")),
            Column("Hz", ".1f", "high"),
            Column("work ms", ".1f", "low"),
            *(Column(f"age p{percent} ms", ".1f", "low") for percent in percents),
        ),
        tuple(rows),
    )


def _memory(runs: Iterable[Run]) -> Table:
    return Table(
        "Memory",
        "Of the process, resident, at the end, and by how much it grew during the run.",
        (
            *map(Column, ("backend", "pairs/s")),
            Column("MiB", ".0f", "low"),
            Column("growth MiB", ".1f", "low"),
        ),
        tuple((backend, rate, found.memory, found.growth) for backend, rate, found in runs),
    )


def _command(args: argparse.Namespace) -> str:
    return (
        f"./bifuse bench beside --network {args.network} --detector {args.detector} --segmenter "
        f"{args.segmenter} --backends {' '.join(args.backends)} --device {args.device} --precision "
        f"{args.precision} --size {args.size} --rates {' '.join(map(str, args.rates))} --seconds "
        f"{args.seconds:g} --threads {args.threads} --perception-threads {args.perception_threads}"
    )
