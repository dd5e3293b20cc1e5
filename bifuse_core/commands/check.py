# SPDX-License-Identifier: Apache-2.0
"""Read a whole data set and report every fault in it."""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from bifuse_core.bilevel.camera_options import (
    add_camera_arguments,
    add_topics_argument,
    chosen_cameras,
)
from bifuse_core.data.check import Findings, check
from bifuse_core.data.datasets import LAYOUTS, list_dataset
from bifuse_core.data.entries import EntryDataset
from bifuse_core.data.layouts.layout import Options
from bifuse_core.metrics.unlabelled import UNLABELLED

SIZES_SHOWN = 4
"""Sizes of pictures named in the summary, the commonest first."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `check`."""
    defaults = Options()
    parser.add_argument("path", type=Path, help="folder of the data set, bag, or thermal video")
    parser.add_argument("--layout", choices=("auto", *LAYOUTS), default="auto")
    parser.add_argument("--split", help="only the pairs of this list (train, val, test, ...)")
    parser.add_argument("--classes", type=_names, help="names of the box labels: person,car,...")
    parser.add_argument("--mask-classes", type=_names, help="names of the mask values")
    parser.add_argument("--labels", default=defaults.labels, help="folder, or COCO file, of boxes")
    parser.add_argument("--masks", default=defaults.masks, help="folder of masks")
    parser.add_argument(
        "--unlabelled", type=int, nargs="*", default=[], help="mask values that are no class"
    )
    add_topics_argument(parser)
    add_camera_arguments(parser)
    parser.add_argument("--strict", action="store_true", help="fail where there is a fault")


def run(args: argparse.Namespace) -> int:
    """Print every fault, then what is in the data set; 1 where `--strict` finds a fault.

    Raises:
        PairError: there is no data set.
        ValueError: a parameter of the cameras cannot be.
        OSError: a file of parameters or of a calibration cannot be read.
    """
    options = replace(
        chosen_cameras(args).options,
        split=args.split,
        classes=args.classes,
        mask_classes=args.mask_classes,
        labels=args.labels,
        masks=args.masks,
        mask_read_as=dict.fromkeys(args.unlabelled, UNLABELLED),
    )
    dataset = list_dataset(args.path, args.layout, options)
    findings = check(dataset, tqdm(dataset.entries, desc="checking", unit="pair"))
    for fault in findings.faults:
        print(fault)
    print("\n".join(summary(dataset, findings)))
    return 1 if args.strict and findings.faults else 0


def summary(dataset: EntryDataset, findings: Findings) -> list[str]:
    """Return what was found, a line for each kind of thing."""
    lines = [f"pairs: {findings.samples}, of which {findings.sound} without fault"]
    lines.append(f"sizes: {_commonest(findings.sizes)}")
    lines.append(f"thermal: {_counted(findings.types)}")
    if dataset.classes:
        boxes = {name: findings.boxes[n] for n, name in enumerate(dataset.classes)}
        lines.append(f"boxes: {_counted(boxes)}; regions to ignore {findings.ignored}")
        lines.append(
            f"pairs without label file: {findings.unknown}, with nothing in it: {findings.empty}"
        )
    if dataset.mask_classes:
        total = max(findings.pixels.total(), 1)
        names = {n: name for n, name in enumerate(dataset.mask_classes)} | {UNLABELLED: "no class"}
        shares = (
            f"{names.get(value, value)} {count / total:.1%}"
            for value, count in sorted(findings.pixels.items())
        )
        lines.append(f"masks: {findings.masks}; {', '.join(shares)}")
    lines.append(f"faults: {len(findings.faults)}")
    return lines


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"


def _commonest(counts: Counter[str]) -> str:
    others = len(counts) - SIZES_SHOWN
    shown = _counted(dict(counts.most_common(SIZES_SHOWN)))
    return f"{shown} and {others} others" if others > 0 else shown


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
