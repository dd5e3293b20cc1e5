# SPDX-License-Identifier: Apache-2.0
"""Fuse a folder of pairs, two videos or a bag into pictures or a video."""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
from tqdm import tqdm

from bifuse_core.data.bags import TOPICS
from bifuse_core.data.sources import open_pairs
from bifuse_core.data.videos import VIDEO_SUFFIXES
from bifuse_core.engine.engine import PRECISIONS, Engine
from bifuse_core.engine.fusions import FUSIONS

DEFAULT_RATE = 10.0
"""Pictures per second of a video made from a source without a rate."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `fuse`."""
    parser.add_argument(
        "input",
        type=Path,
        nargs="+",
        help="folder with ir/ and vi/, two videos (thermal, RGB), or a bag",
    )
    parser.add_argument("--topics", nargs=2, default=TOPICS, help="of a bag: thermal, RGB")
    parser.add_argument(
        "--out", type=Path, required=True, help=f"folder, or video ({' '.join(VIDEO_SUFFIXES)})"
    )
    parser.add_argument("--network", choices=FUSIONS, default="edge")
    parser.add_argument("--weights", type=Path, help="weights file instead of the shipped one")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--precision", choices=("auto", *PRECISIONS), default="auto")


def run(args: argparse.Namespace) -> int:
    """Fuse every pair and write the results under the names of the thermal pictures."""
    source = open_pairs(*args.input, topics=tuple(args.topics))
    engine = Engine(
        args.network, weights=args.weights, device=args.device, precision=args.precision
    )
    rate = source.rate or DEFAULT_RATE
    video: cv2.VideoWriter | None = None
    as_video = args.out.suffix.lower() in VIDEO_SUFFIXES
    (args.out.parent if as_video else args.out).mkdir(parents=True, exist_ok=True)
    for number, pair in enumerate(tqdm(source, desc="fusing", unit="pair")):
        # Pictures of a folder have nothing to do with each other, so a minute lies between them.
        stamp = round(number * 1e9 * (1 / source.rate if source.rate else 60))
        fused = engine.fuse(pair.thermal, pair.rgb, stamp)
        bgr = cv2.cvtColor(fused, cv2.COLOR_RGB2BGR)
        if not as_video:
            file = args.out / f"{pair.name}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            if not cv2.imwrite(str(file), bgr):
                raise ValueError(f"{file}: cannot be written")
            continue
        if video is None:
            size = (bgr.shape[1], bgr.shape[0])
            video = cv2.VideoWriter(str(args.out), cv2.VideoWriter.fourcc(*"mp4v"), rate, size)
            if not video.isOpened():
                raise ValueError(f"{args.out}: cannot write a video there; try .mp4 or a folder")
        video.write(bgr)
    if video is not None:
        video.release()
    print(f"{len(source)} pairs fused by {args.network} ({engine.checksum[:12]}): {args.out}")
    return 0
