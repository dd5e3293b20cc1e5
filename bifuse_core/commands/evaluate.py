# SPDX-License-Identifier: Apache-2.0
"""Score fusions on a data set, beside the baselines, and show what they do."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from bifuse_core import __version__
from bifuse_core.bilevel.camera_options import (
    add_camera_arguments,
    add_topics_argument,
    chosen_cameras,
)
from bifuse_core.bilevel.sections import CameraSettings
from bifuse_core.data.datasets import LAYOUTS, open_dataset
from bifuse_core.data.entries import EntryDataset
from bifuse_core.data.evenly import evenly
from bifuse_core.engine.fusions import BASELINES, FUSIONS
from bifuse_core.engine.place import choose_device
from bifuse_core.evaluation.against_maximum import MAXIMUM, against_maximum
from bifuse_core.evaluation.album import Album
from bifuse_core.evaluation.ledger import Key, Ledger, Result, Scores
from bifuse_core.evaluation.methods import FolderMethod, Method, ModelMethod
from bifuse_core.evaluation.run import SCORING, Evaluation
from bifuse_core.evaluation.sequences import flicker_scores, sequences
from bifuse_core.evaluation.sheet import write_sheet
from bifuse_core.evaluation.tables import (
    by_method,
    html_table,
    markdown_table,
    means,
    terminal_table,
)
from bifuse_core.evaluation.timing import Timings
from bifuse_core.machine import describe_machine


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `evaluate`."""
    parser.add_argument("dataset", type=Path, help="folder of the data set, bag, or thermal video")
    parser.add_argument(
        "--models",
        nargs="*",
        default=["edge"],
        metavar="NAME[=WEIGHTS]",
        help=f"of {', '.join(FUSIONS)}; baselines are always there",
    )
    parser.add_argument(
        "--fused",
        nargs="*",
        default=[],
        metavar="NAME=FOLDER",
        help="pictures fused elsewhere, under the names of the pairs",
    )
    parser.add_argument("--layout", choices=("auto", *LAYOUTS), default="auto")
    add_topics_argument(parser)
    add_camera_arguments(parser)
    parser.add_argument("--split", help="only the pairs of this list (train, val, test, ...)")
    parser.add_argument(
        "--limit",
        type=int,
        help="only so many pairs: the first of one sequence, otherwise evenly from all",
    )
    parser.add_argument(
        "--sequence",
        action="store_true",
        help="the pairs are frames of one sequence in the order of their names, so that flicker "
        "means something; known of videos, bags, and numbered frames in a folder for each sequence",
    )
    parser.add_argument("--pictures", type=int, default=12, help="pairs shown on the page")
    parser.add_argument(
        "--show", nargs="+", default=[], metavar="PAIR", help="the pairs shown, by name"
    )
    parser.add_argument("--workers", type=int, default=0, help="processes that read pairs")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of the results; goes on if there are some"
    )


def run(args: argparse.Namespace) -> int:
    """Score, and write `scores.jsonl` on the way, then tables, a page and a sheet of pictures.

    Raises:
        ValueError: options that make no comparison, or a parameter of the cameras cannot be; see
            also `Evaluation.run`.
    """
    torch.set_num_threads(args.threads)
    device = choose_device(args.device)
    methods = _methods(args, device)
    cameras = chosen_cameras(args)
    dataset = _dataset(args, cameras)
    args.out.mkdir(parents=True, exist_ok=True)
    place = {"path": str(args.dataset.resolve()), "layout": args.layout}
    ledger = Ledger(args.out / "scores.jsonl", place)
    names = [entry.pair.name for entry in dataset.entries]
    album = Album(args.out, _shown(args, names))
    timings = Timings(device)
    evaluation = Evaluation(
        dataset, methods, ledger, album, timings, device, args.workers, cameras.normalisation
    )
    results = evaluation.run()

    found = _sequences(args, names)
    columns = {name: _column(rows, found) for name, rows in by_method(results).items()}
    title = f"{args.dataset.name}: means over {len(names)} pairs"
    if found:
        steps = sum(len(frames) - 1 for frames in found)
        title += f", {steps} steps between frames"
    beside = against_maximum(columns)
    Console().print(terminal_table(title, columns))
    Console().print(terminal_table("against max", beside))
    for line in _times(timings):
        print(line)
    record = _record(args, results, columns) | {"seconds": timings.medians()}
    (args.out / "scores.json").write_text(json.dumps(record, indent=1), encoding="utf-8")
    tables = f"{markdown_table(columns)}\n{markdown_table(beside)}"
    text = f"{title}.\n\n{tables}\n`{record['command']}`, {record['machine']}\n"
    (args.out / "table.md").write_text(text, encoding="utf-8")
    if rows := album.rows(results):
        # The other baselines are on the page.
        shown = [MAXIMUM, *(m.name for m in methods if m.name not in BASELINES)]
        write_sheet(args.out / "sheet.jpg", rows, ["thermal", "rgb", *shown])
    print(album.write_page(results, title, html_table(columns) + html_table(beside)))
    return 0


