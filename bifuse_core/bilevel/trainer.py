# SPDX-License-Identifier: Apache-2.0
"""The loop: warm start, then the chosen strategy, with all that a long run needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from tqdm import tqdm

from bifuse_core.bilevel import processes
from bifuse_core.bilevel.batch import collate
from bifuse_core.bilevel.crops import Crops, batches
from bifuse_core.bilevel.journal import Journal
from bifuse_core.bilevel.learner import Learner, Task
from bifuse_core.bilevel.objectives.zoo import content_by_name
from bifuse_core.bilevel.run_state import read_state, restore, save_state
from bifuse_core.bilevel.settings import Settings
from bifuse_core.bilevel.splits import Splits
from bifuse_core.bilevel.strategies.strategy import Draw, Figures, Strategy
from bifuse_core.bilevel.strategies.warm_start import WarmStart
from bifuse_core.bilevel.strategies.zoo import strategy_of

STATE = "state.pt"
CURVES = "tensorboard"

SHOWN = 4
"""Pairs whose pictures are written on the way."""


@dataclass(frozen=True)
class Phase:
    """A stretch of steps with one strategy.

    Attributes:
        name: for people.
        strategy: moves the networks.
        steps: how many.
        training: split of the lower level.
        validation: split of the upper level.
    """

    name: str
    strategy: Strategy
    steps: int
    training: Crops
    validation: Crops


def train(
    settings: Settings, fusion: nn.Module, tasks: Sequence[Task], splits: Splits, out: Path
) -> Figures:
    """Train fusion and task networks in place; a run that was interrupted goes on.

    Args:
        settings: of the run.
        fusion: F, on the device to train on; with the mean of its weights when this returns.
        tasks: T_k on the same device; the first one is the visual task.
        splits: what to train on.
        out: folder of the state and the curves.

    Returns:
        The figures of the last step; none where all steps were done before.

    Raises:
        ValueError: `out` holds a run with other settings or other data, or a damaged one.
        PairError: a pair cannot be read.
        FloatingPointError: a loss or gradient is not finite; the message names the batch.
    """
    torch.manual_seed(settings.seed)
    precision = torch.bfloat16 if settings.precision == "bfloat16" else torch.float32
    learner = Learner(fusion, tasks, precision, settings.average)
    phases = _phases(settings, learner, splits)
    file = out / STATE
    state = read_state(file, settings) if file.exists() else None
    done = int(state["step"]) if state is not None else 0
    _require_same_start(done, file)
    pairs = [len(source.pairs) for source in splits.whole.sources]
    if state is not None:
        _require_same_data(state["pairs"], pairs, file)
        restore(state, learner)
    journal = Journal(out / CURVES, settings.log, done) if processes.rank() == 0 else None
    figures, start = Figures(), 0
    try:
        for phase, following in zip(phases, [*phases[1:], phases[-1]], strict=True):
            if state is not None and start <= done < start + phase.steps:
                phase.strategy.load_state_dict(state["strategy"])
            run = _Run(settings, learner, phase, following.strategy, start, pairs, file, journal)
            figures = run.go(max(0, done - start)) or figures
            start += phase.steps
    finally:
        if journal is not None:
            journal.close()
    fusion.load_state_dict(learner.mean.state_dict())
    fusion.eval()
    return figures


def finished(settings: Settings, out: Path) -> bool:
    """Tell whether all steps of a run are done.

    Raises:
        ValueError: `out` holds a run with other settings, or a damaged one.
    """
    file = out / STATE
    if not file.exists():
        return False
    return int(read_state(file, settings)["step"]) == settings.warm_start + settings.steps


def _require_same_start(done: int, file: Path) -> None:
    starts = processes.gathered([str(done)])
    if len(set(starts)) > 1:
        raise ValueError(
            f"{file}: the processes go on from different steps ({', '.join(starts)}); give a "
            "folder that all of them see"
        )


def _require_same_data(begun: list[int], found: list[int], file: Path) -> None:
    if begun != found:
        raise ValueError(
            f"{file}: the run began with {begun} pairs in its sources, and there are {found} now; "
            "give the data that it began with, or another folder"
        )


def _phases(settings: Settings, learner: Learner, splits: Splits) -> list[Phase]:
    content = content_by_name(settings.content.name, **settings.content.options)
    warm_start = Phase(
        "warm start",
        WarmStart(learner, content, settings),
        settings.warm_start,
        splits.whole,
        splits.whole,
    )
    strategy = strategy_of(learner, settings)
    # Without an upper level of its own, a strategy would never see the samples kept for it.
    training = splits.training if strategy.validation_batches else splits.whole
    main = Phase(settings.strategy, strategy, settings.steps, training, splits.validation)
    return [phase for phase in (warm_start, main) if phase.steps]


@dataclass(frozen=True)
class _Run:
    """One phase under way."""

    settings: Settings
    learner: Learner
    phase: Phase
    following: Strategy
    """Of the phase that comes next, or of this one."""
    start: int
    """Steps of the phases before this one."""
    pairs: list[int]
    """In each source."""
    file: Path
    journal: Journal | None

    def go(self, done: int) -> Figures:
        """Take the steps that are not done yet, and return the figures of the last one."""
        phase, figures = self.phase, Figures()
        if done >= phase.steps:
            return figures
        training = self._draw(phase.training, phase.strategy.training_batches * done)
        validation = self._draw(phase.validation, phase.strategy.validation_batches * done)
        self.learner.fusion.train()
        progress = tqdm(
            range(done, phase.steps),
            total=phase.steps,
            initial=done,
            desc=phase.name,
            unit="step",
            disable=self.journal is None,
            mininterval=1.0,
        )
        for number in progress:
            figures = phase.strategy.step(number, training, validation)
            self.learner.follow(self.start + number)
            self._note(self.start + number + 1, figures)
            losses = {n: f"{v:.4f}" for n, v in figures.items() if not n.startswith("gradient")}
            progress.set_postfix(losses, refresh=False)
            if (number + 1) % self.settings.log.save_every == 0 or number + 1 == phase.steps:
                self._save(number + 1)
        return figures

    def _draw(self, crops: Crops, first: int) -> Draw:
        source = batches(
            crops,
            self.settings.data.batch,
            first=first,
            part=(processes.rank(), processes.count()),
            workers=self.settings.data.workers,
        )
        return lambda: next(source).to(self.learner.device)

    def _note(self, step: int, figures: Figures) -> None:
        if self.journal is None:
            return
        self.journal.add(step, figures)
        if self.journal.wants_pictures(step):
            # Always the same crops, so that pictures of different steps can be compared.
            crops = [self.phase.validation[number] for number in range(SHOWN)]
            self.journal.show(step, self.learner.mean, collate(crops).to(self.learner.device))

    def _save(self, done: int) -> None:
        if self.journal is not None:
            self.journal.flush()
            strategy = self.phase.strategy if done < self.phase.steps else self.following
            step = self.start + done
            save_state(self.file, self.settings, step, self.learner, strategy, self.pairs)
