# SPDX-License-Identifier: Apache-2.0
"""Run the node for long, and see whether its memory stays flat and no pair is lost unexplained."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from bifuse_core.bench.options import count
from bifuse_core.bench.report import Report
from bifuse_core.engine.engine import NONE
from bifuse_core.engine.place import BACKENDS
from bifuse_core.process import prepare_process
from bifuse_ros.bench.cases import Case
from bifuse_ros.bench.chain import running
from bifuse_ros.bench.isolation import core_count, few_cores, free_domain, prepare_middleware
from bifuse_ros.bench.pictures import write_pictures
from bifuse_ros.bench.soak_report import soak_report
from bifuse_ros.bench.soak_run import watch
from bifuse_ros.processes import NodeError, interruptible

JITTER = 0.003
"""Of the stamps, seconds: free-running cameras never agree to the millisecond."""


def main(args: list[str] | None = None) -> int:
    """Run, print and write the report; 1 where memory surely grows or a loss is unexplained."""
    # As in all other commands.
    prepare_process()
    options = parse_arguments(args)
    console = Console(highlight=False, soft_wrap=True)
    try:
        with interruptible():
            prepare_middleware()
            report = soak(options, console)
    except (NodeError, ValueError, OSError, ImportError) as error:
        print(f"bifuse: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    print(report.markdown())
    if options.out:
        report.write(options.out)
    return 1 if report.failures else 0


def parse_arguments(args: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="bifuse soak",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="that the cameras play")
    parser.add_argument(
        "--backend",
        choices=(NONE, *BACKENDS),
        default="torch",
        help="of detector and segmenter on the CPU; none: fusion alone",
    )
    parser.add_argument("--threads", type=count, default=1, help="CPU threads of the fusion")
    parser.add_argument("--limit", type=float, default=1.0, help="of the memory's growth, MiB/min")
    parser.add_argument("--cores", type=core_count, default=2, help="that all share; 0: all")
    parser.add_argument("--out", type=Path, help="folder for soak.md and soak.json")
    options = parser.parse_args(args)
    if not 0.05 <= options.minutes <= 10_000:
        parser.error(f"argument --minutes: {options.minutes:g} is not 0.05 to 10000")
    return options


def soak(options: argparse.Namespace, console: Console) -> Report:
    """Play cameras of 30 Hz into a node, with boxes and masks unless told otherwise, and watch it.

    Raises:
        NodeError: a node does not start, or ends early.
    """
    backend = None if options.backend == NONE else options.backend
    case = Case(backend=backend, jitter=JITTER, threads=options.threads)
    with few_cores(options.cores) as cores, TemporaryDirectory(prefix="bifuse_soak_") as name:
        console.print(f"on the cores {', '.join(map(str, cores))}")
        folder = Path(name)
        pictures = write_pictures(case.width, case.height, folder / "pictures")
        pairs = round(options.minutes * 60 * case.rate)
        with running(case, pictures, folder / "run", free_domain(), pairs) as chain:
            run = watch(chain, 60 * options.minutes, console)
    return soak_report(case, run, cores, options)


if __name__ == "__main__":
    sys.exit(main())
