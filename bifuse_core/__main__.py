# SPDX-License-Identifier: Apache-2.0
"""The command line: `python -m bifuse_core SUBCOMMAND`, or `./bifuse SUBCOMMAND`."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module

from bifuse_core.process import prepare_process

SUBCOMMANDS = {
    "ablate": "train variants of one training with several seeds, and compare them in a table",
    "average": "average the weights of several trainings of one network",
    "bench": "measure BiFuse on this machine: a part, or all on one page",
    "calibrate": "find how a thermal and an RGB camera lie on each other, for the fusion node",
    "check": "read a whole data set or bag and report every fault in it",
    "doctor": "say what this machine has, and what is missing",
    "evaluate": "score fusions on a data set, beside the baselines",
    "evaluate-task": "score detectors or segmenters on labelled data sets, as the paper's tables",
    "export": "write a network as an ONNX file, for other runtimes",
    "fuse": "fuse a folder of pairs, two videos or a bag into pictures, a video or a bag",
    "label": "propose labels for a recording, as COCO to correct, and a page to look through",
    "render": "write rendered, labelled road scenes as a folder of pairs",
    "repair": "write a whole bag from one whose recording broke off",
    "retrain": "label recordings, train the shipped detector on them briefly, and compare",
    "train": "train a fusion network as a configuration says",
    "train-task": "train a detector or segmenter on a fixed fusion as a configuration says",
}


LINE_INTERVAL = "30"
"""Seconds between two lines of a progress bar where they stay, as in a file."""


def main(args: list[str] | None = None) -> int:
    """Run one subcommand and return its exit code; faults in the input print one line."""
    prepare_process()
    _slow_progress_bars()
    parser = argparse.ArgumentParser(prog="bifuse", description=__doc__)
    choices = parser.add_subparsers(metavar="SUBCOMMAND", required=True)
    arguments = sys.argv[1:] if args is None else args
    for name, summary in SUBCOMMANDS.items():
        subparser = choices.add_parser(
            name,
            help=summary,
            description=summary,
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
        # Only the chosen subcommand is imported, so that help does not wait for torch.
        if name in arguments[:1]:
            command = import_module(f"bifuse_core.commands.{name.replace('-', '_')}")
            command.add_arguments(subparser)
            subparser.set_defaults(run=command.run)
    parsed = parser.parse_args(arguments)
    try:
        return int(parsed.run(parsed))
    # CheckpointError among them; libraries that only some commands need may not be installed.
    except (ValueError, OSError, FloatingPointError, ImportError) as error:
        print(f"bifuse: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _slow_progress_bars() -> None:
    """Let progress bars write few lines where standard error is no terminal.

    tqdm reads the variables when it is imported, from 4.66 on. Who sets them has them.
    """
    if not sys.stderr.isatty():
        for name in ("TQDM_MININTERVAL", "TQDM_MAXINTERVAL"):
            os.environ.setdefault(name, LINE_INTERVAL)


if __name__ == "__main__":
    sys.exit(main())
