# SPDX-License-Identifier: Apache-2.0
"""Fuse a folder of pairs, two videos or a bag into pictures, a video or a bag."""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager
from pathlib import Path

from tqdm import tqdm

from bifuse_core.bilevel.camera_options import (
    add_camera_arguments,
    add_topics_argument,
    chosen_cameras,
)
from bifuse_core.data.bag_reader import BAG_SUFFIXES
from bifuse_core.data.bag_results import BAG_SUFFIX, bag_file
from bifuse_core.data.bags import BagPairs
from bifuse_core.data.camera_infos import known_cameras
from bifuse_core.data.pairs import PairSource
from bifuse_core.data.results import Fused, Keep, picture_folder, require_free, video_file
from bifuse_core.data.sources import open_pairs
from bifuse_core.data.videos import VIDEO_SUFFIXES
from bifuse_core.engine.aligned import AlignedFusion
from bifuse_core.engine.engine import Engine
from bifuse_core.engine.fusions import FUSIONS
from bifuse_core.engine.place import PRECISIONS

DEFAULT_RATE = 10.0
"""Pictures per second of a video made from a source without a rate."""

PAUSE = 60
"""Pictures of a folder have nothing to do with each other: a second between them in a bag is a
minute for the smoothing of the thermal range."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `fuse`."""
    parser.add_argument(
        "input",
        type=Path,
        nargs="+",
        help="folder with ir/ and vi/, two videos (thermal, RGB), or a bag",
    )
    add_topics_argument(parser)
    add_camera_arguments(parser)
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        help=f"new folder, video ({' '.join(VIDEO_SUFFIXES)}) or bag ({BAG_SUFFIX}); nothing is "
        "overwritten",
    )
    parser.add_argument("--network", choices=FUSIONS, default="edge")
    parser.add_argument("--weights", type=Path, help="weights file instead of the shipped one")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--precision", choices=("auto", *PRECISIONS), default="auto")


def run(args: argparse.Namespace) -> int:
    """Fuse every pair as the node would, and write the results by the thermal pictures' names.

    Raises:
        ValueError: there is something under `--out`, or it cannot hold the results.
        PairError: a pair cannot be read.
        OSError: the results cannot be written.
    """
    require_free(args.out)
    cameras = chosen_cameras(args)
    options = cameras.options
    source = open_pairs(
        *args.input,
        topics=options.topics,
        sync=options.sync,
        reference=options.reference,
        one_size=options.one_size,
    )
    known = known_cameras(args.input[0], options)
    engine = Engine(
        args.network,
        weights=args.weights,
        device=args.device,
        precision=args.precision,
        thermal=cameras.normalisation,
    )
    fuse = AlignedFusion(engine, options.alignment, options.reference, known.__getitem__)
    count = 0
    with _results(args.out, source.rate or DEFAULT_RATE) as keep:
        for pair in tqdm(source, desc="fusing", unit="pair"):
            stamp, frame_id = _header(source, count, options.reference)
            fused = fuse(pair.thermal, pair.rgb, stamp if source.rate else PAUSE * stamp)
            keep(Fused(pair.name, stamp, frame_id, fused))
            count += 1
        if not count:
            raise ValueError(f"{args.input[0]}: no pair can be read")
    print(f"{count} pairs fused by {args.network} ({engine.checksum[:12]}): {args.out}")
    return 0


def _results(out: Path, rate: float) -> AbstractContextManager[Keep]:
    suffix = out.suffix.lower()
    if suffix == BAG_SUFFIX:
        return bag_file(out)
    if suffix in BAG_SUFFIXES:
        raise ValueError(f"{out}: bags are written as {BAG_SUFFIX}, not {suffix}")
    return video_file(out, rate) if suffix in VIDEO_SUFFIXES else picture_folder(out)


def _header(source: PairSource, number: int, reference: str) -> tuple[int, str]:
    """Return the stamp in nanoseconds and the coordinate frame of a pair's result.

    A bag has its own, those of the reference.
    """
    if isinstance(source, BagPairs):
        shown = source.shown(number)
        return shown.stamp, shown.frame_id
    return round(number * 1e9 / (source.rate or 1)), f"{reference}_optical_frame"
