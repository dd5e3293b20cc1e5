# SPDX-License-Identifier: Apache-2.0
"""Measure a part of BiFuse on this machine."""

from __future__ import annotations

import argparse
from pathlib import Path

from bifuse_core.bench import engine, fusion, pairing

BENCHES = {"engine": engine, "fusion": fusion, "pairing": pairing}
"""By name: modules with SUMMARY, `add_arguments` and `measure`."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `bench`."""
    choices = parser.add_subparsers(metavar="BENCH", required=True)
    for name, bench in BENCHES.items():
        subparser = choices.add_parser(
            name,
            help=bench.SUMMARY,
            description=bench.SUMMARY,
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
        bench.add_arguments(subparser)
        subparser.add_argument("--out", type=Path, help="folder for BENCH.md and BENCH.json")
        subparser.set_defaults(measure=bench.measure)


def run(args: argparse.Namespace) -> int:
    """Measure, print the report as Markdown, and write it if asked to."""
    report = args.measure(args)
    print(report.markdown())
    if args.out:
        report.write(args.out)
    return 0
