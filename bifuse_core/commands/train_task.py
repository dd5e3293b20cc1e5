# SPDX-License-Identifier: Apache-2.0
"""Train a task network on a fixed fusion, as a configuration says."""

from __future__ import annotations

import argparse
import math
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import torch

from bifuse_core.bilevel.configuration import changes_of
from bifuse_core.engine.place import choose_device
from bifuse_core.machine import describe_machine
from bifuse_core.nets.checkpoint import load_weights, require_classes, save_weights, sha256_of
from bifuse_core.nets.zoo import shipped_weights
from bifuse_core.perception.crops import Crops
from bifuse_core.perception.inputs import input_by_name
from bifuse_core.perception.learning import Figures, finished, learn, scores_of
from bifuse_core.perception.lesson import Lesson
from bifuse_core.perception.settings import TaskSettings, load_task_settings
from bifuse_core.perception.sources import open_sources
from bifuse_core.perception.zoo import LESSONS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `train-task`."""
    parser.add_argument("config", type=Path, help="YAML file, as those of config/tasks")
    parser.add_argument("--data", type=Path, default=Path(), help="folder of its data sets")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of weights, state and curves; goes on there"
    )
    parser.add_argument(
        "--set", nargs="+", default=[], metavar="KEY=VALUE", help="change values, as input=thermal"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())


def run(args: argparse.Namespace) -> int:
    """Train, and write the weights with their card.

    Raises:
        ValueError: the configuration or a source cannot be used; see also `learning.learn`.
    """
    settings = load_task_settings(args.config, changes_of(args.set))
    weights = args.out / f"{settings.network}.safetensors"
    if weights.is_file() and finished(settings, args.out):
        print(f"{weights}: finished, sha256 {sha256_of(weights)}")
        return 0
    torch.set_num_threads(args.threads)
    checksum = train_task(settings, args.config.name, args.data, args.out, args.device)
    print(f"{weights}: sha256 {checksum}")
    return 0


def train_task(settings: TaskSettings, config: str, data: Path, out: Path, device: str) -> str:
    """Train, write the weights with their card, and return their SHA-256.

    Args:
        settings: of the run.
        config: name of the configuration, for the card.
        data: folder of its data sets.
        out: folder of weights, state and curves.
        device: see `choose_device`.

    Raises:
        ValueError: a source cannot be used; see also `learning.learn`.
    """
    lesson: Lesson[Any] = LESSONS[settings.task]
    torch.manual_seed(settings.seed)
    net, origin = _start(settings, lesson)
    see = input_by_name(settings.input, device)
    sources = open_sources(settings.sources, data, settings.task)
    scored = open_sources(settings.scored, data, settings.task, see)
    out.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    if settings.workers:
        see = input_by_name(settings.input, "cpu")  # Processes that read ahead cannot use a GPU.
    crops = Crops(sources, settings.crop, see, settings.seed)
    net = net.to(choose_device(device))
    before = scores_of(lesson, net.eval(), scored) if settings.start != "none" else {}
    scores = learn(settings, net, lesson, crops, scored, out)
    card = {
        "task": settings.task,
        "classes": list(lesson.classes),
        "command": shlex.join(["bifuse", *sys.argv[1:]]),
        "config": config,
        "data": [{"name": s.name, "pictures": len(s.samples), "weight": s.weight} for s in sources],
        "scored": [{"name": s.name, "pictures": len(s.samples)} for s in scored],
        "start": origin,
        "settings": settings.model_dump(mode="json"),
        "scores_of_start": _known(before),
        "scores": _known(scores),
        "minutes_of_this_start": round((time.monotonic() - started) / 60, 1),
        "torch": str(torch.__version__),
        "machine": describe_machine(),
    }
    for name, value in scores.items():
        print(f"{name}: {value:.3f}")
    weights = out / f"{settings.network}.safetensors"
    return save_weights(weights, settings.network, net, card, lesson.classes)


def _known(scores: Figures) -> Figures:
    """Return those that there are, as a card has them."""
    return {name: round(value, 4) for name, value in scores.items() if not math.isnan(value)}


def _start(settings: TaskSettings, lesson: Lesson[Any]) -> tuple[Any, str]:
    """Return the network at its start, and where that comes from."""
    net = lesson.create(settings.network)
    if any(side % net.multiple for side in settings.crop.size):
        raise ValueError(
            f"crop.size is {list(settings.crop.size)}; {settings.network} takes multiples of "
            f"{net.multiple}"
        )
    if settings.backbone is not None:
        print(lesson.load_public(net, settings.backbone))
        return net, f"public {settings.backbone.name}, sha256 {sha256_of(settings.backbone)}"
    if settings.start == "none":
        return net, "none"
    shipped = settings.start == "shipped"
    file = shipped_weights(settings.network) if shipped else Path(settings.start)
    require_classes(file, lesson.classes)
    return net, f"{file.name}, sha256 {load_weights(file, settings.network, net)}"
