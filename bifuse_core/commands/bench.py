# SPDX-License-Identifier: Apache-2.0
"""Measure BiFuse on this machine: a part of it, or all on one page."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from bifuse_core.bench import beside, engine, fusion, pairing
from bifuse_core.bench.comparison import NOISE, compare_reports, require_common
from bifuse_core.bench.page import Failure, Page
from bifuse_core.bench.report import Report
from bifuse_core.bench.stored import read_reports


class Bench(Protocol):
    """A module that measures something. QUICK, if it has that, are options that shorten it."""

    SUMMARY: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare its options, none of which is required."""

    def measure(self, args: argparse.Namespace) -> Report:
        """Measure, as the options say."""
        ...


BENCHES: dict[str, Bench] = {
    "engine": engine,
    "fusion": fusion,
    "beside": beside,
    "pairing": pairing,
}
"""By name; those that need no ROS."""

ALL = "all"
COMMAND = "./bifuse bench"


def add_arguments(
    parser: argparse.ArgumentParser,
    benches: Mapping[str, Bench] = BENCHES,
    command: str = COMMAND,
) -> None:
    """Declare the options of `bench`.

    Args:
        parser: of the command line.
        benches: what can be measured, by name.
        command: that the parser belongs to, for the page of all.
    """
    choices = parser.add_subparsers(metavar="BENCH", required=True)
    for name, bench in benches.items():
        subparser = _add_bench(choices, name, bench.SUMMARY)
        bench.add_arguments(subparser)
        subparser.set_defaults(measure=bench.measure, names=(name,))
    subparser = _add_bench(choices, ALL, f"all of them, on one page: {', '.join(benches)}")
    subparser.add_argument("--quick", action="store_true", help="a minute or two, and rough")

    def measure(args: argparse.Namespace) -> Page:
        return measure_all(benches, args.quick, command)

    subparser.set_defaults(measure=measure, names=tuple(benches))


def _add_bench(
    choices: argparse._SubParsersAction[argparse.ArgumentParser], name: str, summary: str
) -> argparse.ArgumentParser:
    subparser = choices.add_parser(
        name,
        help=summary,
        description=summary,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    subparser.add_argument("--out", type=Path, help="folder for a Markdown and a JSON file")
    subparser.add_argument(
        "--compare", type=Path, metavar="OLD.json", help="print ratios to what was written before"
    )
    subparser.add_argument(
        "--noise", type=_noise, default=NOISE, help="ratio, either way, that is no difference"
    )
    return subparser


def _noise(text: str) -> float:
    ratio = float(text)
    if not ratio >= 1:
        raise argparse.ArgumentTypeError(f"{text} is below 1, where nothing differs")
    return ratio


def measure_all(benches: Mapping[str, Bench], quick: bool, command: str = COMMAND) -> Page:
    """Run all benches with their defaults; one that fails leaves the others be.

    Args:
        benches: by name.
        quick: whether those that know how are shortened.
        command: `bench`, for the page.
    """
    results: list[Report | Failure] = []
    for number, (name, bench) in enumerate(benches.items(), 1):
        print(f"[{number}/{len(benches)}] {name}: {bench.SUMMARY}", file=sys.stderr, flush=True)
        parser = argparse.ArgumentParser(name)
        bench.add_arguments(parser)
        try:
            options = getattr(bench, "QUICK", ()) if quick else ()
            results.append(bench.measure(parser.parse_args(options)))
        except Exception as error:
            traceback.print_exc()
            results.append(Failure(name, f"{type(error).__name__}: {error}"))
    return Page(f"{command} {ALL}{' --quick' if quick else ''}", tuple(results))


def run(args: argparse.Namespace) -> int:
    """Measure, print the results as Markdown, and write and compare them if asked to.

    Returns:
        1 if a bench or a part of one failed, else 0.

    Raises:
        ValueError: the old file holds nothing to compare with.
    """
    old = read_reports(args.compare) if args.compare else ()
    if args.compare:
        # Before what may take minutes.
        require_common(args.names, old)
    results: Report | Page = args.measure(args)
    print(results.markdown())
    if args.out:
        results.write(args.out)
    reports = results.reports if isinstance(results, Page) else (results,)
    if args.compare:
        print(compare_reports(reports, old, args.noise))
    failed = isinstance(results, Page) and results.failures
    return 1 if failed or any(report.failures for report in reports) else 0
