# SPDX-License-Identifier: Apache-2.0
"""Write a fusion network as an ONNX file."""

from __future__ import annotations

import argparse
from pathlib import Path

from bifuse_core.engine.onnx_export import export_onnx
from bifuse_core.nets.zoo import FUSION_NETWORKS, load_fusion


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `export`."""
    parser.add_argument("network", choices=FUSION_NETWORKS)
    parser.add_argument("--out", type=Path, required=True, help="the .onnx file, not overwritten")
    parser.add_argument("--weights", type=Path, help="weights file instead of the shipped one")
    parser.add_argument("--width", type=int, default=640, help="columns of the pictures")
    parser.add_argument("--height", type=int, default=480, help="rows of the pictures")


def run(args: argparse.Namespace) -> int:
    """Write the network with its weights.

    Raises:
        ValueError: there is something under `--out`, or the size is none.
        CheckpointError: the weights cannot be used.
        ImportError: the package onnx is not installed.
        OSError: the file cannot be written.
    """
    if args.out.exists():
        raise ValueError(f"{args.out} is there already and is not overwritten; name another --out")
    for name in ("width", "height"):
        if getattr(args, name) < 1:
            raise ValueError(f"--{name} is {getattr(args, name)}; it must be at least 1 pixel")
    net, checksum = load_fusion(args.network, args.weights)
    export_onnx(net, args.out, args.width, args.height)
    size = f"{args.width}x{args.height}"
    print(f"{args.network} ({checksum[:12]}) for pictures of {size}: {args.out}")
    return 0
