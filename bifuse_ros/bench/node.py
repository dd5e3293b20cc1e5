# SPDX-License-Identifier: Apache-2.0
"""The node from end to end: real cameras' topics in, real results out, in its own process."""

from __future__ import annotations

import argparse
import traceback
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tqdm import tqdm

from bifuse_core.bench.report import Report, installed
from bifuse_ros.bench.cases import Case, chosen
from bifuse_ros.bench.engine_alone import engine_milliseconds
from bifuse_ros.bench.goals import goals
from bifuse_ros.bench.isolation import core_count, few_cores, free_domain, prepare_middleware
from bifuse_ros.bench.measurement import Result, measure_case
from bifuse_ros.bench.pictures import write_pictures
from bifuse_ros.bench.tables import PACKAGES, fusion_table, perception_table, stages_table

SUMMARY = "run the node between real topics: rates, ages, CPU time a pair, and every lost pair"
QUICK = ("--quick",)
"""Options that shorten it."""
SECONDS, CORES = 10.0, 2
QUICK_SECONDS = 4.0
ENGINE_SECONDS = 3.0
"""For which the engine alone runs, before each case and after it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `bench node`."""
    parser.add_argument("--seconds", type=float, default=SECONDS, help="measured of each case")
    parser.add_argument(
        "--cases", nargs="+", metavar="PART", help="only cases whose names contain one of these"
    )
    parser.add_argument(
        "--quick", action="store_true", help=f"three cases, {QUICK_SECONDS:g} s each"
    )
    parser.add_argument(
        "--cores", type=core_count, default=CORES, help="that all processes share; 0: all there are"
    )


def measure(args: argparse.Namespace) -> Report:
    """Run the cases one after the other, in a ROS domain without anybody else.

    Raises:
        ValueError: no case is called so, or the time is too short.
        ImportError: the cases need what is not installed.
        NodeError: no ROS domain is free.
    """
    if not 1 <= args.seconds <= 3600:
        raise ValueError(f"--seconds is {args.seconds:g}; 1 to 3600 will do")
    cases = chosen(args.cases, args.quick)
    seconds = min(args.seconds, QUICK_SECONDS) if args.quick else args.seconds
    prepare_middleware()
    with (
        few_cores(args.cores) as cores,
        TemporaryDirectory(prefix="bifuse_bench_") as folder,
    ):
        results = run_all(cases, seconds, Path(folder))
    return report(results, seconds, cores, args)


def run_all(cases: list[Case], seconds: float, folder: Path) -> list[Result]:
    """Run the cases; one that fails does not end the others."""
    domain = free_domain()
    pictures: dict[str, Path] = {}
    results = []
    progress = tqdm(cases)
    for number, case in enumerate(progress):
        progress.set_description(case.name)
        engine = None
        try:
            if case.size not in pictures:
                pictures[case.size] = write_pictures(case.width, case.height, folder / case.size)
            seen = pictures[case.size]
            # Before and after, since machines get faster and slower. Beside boxes and masks the
            # node's CPU time is not that of fusion alone.
            if case.backend is None:
                engine = engine_milliseconds(case, seen, min(seconds, ENGINE_SECONDS))
            measured = measure_case(case, seen, folder / str(number), domain, seconds)
            if engine is not None:
                then = engine_milliseconds(case, seen, min(seconds, ENGINE_SECONDS))
                engine = (engine + then) / 2
            results.append(Result(case, measured, engine, measured.losses.text))
        except Exception as error:
            traceback.print_exc()
            words = f"{type(error).__name__}: {error}".replace("|", "/").split()
            results.append(Result(case, None, engine, " ".join(words)))
    return results


def report(
    results: list[Result], seconds: float, cores: Sequence[int], args: argparse.Namespace
) -> Report:
    """Return the tables of all cases, which ran on these cores."""
    command = "./bifuse bench node"
    command += f" --seconds {args.seconds:g}" if args.seconds != SECONDS else ""
    command += f" --cases {' '.join(args.cases)}" if args.cases else ""
    command += " --quick" if args.quick else ""
    command += f" --cores {args.cores}" if args.cores != CORES else ""
    fusion = [result for result in results if result.case.backend is None]
    perception = [result for result in results if result.case.backend is not None]
    tables = [fusion_table(fusion, seconds, cores)] if fusion else []
    tables += [perception_table(perception, seconds)] if perception else []
    return Report(
        "node",
        command,
        (*tables, stages_table(results)),
        installed(*PACKAGES),
        goals=goals(results, len(cores)),
        failures=tuple(result.case.name for result in results if result.measured is None),
    )
