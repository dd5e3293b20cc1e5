# SPDX-License-Identifier: Apache-2.0
"""Score task networks on labelled data sets, each on its input, in the form of the paper."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from bifuse_core.bilevel.configuration import changes_of
from bifuse_core.bilevel.sections import DETECTION, SEGMENTATION
from bifuse_core.engine.cost import Cost, cost_of
from bifuse_core.engine.place import choose_device
from bifuse_core.evaluation.ledger import Scores
from bifuse_core.evaluation.sheet import write_sheet
from bifuse_core.evaluation.tables import mean
from bifuse_core.evaluation.task_tables import (
    BILLION,
    MEAN,
    MILLION,
    TABLE_2,
    TABLE_3,
    Column,
    by_group,
    cost_columns,
    markdown,
    score_columns,
    terminal,
    without_nan,
)
from bifuse_core.machine import describe_machine
from bifuse_core.perception.contender import Contender, load_contenders
from bifuse_core.perception.drawing import choose, draw
from bifuse_core.perception.inputs import input_by_name
from bifuse_core.perception.lesson import Lesson
from bifuse_core.perception.scoring import SIZE
from bifuse_core.perception.settings import TaskSettings, load_task_settings
from bifuse_core.perception.sources import Source, open_sources
from bifuse_core.perception.zoo import LESSONS

FORMS = {DETECTION: TABLE_2, SEGMENTATION: TABLE_3}

TOGETHER = "together"
"""Stands for all data sets beside their names."""

WIDE = 300
"""Columns of text that a table may have: in a narrower terminal lines go on below, numbers stay
whole."""


@dataclass(frozen=True)
class Line:
    """A line of the table.

    Attributes:
        contender: the network and its input.
        scores: by data set and measure, of each class and of `MEAN`.
        cost: of the fusion that makes the input; None where there is none.
    """

    contender: Contender[Any]
    scores: dict[str, dict[str, Scores]]
    cost: Cost | None

    def record(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "input": self.contender.see,
            "weights": str(self.contender.weights),
            "sha256": self.contender.trained.checksum,
            "scores": self.scores,
            "fusion": self.cost and self.cost._asdict(),
        }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `evaluate-task`."""
    parser.add_argument("config", type=Path, help="YAML file, whose `scored` data sets are taken")
    parser.add_argument("--data", type=Path, default=Path(), help="folder of its data sets")
    parser.add_argument(
        "--weights",
        nargs="+",
        type=Path,
        default=[],
        metavar="FILE",
        help="of its network, a line of the table each; the shipped ones by default",
    )
    parser.add_argument(
        "--input", help="thermal, rgb or a fusion; what the weights were trained on by default"
    )
    parser.add_argument(
        "--set", nargs="+", default=[], metavar="KEY=VALUE", help="change values of CONFIG"
    )
    parser.add_argument("--pictures", type=int, default=12, help="pictures on the sheet")
    parser.add_argument(
        "--show", nargs="+", default=[], metavar="NAME", help="the pictures on the sheet, by name"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--out", type=Path, help="folder of the tables and the pictures")


def run(args: argparse.Namespace) -> int:
    """Print the table, and write `table.md`, `scores.json` and `sheet.jpg`.

    Raises:
        ValueError: the configuration, an option or a data set cannot be used.
        CheckpointError: weights cannot be used, or do not tell their input.
    """
    if args.input and len(args.weights) > 1:
        raise ValueError(
            f"--input is for one weights file, not for {len(args.weights)}: each of several is "
            "scored on what its card says it was trained on"
        )
    changes = changes_of(args.set) | ({"input": args.input} if args.input else {})
    settings = load_task_settings(args.config, changes)
    if not settings.scored:
        raise ValueError(f"{args.config}: scored is empty; name a data set there")
    torch.set_num_threads(args.threads)
    lesson = LESSONS[settings.task]
    contenders = load_contenders(lesson, settings.network, args.weights, args.input)
    _evaluate(settings, lesson, contenders, args)
    return 0


def _evaluate(
    settings: TaskSettings,
    lesson: Lesson[Any],
    contenders: Sequence[Contender[Any]],
    args: argparse.Namespace,
) -> None:
    device = choose_device(args.device)
    lines: list[Line] = []
    sheet: dict[str, dict[str, Path]] = {}
    for contender in contenders:
        see = input_by_name(contender.see, args.device)
        sources = open_sources(settings.scored, args.data, settings.task, see)
        shown = choose(sources, args.show, args.pictures)
        contender.trained.net.to(device)
        scores = _scores(lesson, contender, sources)
        lines.append(Line(contender, scores, contender.fusion_cost(device)))
        if args.out:
            folder, first = args.out / "pictures", not sheet
            for name, files in draw(lesson, contender, shown, folder, truth=first).items():
                sheet.setdefault(name, {}).update(files)
    picture = torch.rand(1, 3, *lesson.size, device=device)
    record = {
        "task": settings.task,
        "network": settings.network,
        "cost": cost_of(contenders[0].trained.net, picture)._asdict(),
        "size": lesson.size,
        "pictures": {source.name: len(source.samples) for source in sources},
        "inputs": {line.contender.name: line.record() for line in lines},
        "command": shlex.join(["bifuse", *sys.argv[1:]]),
        "machine": f"{describe_machine()}, {device}, --threads {torch.get_num_threads()}",
    }
    tables, notes = _tables(settings.task, lines), _notes(record)
    names = [contender.name for contender in contenders]
    console = Console(width=WIDE)
    for columns in tables:
        for group, of_group in by_group(columns).items():
            console.print(terminal(group, names, of_group))
    print("\n".join(notes))
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
        parts = [*(markdown(names, columns) for columns in tables), "  \n".join(notes) + "\n"]
        (args.out / "table.md").write_text("\n".join(parts), encoding="utf-8")
        (args.out / "scores.json").write_text(json.dumps(record, indent=1), encoding="utf-8")
        if sheet:
            write_sheet(args.out / "sheet.jpg", sheet, list(next(iter(sheet.values()))))


def _scores(
    lesson: Lesson[Any], contender: Contender[Any], sources: Sequence[Source]
) -> dict[str, dict[str, Scores]]:
    """Return scores by data set and measure, with their means over the classes."""
    judged = {source.name: [source] for source in sources}
    if len(sources) > 1:
        judged[TOGETHER] = list(sources)
    return {
        name: {measure: _with_mean(scores) for measure, scores in measures.items()}
        for name, chosen in judged.items()
        for measures in [lesson.measures(contender.trained.net, chosen)]
    }


def _with_mean(scores: Mapping[str, float]) -> Scores:
    there = without_nan(scores)
    return {**there, MEAN: mean(there.values())}


def _tables(task: str, lines: Sequence[Line]) -> list[list[Column]]:
    """Return the columns of table 2, or of a table 3 for each data set."""
    columns = score_columns(FORMS[task], [line.scores for line in lines])
    if task == SEGMENTATION:
        return list(by_group(columns).values())
    return [columns + cost_columns("Efficiency of the fusion", [line.cost for line in lines])]


def _notes(record: Mapping[str, Any]) -> list[str]:
    """Return what the numbers rest on."""
    pictures = ", ".join(f"{name} ({count})" for name, count in record["pictures"].items())
    own = Cost(**record["cost"])
    height, width = record["size"]
    return [
        f"Data sets (pictures): {pictures}.",
        f"{record['network']}: {own.parameters / MILLION:.3f} M parameters, "
        f"{own.flops / BILLION:.2f} G FLOPs and {own.seconds:.4f} s a picture, seen at "
        f"{width}x{height}; fusion: of a pair of {SIZE[1]}x{SIZE[0]}. One addition and one "
        "multiplication are two FLOPs; those of convolutions and matrix products count.",
        *(
            f"{name}: input {line['input']}, weights {line['weights']}, sha256 "
            f"{line['sha256'][:12]}."
            for name, line in record["inputs"].items()
        ),
        f"`{record['command']}`, {record['machine']}",
    ]
