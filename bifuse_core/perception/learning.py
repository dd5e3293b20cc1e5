# SPDX-License-Identifier: Apache-2.0
"""The loop in which a task network learns, with all that a long run needs."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic

import torch
from torch import Tensor, nn
from tqdm import tqdm

from bifuse_core.bilevel.journal import Journal
from bifuse_core.bilevel.numbered import numbered_batches
from bifuse_core.bilevel.run_state import read_state, require_same_data, restore_random, write_state
from bifuse_core.bilevel.schedules import optimiser_of
from bifuse_core.bilevel.sections import LogSettings
from bifuse_core.perception.batch import Batch, collate
from bifuse_core.perception.crops import Crops
from bifuse_core.perception.lesson import Lesson, Network
from bifuse_core.perception.settings import TaskSettings
from bifuse_core.perception.sources import Source

STATE = "state.pt"
CURVES = "tensorboard"

Figures = dict[str, float]


def learn(
    settings: TaskSettings,
    net: Network,
    lesson: Lesson[Network],
    crops: Crops,
    scored: Sequence[Source],
    out: Path,
) -> Figures:
    """Train a network in place; a run that was interrupted goes on.

    Args:
        settings: of the run.
        net: on the device to train on; with the running mean of its weights and in evaluation
            mode when this returns.
        lesson: what it learns.
        crops: what it learns from.
        scored: data sets that it is judged by on the way and at the end.
        out: folder of the state and the curves.

    Returns:
        The scores at the end; none without data sets to judge by.

    Raises:
        ValueError: `out` holds a run with other settings or other data, or a damaged one.
        FloatingPointError: the loss or its gradient is not finite; the message names the pictures.
    """
    torch.manual_seed(settings.seed)
    learner = _Learner(settings, net, lesson)
    file = out / STATE
    pairs = [len(source.samples) for source in crops.sources]
    done = 0
    if file.exists():
        state = read_state(file, settings)
        require_same_data(state, pairs, file)
        done = int(state["step"])
        learner.restore(state)
    log = settings.log
    journal = Journal(out / CURVES, LogSettings(losses_every=log.losses_every), done)
    device = next(net.parameters()).device
    batches = numbered_batches(crops, collate, settings.batch, first=done, workers=settings.workers)
    progress = tqdm(
        range(done + 1, settings.steps + 1),
        total=settings.steps,
        initial=done,
        desc=settings.task,
        unit="step",
        mininterval=1.0,
    )
    scores: Figures = {}
    try:
        for step in progress:
            figures = learner.step(step - 1, next(batches).to(device))
            journal.add(step, figures)
            due = log.score_every and step % log.score_every == 0
            if due or step == settings.steps:
                scores = scores_of(lesson, learner.mean, scored)
                journal.note(step, scores)
            losses = {n: f"{v:.4f}" for n, v in figures.items() if not n.startswith("gradient")}
            shown = {n: f"{v:.3f}" for n, v in scores.items()}
            progress.set_postfix({**losses, **shown}, refresh=False)
            if step % log.save_every == 0 or step == settings.steps:
                journal.flush()
                learner.save(file, step, pairs)
    finally:
        journal.close()
    net.load_state_dict(learner.mean.state_dict())
    net.eval()
    return scores or scores_of(lesson, net, scored)


def finished(settings: TaskSettings, out: Path) -> bool:
    """Tell whether all steps of a run are done.

    Raises:
        ValueError: `out` holds a run with other settings, or a damaged one.
    """
    file = out / STATE
    return file.exists() and int(read_state(file, settings)["step"]) == settings.steps


def scores_of(lesson: Lesson[Network], net: Network, scored: Sequence[Source]) -> Figures:
    """Return the first measure of a network in evaluation mode, by the names of its curves."""
    if not scored:
        return {}
    measure, values = next(iter(lesson.measures(net, scored).items()))
    return {f"{measure} {name}": value for name, value in values.items()}


@dataclass
class _Learner(Generic[Network]):
    """The network in training, its running mean, and the optimiser that moves it."""

    settings: TaskSettings
    net: Network
    lesson: Lesson[Network]
    mean: Network = field(init=False)

    def __post_init__(self) -> None:
        settings = self.settings
        self.mean = copy.deepcopy(self.net).requires_grad_(False).eval()
        self.net.train()
        self._backbone = self.lesson.backbone(self.net)
        own = {id(parameter) for parameter in self._backbone.parameters()}
        rest = [p for p in self.net.parameters() if id(p) not in own]
        rate = settings.backbone_rate * settings.optimiser.learning_rate
        slow = {"params": list(self._backbone.parameters()), "lr": rate}
        groups: list[dict[str, Any]] = [{"params": rest}, slow]
        self._optimiser, self._schedule = optimiser_of(groups, settings.optimiser, settings.steps)

    def step(self, number: int, batch: Batch) -> Figures:
        """Take one step, and return its losses and the length of the gradient."""
        moves = number >= self.settings.frozen_steps
        # Its normalisations, too, stay as they are.
        self._backbone.requires_grad_(moves).train(moves)
        half = self.settings.precision == "bfloat16"
        with torch.autocast(batch.rgb.device.type, torch.bfloat16, enabled=half):
            parts = self.lesson.losses(self.net, batch)
        loss = torch.stack(list(parts.values())).sum()
        loss.backward()
        length = nn.utils.clip_grad_norm_(self.net.parameters(), self.settings.optimiser.clip)
        _require_finite(number, parts, length, batch)
        self._optimiser.step()
        self._schedule.step()
        self._optimiser.zero_grad(set_to_none=True)
        self._follow(number)
        return {**{name: part.item() for name, part in parts.items()}, "gradient": length.item()}

    @torch.no_grad()
    def _follow(self, number: int) -> None:
        """Draw the running mean towards the network; fast in the first steps."""
        average = self.settings.average
        decay = min(average, (1 + number) / (10 + number)) if average else 0.0
        own = self.net.state_dict()
        for name, mean in self.mean.state_dict().items():
            if mean.is_floating_point():
                mean.lerp_(own[name], 1 - decay)
            else:
                mean.copy_(own[name])

    def save(self, file: Path, step: int, pairs: list[int]) -> None:
        """Write all that the run needs to go on."""
        parts = {
            "net": self.net.state_dict(),
            "mean": self.mean.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "schedule": self._schedule.state_dict(),
        }
        write_state(file, self.settings, step, pairs, parts)

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `save` wrote."""
        self.net.load_state_dict(state["net"])
        self.mean.load_state_dict(state["mean"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._schedule.load_state_dict(state["schedule"])
        restore_random(state)


def _require_finite(number: int, parts: dict[str, Tensor], length: Tensor, batch: Batch) -> None:
    spoilt = [name for name, part in parts.items() if not torch.isfinite(part)]
    if not spoilt and not torch.isfinite(length):
        spoilt = ["the gradient"]
    if spoilt:
        raise FloatingPointError(
            f"step {number + 1}: {', '.join(spoilt)} not finite on {'; '.join(batch.names)}"
        )
