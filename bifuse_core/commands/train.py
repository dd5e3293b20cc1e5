# SPDX-License-Identifier: Apache-2.0
"""Train a fusion network as a configuration says: warm start, then with its tasks."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import torch
import yaml

from bifuse_core.bilevel import processes
from bifuse_core.bilevel.learner import Task
from bifuse_core.bilevel.objectives.visual import VisualTask
from bifuse_core.bilevel.objectives.zoo import content_by_name
from bifuse_core.bilevel.settings import Settings, load_settings
from bifuse_core.bilevel.splits import open_splits
from bifuse_core.bilevel.trainer import train
from bifuse_core.machine import describe_machine
from bifuse_core.nets.checkpoint import load_weights, save_weights
from bifuse_core.nets.critic import PatchCritic
from bifuse_core.nets.zoo import create_fusion, shipped_weights


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `train`."""
    parser.add_argument("config", type=Path, help="YAML file, as those of config/training")
    parser.add_argument("--data", type=Path, default=Path(), help="folder of its data sets")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of weights, state and curves; goes on there"
    )
    parser.add_argument(
        "--set", nargs="+", default=[], metavar="KEY=VALUE", help="change values, as data.crop=96"
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())


def run(args: argparse.Namespace) -> int:
    """Train, and write the weights with their card.

    Raises:
        ValueError: the configuration cannot be used; see also `trainer.train`.
    """
    settings = load_settings(args.config, _changes(args.set))
    torch.set_num_threads(args.threads)
    train_run(settings, args.config.name, args.data, args.out, torch.device(args.device))
    return 0


def train_run(settings: Settings, config: str, data: Path, out: Path, device: torch.device) -> None:
    """Train as settings say, and write the weights with their card.

    Args:
        settings: of the run.
        config: name of the file that they come from, for the card.
        data: folder of the data sets.
        out: folder of weights, state and curves; goes on there.
        device: where to train.

    Raises:
        ValueError: the settings cannot be used; see also `trainer.train`.
    """
    device = processes.local_device(device)
    with processes.joined(device):
        splits = open_splits(settings.data, data, settings.seed)
        torch.manual_seed(settings.seed)
        fusion = create_fusion(settings.network).to(device)
        tasks = _tasks(settings, device)
        if settings.start != "none":
            file = shipped_weights(settings.network) if settings.start == "shipped" else None
            load_weights(file or Path(settings.start), settings.network, fusion)
        out.mkdir(parents=True, exist_ok=True)
        started = time.monotonic()
        figures = train(settings, fusion, tasks, splits, out)
        if processes.rank() == 0:
            card = _card(config, settings, figures, time.monotonic() - started)
            weights = out / f"{settings.network}.safetensors"
            checksum = save_weights(weights, settings.network, fusion, card)
            print(f"{weights}: sha256 {checksum}")


def _changes(pairs: list[str]) -> dict[str, Any]:
    changes = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not (key and equals):
            raise ValueError(f"--set takes KEY=VALUE, not {pair!r}")
        changes[key] = yaml.safe_load(value)
    return changes


def _tasks(settings: Settings, device: torch.device) -> list[Task]:
    content = content_by_name(settings.content.name, **settings.content.options)
    critic = settings.critic
    return [VisualTask(PatchCritic().to(device), content, critic.adversarial, critic.penalty)]


def _card(
    config: str, settings: Settings, figures: dict[str, float], seconds: float
) -> dict[str, Any]:
    return {
        "task": "fusion",
        "command": shlex.join(["bifuse", *sys.argv[1:]]),
        "config": config,
        "settings": settings.model_dump(mode="json"),
        "last_figures": {name: round(value, 5) for name, value in figures.items()},
        "minutes_of_this_start": round(seconds / 60, 1),
        "torch": str(torch.__version__),
        "machine": describe_machine(),
    }
