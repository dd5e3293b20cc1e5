# SPDX-License-Identifier: Apache-2.0
"""Propose labels for a recording: COCO to correct, the pictures, and a page to look through."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from bifuse_core.bilevel.camera_options import add_camera_arguments, chosen_cameras
from bifuse_core.data.results import require_free
from bifuse_core.labelling.agreement import SURE
from bifuse_core.labelling.page import PAGE
from bifuse_core.labelling.recording import LABELS, label_recording
from bifuse_core.labelling.teacher import THRESHOLD, load_teacher
from bifuse_core.nets.zoo import DETECTORS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `label`."""
    parser.add_argument("source", type=Path, help="bag, folder with ir/ and vi/, or thermal video")
    parser.add_argument(
        "--out", type=Path, required=True, help="new folder; nothing is overwritten"
    )
    parser.add_argument("--every", type=int, default=1, help="take every nth pair")
    parser.add_argument("--threshold", type=float, default=THRESHOLD, help="least score of a box")
    parser.add_argument(
        "--sure",
        type=float,
        default=SURE,
        help="least score of an object that only one of fused, thermal and RGB shows; with less it "
        "becomes a region to ignore",
    )
    parser.add_argument("--detector", choices=DETECTORS, default="fcos_small")
    parser.add_argument("--weights", type=Path, help="of the detector, instead of the shipped ones")
    parser.add_argument("--fusion", default="edge", help="a fusion, or NAME=WEIGHTS")
    add_camera_arguments(parser)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())


def run(args: argparse.Namespace) -> int:
    """Write `labels.json`, `ir/`, `vi/`, `fused/` and `page.html`.

    Raises:
        ValueError: an option cannot be used, or there is something under `--out`.
        PairError: a pair cannot be read.
        OSError: the results cannot be written.
    """
    for name in ("threshold", "sure"):
        if not 0 <= getattr(args, name) <= 1:
            raise ValueError(f"--{name} is {getattr(args, name)}; it must be within 0..1")
    if args.every < 1:
        raise ValueError(f"--every is {args.every}; it must be 1 or more")
    cameras = chosen_cameras(args)
    require_free(args.out)
    torch.set_num_threads(args.threads)
    teacher = load_teacher(args.detector, args.weights, args.fusion, args.threshold, args.device)
    labelled = label_recording(
        args.source, cameras, teacher, args.out, every=args.every, sure=args.sure
    )
    ignored = sum(int(one.proposals.ignore.sum()) for one in labelled)
    objects = sum(len(one.proposals.ignore) for one in labelled) - ignored
    pairs = max(len(labelled), 1)
    print(
        f"{len(labelled)} pairs, {objects} objects, {ignored} regions to ignore "
        f"({objects / pairs:.1f} and {ignored / pairs:.1f} a picture; "
        f"{args.detector} {teacher.trained.checksum[:12]}): {args.out / LABELS}\n"
        f"to look through: {args.out / PAGE}"
    )
    return 0
