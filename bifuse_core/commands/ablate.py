# SPDX-License-Identifier: Apache-2.0
"""Train the variants of a plan with several seeds, and compare them in the paper's form."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from bifuse_core.ablation.detecting import DetectedSet, open_detected_set
from bifuse_core.ablation.plan import Columns, Plan, load_plan
from bifuse_core.ablation.runs import Run, runs_of
from bifuse_core.ablation.scoring import ScoredSet, open_scored_set
from bifuse_core.ablation.table import Outcome, markdown, missing
from bifuse_core.commands.train import train_run
from bifuse_core.engine.place import choose_device
from bifuse_core.machine import describe_machine


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `ablate`."""
    parser.add_argument("plan", type=Path, help="YAML file, as those of config/ablations")
    parser.add_argument("--data", type=Path, default=Path(), help="folder of its data sets")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of trainings and scores; goes on there"
    )
    parser.add_argument("--seeds", type=int, help="take only so many of its seeds")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())


def run(args: argparse.Namespace) -> int:
    """Train and score what is not there yet, and write `table.md`.

    Raises:
        ValueError: the plan cannot be used; see also `train_run` and `ScoredSet.score`.
    """
    torch.set_num_threads(args.threads)
    device = choose_device(args.device)
    plan = load_plan(args.plan)
    if args.seeds is not None:
        if not 1 <= args.seeds <= len(plan.seeds):
            raise ValueError(f"--seeds is {args.seeds}; {args.plan} has {len(plan.seeds)}")
        plan = plan.model_copy(update={"seeds": plan.seeds[: args.seeds]})
    runs = runs_of(plan, args.out)
    # Before the first training: a missing data set shows at once, not after hours.
    sets = [_opened(columns, args.data) for columns in plan.scored] if runs else []
    for number, trained in enumerate(runs, start=1):
        if not trained.finished():
            print(f"{number} of {len(runs)}: {trained.name}", flush=True)
            with trained.clocked():
                train_run(trained.settings, args.plan.name, args.data, trained.folder, device)
    scores = {
        one.columns.label: one.score(runs, args.out / f"scores-{number}", device)
        for number, one in enumerate(sets)
    }
    outcomes: dict[str, list[Outcome]] = {}
    for done in runs:
        of_run = {label: by_run[done.name] for label, by_run in scores.items()}
        outcomes.setdefault(done.variant, []).append(Outcome(done.steps, done.minutes, of_run))

    notes = [*missing(plan), *_scale(plan, runs, sets)]
    text = f"**{plan.title}**\n\n{markdown(plan, outcomes)}\n" + "".join(f"{n}  \n" for n in notes)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "table.md").write_text(text, encoding="utf-8")
    print(text)
    return 0


def _opened(columns: Columns, data: Path) -> ScoredSet | DetectedSet:
    return open_detected_set(columns, data) if columns.detected else open_scored_set(columns, data)


def _scale(plan: Plan, runs: Sequence[Run], sets: Sequence[ScoredSet | DetectedSet]) -> list[str]:
    """Return what the numbers rest on."""
    command = f"`{shlex.join(['./bifuse', *sys.argv[1:]])}`"
    if not runs:
        return [command]
    seeds = ", ".join(str(seed) for seed in plan.seeds)
    spread = "mean ± standard deviation over the seeds" if len(plan.seeds) > 1 else "one seed"
    scored = "; ".join(
        f"{one.columns.label}: {one.pairs} pairs of {one.columns.data}" for one in sets
    )
    data = runs[0].settings.data
    sources = ", ".join(str(source.path) for source in data.sources)
    return [
        f"Seeds {seeds}, {spread}. {scored}.",
        f"Steps of warm start + strategy, with batches of {data.batch} crops of {data.crop} x "
        f"{data.crop} (bi-level: one of each level a step) from {sources}; "
        f"minutes per seed at --threads {torch.get_num_threads()} on "
        f"{describe_machine()}.",
        command,
    ]
