# SPDX-License-Identifier: Apache-2.0
"""Write a whole bag from one whose recording broke off: killed, or without power."""

from __future__ import annotations

import argparse
from pathlib import Path

from bifuse_core.data.bag_repair import repair
from bifuse_core.data.results import require_new


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `repair`."""
    parser.add_argument("bag", type=Path, help="folder of an MCAP bag, or its .mcap file")
    parser.add_argument(
        "--out",
        type=Path,
        help="new folder, by default BAG_repaired beside it; BAG stays as it is",
    )
    parser.add_argument("--compress", action="store_true", help="compress with zstd")


def run(args: argparse.Namespace) -> int:
    """Write what is whole, and say how much that is.

    Raises:
        ValueError: there is something under `--out`.
        PairError: the bag needs no repair, or nothing in it is whole.
        OSError: a file cannot be read or written.
    """
    bag = args.bag.resolve()
    name = bag.stem if bag.is_file() else bag.name
    out = args.out or bag.with_name(f"{name}_repaired")
    require_new(out)
    done = repair(args.bag, out, compress=args.compress)
    print(f"{out}: {done.messages} messages")
    if done.damaged:
        print(f"left out: {done.damaged} damaged chunks of messages")
    if done.nameless:
        print(f"left out: {done.nameless} messages whose topic is in no whole chunk")
    for topic, count in done.untyped.items():
        print(f"left out: {count} messages of {topic}, whose type is not defined")
    return 0
