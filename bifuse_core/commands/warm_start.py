# SPDX-License-Identifier: Apache-2.0
"""Train a fusion network alone, on its content loss (the warm start of Algorithm 1)."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

import torch

from bifuse_core.bilevel.warm_start import WarmStart, warm_start
from bifuse_core.data.bags import TOPICS
from bifuse_core.data.pairs import ImagePair
from bifuse_core.data.rendered.pairs import RenderedPairs
from bifuse_core.data.sources import open_pairs
from bifuse_core.nets.checkpoint import save_weights
from bifuse_core.nets.zoo import FUSION_NETWORKS, create_fusion


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `warm-start`."""
    defaults = WarmStart()
    parser.add_argument("--network", choices=FUSION_NETWORKS, required=True)
    parser.add_argument("--pairs", type=Path, nargs="*", default=[], help="folders, videos or bags")
    parser.add_argument("--topics", nargs=2, default=TOPICS, help="of bags: thermal, RGB")
    parser.add_argument("--every", type=int, default=1, help="take every nth real pair")
    parser.add_argument("--rendered", type=int, default=0, help="number of rendered pairs to add")
    parser.add_argument("--steps", type=int, default=defaults.steps)
    parser.add_argument("--batch", type=int, default=defaults.batch, help="crops per step")
    parser.add_argument("--crop", type=int, default=defaults.crop, help="side in pixels")
    parser.add_argument("--learning-rate", type=float, default=defaults.learning_rate)
    parser.add_argument("--seed", type=int, default=defaults.seed)
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--resume", type=Path, help="file that keeps an interrupted run's state")
    parser.add_argument("--out", type=Path, required=True, help="weights file (.safetensors)")


def run(args: argparse.Namespace) -> int:
    """Train, and write the weights with their card."""
    torch.set_num_threads(args.threads)
    args.out.parent.mkdir(parents=True, exist_ok=True)  # not only after hours of training
    topics = tuple(args.topics)
    pairs: list[ImagePair] = [p for path in args.pairs for p in open_pairs(path, topics=topics)]
    pairs = pairs[:: args.every]
    if args.rendered:
        pairs += RenderedPairs(count=args.rendered, seed=args.seed)
    if not pairs:
        raise ValueError("nothing to train on: give --pairs, --rendered or both")
    settings = WarmStart(args.steps, args.batch, args.crop, args.learning_rate, args.seed)
    torch.manual_seed(args.seed)
    net = create_fusion(args.network).to(args.device)
    loss = warm_start(net, pairs, settings, resume=args.resume)
    card = {
        "task": "fusion",
        "objective": "vsm_content: |u - u_m| + 1.1 (1 - SSIM(u, u_m)), warm start of Algorithm 1",
        "data": {"real_pairs": len(pairs) - args.rendered, "rendered_pairs": args.rendered},
        "command": shlex.join(["bifuse", *sys.argv[1:]]),
        "training_loss": round(loss, 5),
        "torch": str(torch.__version__),
    }
    checksum = save_weights(args.out, args.network, net, card)
    print(f"{args.out}: loss {loss:.4f}, sha256 {checksum}")
    return 0
