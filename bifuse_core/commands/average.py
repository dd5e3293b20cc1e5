# SPDX-License-Identifier: Apache-2.0
"""Average the weights of several trainings of one network."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from bifuse_core.nets.checkpoint import load_weights, save_weights
from bifuse_core.nets.zoo import FUSION_NETWORKS, create_fusion


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `average`."""
    parser.add_argument("weights", type=Path, nargs="+", help="weights files that share a start")
    parser.add_argument("--network", choices=FUSION_NETWORKS, required=True)
    parser.add_argument("--shares", type=float, nargs="+", help="of each file; equal by default")
    parser.add_argument("--out", type=Path, required=True, help="weights file to write")


def run(args: argparse.Namespace) -> int:
    """Write the mean of the weights with a card that names the files.

    Trainings that went on from the same weights lie in one valley, and between them often better
    than either. Source: Wortsman et al., "Model soups" (2022).

    Raises:
        ValueError: shares that do not fit the files.
        CheckpointError: a file cannot be used.
    """
    shares = _shares(args.shares, len(args.weights))
    nets = [create_fusion(args.network) for _ in args.weights]
    checksums = [
        load_weights(file, args.network, net) for file, net in zip(args.weights, nets, strict=True)
    ]
    card = {
        "task": "fusion",
        "command": shlex.join(["bifuse", *sys.argv[1:]]),
        "mean_of": [
            {"sha256": checksum, "share": round(share, 6)}
            for checksum, share in zip(checksums, shares, strict=True)
        ],
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    checksum = save_weights(args.out, args.network, mean_of(nets, shares), card)
    print(f"{args.out}: sha256 {checksum}")
    return 0


@torch.no_grad()
def mean_of(nets: Sequence[nn.Module], shares: Sequence[float]) -> nn.Module:
    """Return the first network with the weighted mean of all weights.

    Args:
        nets: of one kind.
        shares: of each; their sum is 1.
    """
    parameters = [dict(net.named_parameters()) for net in nets]
    for name, first in parameters[0].items():
        weighted = [s * p[name] for s, p in zip(shares, parameters, strict=True)]
        first.copy_(torch.stack(weighted).sum(0))
    return nets[0]


def _shares(given: Sequence[float] | None, count: int) -> list[float]:
    shares = list(given or [1.0] * count)
    if len(shares) != count:
        raise ValueError(f"--shares has {len(shares)} numbers for {count} files; give one for each")
    if min(shares) < 0 or not 0 < sum(shares) < float("inf"):
        raise ValueError(f"--shares are {shares}; they must be at least 0, and not all of them 0")
    return [share / sum(shares) for share in shares]
