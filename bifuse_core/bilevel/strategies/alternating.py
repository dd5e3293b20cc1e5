# SPDX-License-Identifier: Apache-2.0
"""The adaptive loop (Tang et al., Information Fusion 2022), which the paper is compared with."""

from __future__ import annotations

from typing import Any

import torch

from bifuse_core.bilevel.batch import Batch
from bifuse_core.bilevel.learner import Learner
from bifuse_core.bilevel.settings import Settings
from bifuse_core.bilevel.strategies.strategy import (
    Descents,
    Draw,
    Figures,
    advance,
    finite,
    task_step,
)


class Alternating:
    """A `Strategy`: rounds of the fusion network with the tasks fixed, and the other way round.

    In round m, from 0, the fusion network follows Phi_V + growth * m * (sum of the other Phi_k).

    Args:
        learner: the networks; the first task is V.
        settings: of the run.
    """

    training_batches = 1
    validation_batches = 0

    def __init__(self, learner: Learner, settings: Settings) -> None:
        self._learner, self._rounds = learner, settings.alternating
        whole, rest = divmod(settings.steps, self._rounds.fusion_steps + self._rounds.task_steps)
        fusion = whole * self._rounds.fusion_steps + min(rest, self._rounds.fusion_steps)
        self._descents = Descents(
            learner, settings, fusion_steps=fusion, task_steps=settings.steps - fusion
        )

    def step(self, number: int, training: Draw, validation: Draw) -> Figures:
        """Take one step; see `Strategy`."""
        rounds = self._rounds
        turn, place = divmod(number, rounds.fusion_steps + rounds.task_steps)
        if place < rounds.fusion_steps:
            return self._fusion_step(training(), rounds.growth * turn)
        return self._task_step(training())

    def _fusion_step(self, batch: Batch, weight: float) -> Figures:
        learner, figures = self._learner, Figures()
        fused = learner.fuse(batch)
        total = torch.zeros((), device=learner.device)
        for index, task in enumerate(learner.tasks):
            upper = task.upper(fused, batch)
            figures[f"upper/{task.name}"] = finite(upper, f"Phi of {task.name}", batch)
            total = total + (weight if index else 1.0) * upper
        gradients = self._descents.fusion.gradients(total)
        figures["gradient/fusion"] = advance(
            self._descents.fusion, gradients, "the fusion loss", [batch]
        )
        return figures

    def _task_step(self, batch: Batch) -> Figures:
        learner = self._learner
        with torch.no_grad():
            fused = learner.fuse(batch)
        return {
            f"lower/{task.name}": task_step(learner, task, descent, fused.clone(), batch)
            for task, descent in zip(learner.tasks, self._descents.tasks, strict=True)
        }

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        return self._descents.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self._descents.load_state_dict(state)
