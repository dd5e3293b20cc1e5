# SPDX-License-Identifier: Apache-2.0
"""Find how a thermal and an RGB camera lie on each other, and write it for the fusion node."""

from __future__ import annotations

import argparse
from pathlib import Path

import yaml
from tqdm import tqdm

from bifuse_core.bilevel.camera_options import (
    add_camera_arguments,
    add_topics_argument,
    chosen_cameras,
)
from bifuse_core.calibration.estimation import UNIT, Calibration, calibrated
from bifuse_core.data.evenly import evenly
from bifuse_core.data.pairs import ImagePair, PairSource
from bifuse_core.data.results import require_new
from bifuse_core.data.sources import open_pairs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `calibrate`."""
    parser.add_argument(
        "input",
        type=Path,
        nargs="+",
        help="folder with ir/ and vi/, two videos (thermal, RGB), or a bag, of one fixed rig",
    )
    add_topics_argument(parser)
    add_camera_arguments(parser)
    parser.add_argument(
        "--out", type=Path, required=True, help="new YAML file of parameters for fusion_node"
    )
    parser.add_argument(
        "--reference", choices=("rgb", "thermal"), help="instead of that of --params, or rgb"
    )
    parser.add_argument("--pairs", type=int, default=20, help="most pairs that are used")
    parser.add_argument(
        "--limit", type=float, default=2.0, help="largest residual, pixels of the finer camera"
    )


def run(args: argparse.Namespace) -> int:
    """Write the homography, and print how far it can be trusted.

    Raises:
        ValueError: there is something under `--out`, or a parameter of the cameras cannot be.
        CalibrationError: the pairs do not tell it.
        PairError: a pair cannot be read.
        OSError: the file cannot be written.
    """
    require_new(args.out)
    cameras = chosen_cameras(args)
    reference = args.reference or cameras.reference
    source = open_pairs(
        *args.input, topics=cameras.topics, sync=cameras.synchronisation, one_size=False
    )
    found = calibrated(_some(source, args.pairs), reference, args.limit)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(parameters(found, reference), encoding="utf-8")
    print(
        f"residual {found.residual:.2f} {UNIT}, halves differ by {found.spread:.2f} of them, "
        f"{found.pairs} pairs, the other camera sees {found.overlap:.0%} of {reference}: "
        f"{args.out}"
    )
    return 0


def parameters(found: Calibration, reference: str) -> str:
    """Return a calibration as a file of parameters."""
    values = {
        "reference": reference,
        "alignment.method": "homography",
        "alignment.homography": [float(value) for value in found.matrix.ravel()],
    }
    trust = f"residual {found.residual:.2f} {UNIT}, overlap {found.overlap:.0%}"
    body = yaml.safe_dump({"/**": {"ros__parameters": values}}, sort_keys=False)
    return f"# {found.pairs} pairs, {trust}\n{body}"


def _some(source: PairSource, count: int) -> list[ImagePair]:
    wanted = {*evenly(range(len(source)), count)}
    numbered = enumerate(tqdm(source, desc="reading", unit="pair"))
    return [pair for number, pair in numbered if number in wanted]
