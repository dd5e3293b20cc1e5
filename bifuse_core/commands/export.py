# SPDX-License-Identifier: Apache-2.0
"""Write a network as an ONNX file for pictures of one size."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import NamedTuple

from torch import nn

from bifuse_core import __version__
from bifuse_core.data.results import require_new
from bifuse_core.data.whole import written_whole
from bifuse_core.engine.onnx_export import TOLERANCE, onnx_model
from bifuse_core.engine.onnx_runtime import OnnxRuntime
from bifuse_core.engine.tensor_net import Example, Shapes, example_of, largest_difference
from bifuse_core.nets.zoo import (
    DETECTORS,
    FUSION_NETWORKS,
    SEGMENTERS,
    load_detector,
    load_fusion,
    load_segmenter,
)

LICENCE = "Apache-2.0; what shipped weights owe to others is in NOTICE of BiFuse"


class _Loaded(NamedTuple):
    """A network, the SHA-256 of its weights, its classes, and the channels of its pictures."""

    net: nn.Module
    checksum: str
    classes: tuple[str, ...]
    channels: tuple[int, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `export`."""
    parser.add_argument("network", choices=(*FUSION_NETWORKS, *DETECTORS, *SEGMENTERS))
    parser.add_argument("--out", type=Path, required=True, help="the .onnx file, not overwritten")
    parser.add_argument("--weights", type=Path, help="weights file instead of the shipped one")
    parser.add_argument("--width", type=int, default=640, help="columns of the pictures")
    parser.add_argument("--height", type=int, default=480, help="rows of the pictures")


def run(args: argparse.Namespace) -> int:
    """Write the network with its weights, and say how far ONNX Runtime is from PyTorch.

    Raises:
        ValueError: there is something under `--out`, the size is none or none that the network
            takes, or the two differ by more than `TOLERANCE`; no file is left.
        CheckpointError: the weights cannot be used.
        ImportError: the package onnx is not installed, or what the network needs.
        OSError: the file cannot be written.
    """
    require_new(args.out)
    loaded = _load(args.network, args.weights)
    multiple = getattr(loaded.net, "multiple", 1)
    for name in ("width", "height"):
        value = getattr(args, name)
        if value < 1 or value % multiple:
            raise ValueError(
                f"--{name} is {value}; {args.network} takes multiples of {multiple}, from "
                f"{multiple} pixels"
            )
    shapes: Shapes = tuple((1, count, args.height, args.width) for count in loaded.channels)
    example = example_of(loaded.net, shapes)
    facts = {
        "network": args.network,
        "sha256": loaded.checksum,
        "classes": json.dumps(loaded.classes),
        "size": f"{args.width}x{args.height}",
        "version": f"bifuse {__version__}",
        "licence": LICENCE if args.weights is None else "as of the weights file",
    }
    model = onnx_model(loaded.net, example, facts=facts)
    compared = _compared(model, example)
    with written_whole(args.out) as file:
        file.write_bytes(model)
    names = f"{', '.join(example.names.inputs)} -> {', '.join(example.names.outputs)}"
    print(
        f"{args.network} ({loaded.checksum[:12]}) for pictures of {facts['size']}, {names}: "
        f"{args.out}\n{compared}"
    )
    return 0


def _load(network: str, weights: Path | None) -> _Loaded:
    if network in FUSION_NETWORKS:
        return _Loaded(*load_fusion(network, weights), (), (1, 1))
    load = load_detector if network in DETECTORS else load_segmenter
    trained = load(network, weights)
    return _Loaded(trained.net, trained.checksum, trained.classes, (3,))


def _compared(model: bytes, example: Example) -> str:
    """Say how far the model is from PyTorch.

    Raises:
        ValueError: too far.
    """
    try:
        library = OnnxRuntime(threads=1)
    except ImportError as error:
        return f"not compared with PyTorch: {error}"
    made = library.loaded(model, example.names)(*example.pictures)
    difference = largest_difference(made, example.tensors)
    if difference > TOLERANCE:
        raise ValueError(
            f"ONNX Runtime differs from PyTorch by {difference:.1g} of the largest value; at most "
            f"{TOLERANCE:g} is allowed, so nothing is written"
        )
    return (
        f"largest difference between ONNX Runtime and PyTorch: {difference:.1g} of the largest "
        f"value (at most {TOLERANCE:g} is allowed)"
    )
