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

from bifuse_core.bilevel import processes
from bifuse_core.bilevel.configuration import changes_of
from bifuse_core.bilevel.guidance import CLASSES, guides_of
from bifuse_core.bilevel.learner import Task
from bifuse_core.bilevel.objectives.visual import VisualTask
from bifuse_core.bilevel.objectives.zoo import content_by_name
from bifuse_core.bilevel.recordings import add_recording_arguments, chosen_recordings
from bifuse_core.bilevel.sections import DETECTION
from bifuse_core.bilevel.settings import Settings, load_settings
from bifuse_core.bilevel.splits import Splits, open_splits
from bifuse_core.bilevel.trainer import finished, train
from bifuse_core.engine.place import choose_device
from bifuse_core.machine import describe_machine
from bifuse_core.nets.checkpoint import load_weights, save_weights, sha256_of
from bifuse_core.nets.critic import PatchCritic
from bifuse_core.nets.zoo import create_fusion, shipped_weights


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `train`."""
    parser.add_argument("config", type=Path, help="YAML file, as those of config/training")
    parser.add_argument("--data", type=Path, default=Path(), help="folder of its data sets")
    add_recording_arguments(parser)
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of weights, state and curves; goes on there"
    )
    parser.add_argument(
        "--set", nargs="+", default=[], metavar="KEY=VALUE", help="change values, as data.crop=96"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())


def run(args: argparse.Namespace) -> int:
    """Train, and write the weights with their card.

    Raises:
        ValueError: the configuration or a recording cannot be used; see also `trainer.train`.
        OSError: a parameter file cannot be read.
    """
    settings = load_settings(args.config, chosen_recordings(args) | changes_of(args.set))
    weights = args.out / f"{settings.network}.safetensors"
    if weights.is_file() and finished(settings, args.out):
        print(f"{weights}: finished, sha256 {sha256_of(weights)}")
        return 0
    torch.set_num_threads(args.threads)
    train_run(settings, args.config.name, args.data, args.out, choose_device(args.device))
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
        torch.manual_seed(settings.seed)
        fusion = create_fusion(settings.network).to(device)
        tasks = _tasks(settings, device)
        # Before the sources are opened, which may take long.
        start = "none"
        if settings.start != "none":
            start = load_weights(_start(settings), settings.network, fusion)
        splits = open_splits(settings.data, data, settings.seed, settings.guides)
        out.mkdir(parents=True, exist_ok=True)
        started = time.monotonic()
        figures = train(settings, fusion, tasks, splits, out)
        if processes.rank() == 0:
            card = {
                "task": "fusion",
                "command": shlex.join(["bifuse", *sys.argv[1:]]),
                "config": config,
                "data": _counts(settings, splits),
                "seed": settings.seed,
                "start_sha256": start,
                "settings": settings.model_dump(mode="json"),
                "last_figures": {name: round(value, 5) for name, value in figures.items()},
                "minutes_of_this_start": round((time.monotonic() - started) / 60, 1),
                "torch": str(torch.__version__),
                "machine": describe_machine(),
            }
            weights = out / f"{settings.network}.safetensors"
            checksum = save_weights(weights, settings.network, fusion, card)
            print(f"{weights}: sha256 {checksum}")
            for task in tasks:
                if task.name in CLASSES:
                    _save_guide(settings, task, out, card)


def _save_guide(settings: Settings, task: Task, out: Path, card: dict[str, Any]) -> None:
    """Write the network of a task that guided the fusion, as it is at the end."""
    network = (settings.detector if task.name == DETECTION else settings.segmenter).network
    weights = out / f"{network}.safetensors"
    checksum = save_weights(
        weights, network, task.net, {**card, "task": task.name}, CLASSES[task.name]
    )
    print(f"{weights}: sha256 {checksum}")


def _start(settings: Settings) -> Path:
    if settings.start == "shipped":
        return shipped_weights(settings.network)
    return Path(settings.start)


def _counts(settings: Settings, splits: Splits) -> list[dict[str, Any]]:
    """Return path and number of pairs of each source."""
    sources = zip(settings.data.sources, splits.whole.sources, strict=True)
    return [{"path": str(source.path), "pairs": len(opened.pairs)} for source, opened in sources]


def _tasks(settings: Settings, device: torch.device) -> list[Task]:
    content = content_by_name(settings.content.name, **settings.content.options)
    critic = settings.critic
    visual = VisualTask(PatchCritic().to(device), content, critic.adversarial, critic.penalty)
    return [visual, *guides_of(settings, device)]
