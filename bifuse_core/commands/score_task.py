# SPDX-License-Identifier: Apache-2.0
"""Score a task network on labelled data sets, with any fusion or camera as its input."""

from __future__ import annotations

import argparse
import json
import math
import shlex
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from bifuse_core.bilevel.configuration import changes_of
from bifuse_core.engine.place import choose_device
from bifuse_core.machine import describe_machine
from bifuse_core.nets.checkpoint import require_classes
from bifuse_core.nets.zoo import shipped_weights
from bifuse_core.perception.inputs import input_by_name
from bifuse_core.perception.lesson import Lesson, Measures
from bifuse_core.perception.settings import TaskSettings, load_task_settings
from bifuse_core.perception.sources import open_sources
from bifuse_core.perception.zoo import LESSONS

TOGETHER = "together"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `score-task`."""
    parser.add_argument("config", type=Path, help="YAML file, whose `scored` data sets are taken")
    parser.add_argument("--data", type=Path, default=Path(), help="folder of its data sets")
    parser.add_argument("--weights", type=Path, help="of its network; the shipped ones by default")
    parser.add_argument("--input", help="thermal, rgb or a fusion; that of CONFIG by default")
    parser.add_argument(
        "--set", nargs="+", default=[], metavar="KEY=VALUE", help="change values of CONFIG"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--out", type=Path, help="JSON file to write")


def run(args: argparse.Namespace) -> int:
    """Print a table of AP50 or IoU for each data set and all together, and write it as JSON.

    Raises:
        ValueError: the configuration or a data set cannot be used.
        CheckpointError: the weights cannot be used.
    """
    changes = changes_of(args.set) | ({"input": args.input} if args.input else {})
    settings = load_task_settings(args.config, changes)
    if not settings.scored:
        raise ValueError(f"{args.config}: scored is empty; name a data set there")
    torch.set_num_threads(args.threads)
    _score(settings, LESSONS[settings.task], args)
    return 0


def _score(settings: TaskSettings, lesson: Lesson[Any], args: argparse.Namespace) -> None:
    trained = lesson.load(settings.network, args.weights)
    require_classes(args.weights or shipped_weights(settings.network), lesson.classes)
    net = trained.net.to(choose_device(args.device))
    see = input_by_name(settings.input, args.device)
    sources = open_sources(settings.scored, args.data, settings.task, see)
    results = {source.name: lesson.measures(net, [source]) for source in sources}
    results[TOGETHER] = lesson.measures(net, sources)
    Console().print(table(f"{settings.network} on {settings.input}", results))
    if args.out:
        record = {
            "network": settings.network,
            "sha256": trained.checksum,
            "input": settings.input,
            "pictures": {source.name: len(source.samples) for source in sources},
            "scores": {
                name: {measure: _plain(values) for measure, values in measures.items()}
                for name, measures in results.items()
            },
            "command": shlex.join(["bifuse", *sys.argv[1:]]),
            "machine": describe_machine(),
        }
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(record, indent=1), encoding="utf-8")


def table(title: str, results: Mapping[str, Measures]) -> Table:
    """Return the first measure, a row for each class and for the mean, a column a data set."""
    measure, classes = next(iter(next(iter(results.values())).items()))
    shown = Table("class", *results, title=f"{measure} of {title}")
    columns = [measures[measure] for measures in results.values()]
    for name in classes:
        shown.add_row(name, *(_text(column[name]) for column in columns))
    shown.add_section()
    shown.add_row("mean", *(_text(_mean(column.values())) for column in columns))
    return shown


def _mean(values: Iterable[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def _text(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.3f}"


def _plain(scores: Mapping[str, float]) -> dict[str, float | None]:
    """Return scores as JSON has them, which has no NaN."""
    return {name: None if math.isnan(value) else value for name, value in scores.items()}