def _dataset(args: argparse.Namespace, cameras: CameraSettings) -> EntryDataset:
    options = replace(cameras.options, split=args.split, annotated=False)
    dataset = open_dataset(args.dataset, args.layout, options)
    if args.limit is None:
        return dataset
    if args.limit < 1:
        raise ValueError(f"--limit is {args.limit}; at least one pair is needed")
    names = [entry.pair.name for entry in dataset.entries]
    # Frames with gaps between them would say nothing about flicker.
    if _sequences(args, names) == [names]:
        return replace(dataset, entries=dataset.entries[: args.limit])
    return replace(dataset, entries=tuple(evenly(dataset.entries, args.limit)))


def _sequences(args: argparse.Namespace, names: list[str]) -> list[list[str]]:
    return [names] if args.sequence else sequences(names)


def _column(rows: Mapping[str, Result], found: list[list[str]]) -> Scores:
    scores = means({name: result.scores for name, result in rows.items()})
    return scores | flicker_scores(rows, found)


def _shown(args: argparse.Namespace, names: list[str]) -> list[str]:
    unknown = [name for name in args.show if name not in names]
    if unknown:
        raise ValueError(f"--show: no pair {unknown[0]!r} in {args.dataset}")
    return args.show or evenly(names, args.pictures)


def _times(timings: Timings) -> list[str]:
    stages = sorted(timings.medians().items(), key=lambda stage: stage[0] == SCORING)
    medians = ", ".join(f"{name} {1000 * seconds:.0f}" for name, seconds in stages)
    return [f"median milliseconds a pair: {medians}"] if medians else []


def _methods(args: argparse.Namespace, device: torch.device) -> list[Method]:
    specs = dict.fromkeys([*args.models, *BASELINES])
    methods: list[Method] = [ModelMethod(spec, device) for spec in specs]
    for spec in args.fused:
        name, equals, folder = spec.partition("=")
        if not (name and equals and folder):
            raise ValueError(f"--fused takes NAME=FOLDER, not {spec!r}")
        methods.append(FolderMethod(name, Path(folder)))
    name, count = Counter(method.name for method in methods).most_common(1)[0]
    if count > 1:
        raise ValueError(f"{count} methods are called {name!r}; the table needs a name for each")
    return methods


def _record(
    args: argparse.Namespace, results: dict[Key, Result], columns: dict[str, Scores]
) -> dict[str, Any]:
    pictures = by_method(results)
    versions = {name: sorted({k.version for k in results if k.method == name}) for name in columns}
    return {
        "dataset": {
            "path": str(args.dataset),
            "layout": args.layout,
            "split": args.split,
            "pairs": len(next(iter(pictures.values()))),
        },
        "command": shlex.join(["bifuse", *sys.argv[1:]]),
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": describe_machine(),
        "versions": {
            "bifuse": __version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
        "methods": {
            name: {
                # Of its weights, or of each picture that was read.
                "sha256": versions[name],
                "means": columns[name],
                "pictures": {n: result.scores for n, result in pictures[name].items()},
            }
            for name in columns
        },
    }
