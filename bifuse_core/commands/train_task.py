# SPDX-License-Identifier: Apache-2.0
"""Train a task network on a fixed fusion, as a configuration says."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from pathlib import Path

import torch

from bifuse_core.bilevel.configuration import changes_of
from bifuse_core.engine.engine import choose_device
from bifuse_core.machine import describe_machine
from bifuse_core.nets.checkpoint import load_weights, save_weights, sha256_of
from bifuse_core.nets.detection.fcos import Fcos
from bifuse_core.nets.zoo import create_detector, shipped_weights
from bifuse_core.perception.crops import Crops
from bifuse_core.perception.inputs import input_by_name
from bifuse_core.perception.learning import finished, learn
from bifuse_core.perception.lesson import DetectionLesson
from bifuse_core.perception.settings import TaskSettings, load_task_settings
from bifuse_core.perception.sources import open_sources


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
    torch.manual_seed(settings.seed)
    device = choose_device(args.device)
    net, origin = _network(settings)
    see = input_by_name(settings.input, args.device)
    sources = open_sources(settings.sources, args.data, settings.task, see)
    lesson = DetectionLesson(open_sources(settings.scored, args.data, settings.task, see))
    args.out.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    crops = Crops(sources, settings.crop, settings.seed)
    scores = learn(settings, net.to(device), lesson, crops, args.out)
    card = {
        "task": settings.task,
        "classes": list(lesson.classes),
        "command": shlex.join(["bifuse", *sys.argv[1:]]),
        "config": args.config.name,
        "data": [{"name": s.name, "pictures": len(s.samples), "weight": s.weight} for s in sources],
        "start": origin,
        "settings": settings.model_dump(mode="json"),
        "scores": {name: round(value, 4) for name, value in scores.items()},
        "minutes_of_this_start": round((time.monotonic() - started) / 60, 1),
        "torch": str(torch.__version__),
        "machine": describe_machine(),
    }
    checksum = save_weights(weights, settings.network, net, card, lesson.classes)
    for name, value in scores.items():
        print(f"{name}: {value:.3f}")
    print(f"{weights}: sha256 {checksum}")
    return 0


def _network(settings: TaskSettings) -> tuple[Fcos, str]:
    """Return the network at its start, and where that comes from."""
    net = create_detector(settings.network, len(DetectionLesson().classes))
    sides = settings.crop.size
    if any(side % net.multiple for side in sides):
        raise ValueError(
            f"crop.size is {list(sides)}; {settings.network} takes multiples of {net.multiple}"
        )
    if settings.backbone is not None:
        fit = net.load_public(settings.backbone)
        print(f"{settings.backbone}: {fit}")
        return net, f"backbone {settings.backbone.name}, sha256 {sha256_of(settings.backbone)}"
    if settings.start == "none":
        return net, "none"
    shipped = settings.start == "shipped"
    file = shipped_weights(settings.network) if shipped else Path(settings.start)
    return net, f"{file.name}, sha256 {load_weights(file, settings.network, net)}"
