# SPDX-License-Identifier: Apache-2.0
"""From recordings to weights: label, train briefly, and compare with the old weights."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import torch
import yaml
from rich.console import Console
from rich.table import Table

from bifuse_core.bilevel.camera_options import add_camera_arguments, chosen_cameras
from bifuse_core.bilevel.configuration import changes_of, configured, differences
from bifuse_core.bilevel.recordings import sources_of
from bifuse_core.bilevel.sections import CameraSettings
from bifuse_core.commands.train_task import train_task
from bifuse_core.labelling.agreement import SURE
from bifuse_core.labelling.recording import LABELS, ORIGIN, Origin, label_recording, origin_of
from bifuse_core.labelling.retraining import FEW, RECIPE, retraining_of
from bifuse_core.labelling.teacher import THRESHOLD, load_teacher
from bifuse_core.nets.checkpoint import card_of, sha256_of
from bifuse_core.perception.learning import finished
from bifuse_core.perception.settings import TaskSettings

CONFIG = "retrain.yaml"
"""The configuration of the training, which `train-task` and `evaluate-task` take as well."""

LEARNT = "labels.sha256"
"""Checksums of the labels, as sha256sum writes them."""

LABELLED = "labelled"
"""Folder of the proposed labels."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `retrain`."""
    parser.add_argument("recordings", type=Path, nargs="+", help="bags, or folders of pairs")
    parser.add_argument(
        "--labels",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="corrected COCO file of each recording; without, labels are proposed",
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of weights, state and labels; goes on there"
    )
    parser.add_argument("--every", type=int, default=1, help="propose labels for every nth pair")
    add_camera_arguments(parser)
    parser.add_argument(
        "--set", nargs="+", default=[], metavar="KEY=VALUE", help="change the training: steps=500"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())


def run(args: argparse.Namespace) -> int:
    """Train and judge; 1 where the new weights are not better than the old.

    Raises:
        ValueError: an option, a recording or a label cannot be used, or nothing in the part held
            back is labelled; see also `learning.learn`.
    """
    if args.every < 1:
        raise ValueError(f"--every is {args.every}; it must be 1 or more")
    names = [recording.resolve().name for recording in args.recordings]
    if not args.labels and len(set(names)) < len(names):
        raise ValueError(f"two recordings have one name: {', '.join(names)}; label each by itself")
    torch.set_num_threads(args.threads)
    cameras = chosen_cameras(args)
    files = args.labels or [_proposed(recording, cameras, args) for recording in args.recordings]
    content = retraining_of(sources_of(args.recordings, files, cameras))
    settings = configured(TaskSettings, content, changes_of(args.set), "--set")
    weights = args.out / f"{settings.network}.safetensors"
    _note(files, args.out / LEARNT)
    if not finished(settings, args.out) or not weights.is_file():
        text = yaml.safe_dump(settings.model_dump(mode="json", exclude_unset=True), sort_keys=False)
        (args.out / CONFIG).write_text(text, encoding="utf-8")
        train_task(settings, CONFIG, Path(), args.out, args.device)
    if not args.labels:
        print("labels: proposed by the old weights, which are at an advantage; correct them first")
    return 0 if _better(weights) else _set_aside(weights)


def _note(labels: Sequence[Path], note: Path) -> None:
    """Note which labels a training learns from.

    Raises:
        ValueError: they are not those that it began with.
    """
    files = [file for file in labels if file.is_file()]
    text = "".join(f"{sha256_of(file)}  {file}\n" for file in files)
    if note.is_file() and note.read_text(encoding="utf-8") != text:
        raise ValueError(
            f"{', '.join(map(str, files))}: not the labels that the training in {note.parent} "
            "began with; name another --out"
        )
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(text, encoding="utf-8")


def _proposed(recording: Path, cameras: CameraSettings, args: argparse.Namespace) -> Path:
    """Return the file of proposed labels of a recording, made where it is not there yet.

    Raises:
        ValueError: it is there, of another recording, other cameras or other pairs.
    """
    folder = args.out / LABELLED / recording.resolve().name
    if (folder / LABELS).is_file():
        _require_same(folder / ORIGIN, origin_of(recording, cameras, args.every))
    else:
        # What a run that was interrupted has left.
        shutil.rmtree(folder, ignore_errors=True)
        teacher = load_teacher(RECIPE["network"], None, RECIPE["input"], THRESHOLD, args.device)
        label_recording(recording, cameras, teacher, folder, every=args.every, sure=SURE)
    return folder / LABELS


def _require_same(file: Path, origin: Origin) -> None:
    """Refuse labels that were proposed for something else.

    Raises:
        ValueError: they were; the message names what differs.
    """
    stored = yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else {}
    if differing := differences(stored, origin):
        raise ValueError(
            f"{file.parent}: the labels there were proposed with other settings "
            f"({', '.join(differing)}); name another --out, delete that folder, or give the "
            "settings that it has"
        )


def _better(weights: Path) -> bool:
    """Print what both weights reach on the part held back, and tell whether the new are better.

    Raises:
        ValueError: there is nothing to find in it.
    """
    card = yaml.safe_load(card_of(weights).read_text(encoding="utf-8"))
    scores = {name: (card["scores_of_start"][name], new) for name, new in card["scores"].items()}
    if not scores:
        raise ValueError(f"{weights}: not one labelled object in the part held back to judge by")
    old, new = (fmean(side) for side in zip(*scores.values(), strict=True))
    pictures = sum(one["pictures"] for one in card["scored"])
    table = Table(f"held back: {pictures} pictures", "old", "new")
    for name, pair in {**scores, "mean": (old, new)}.items():
        table.add_row(name, *(f"{value:.3f}" for value in pair))
    Console().print(table)
    if unseen := [name for name in card["classes"] if not any(name in one for one in scores)]:
        print(f"not judged, since not one is labelled in the part held back: {', '.join(unseen)}")
    if pictures < FEW:
        print(f"{pictures} pictures tell little; {FEW} or more, of several drives, tell more")
    return new > old


def _set_aside(weights: Path) -> int:
    """Give weights that are not better a name that says so."""
    aside = weights.with_stem(f"{weights.stem}_not_better")
    card_of(weights).replace(card_of(aside))
    weights.replace(aside)
    print(f"not better than the old weights: {aside}")
    return 1
