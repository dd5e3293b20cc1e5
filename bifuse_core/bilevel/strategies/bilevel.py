# SPDX-License-Identifier: Apache-2.0
"""Algorithm 1 of the paper: tasks below, fusion above, joined by the hypergradient."""

from __future__ import annotations

from typing import Any

import torch

from bifuse_core.bilevel.hypergradient import hypergradient_by_name
from bifuse_core.bilevel.learner import Learner
from bifuse_core.bilevel.processes import averaged
from bifuse_core.bilevel.settings import Settings
from bifuse_core.bilevel.strategies.strategy import (
    Draw,
    Figures,
    WeightedDescents,
    advance,
    finite,
    task_step,
)


class Bilevel:
    """A `Strategy`: n steps of every task, then one of the fusion network.

    Args:
        learner: the networks.
        settings: of the run.
    """

    validation_batches = 1

    def __init__(self, learner: Learner, settings: Settings) -> None:
        self._learner = learner
        steps, lower_steps = settings.steps, settings.steps * settings.lower_steps
        self._descents = WeightedDescents(
            learner, settings, fusion_steps=steps, task_steps=lower_steps
        )
        chosen = settings.hypergradient
        self._hypergradient = hypergradient_by_name(chosen.name, **chosen.options)
        self.training_batches = settings.lower_steps

    def step(self, number: int, training: Draw, validation: Draw) -> Figures:
        """Take lines 5 to 9; see `Strategy`."""
        learner, figures = self._learner, Figures()
        for _ in range(self.training_batches):
            lower_batch = training()
            with torch.no_grad():
                fused = learner.fuse(lower_batch)
            for task, descent in zip(learner.tasks, self._descents.tasks, strict=True):
                # A loss may want a leaf of its own.
                value = task_step(learner, task, descent, fused.clone(), lower_batch)
                figures[f"lower/{task.name}"] = value
        upper_batch = validation()
        above, below = learner.fuse(upper_batch), learner.fuse(lower_batch)
        hypergradients = []
        for task, descent in zip(learner.tasks, self._descents.tasks, strict=True):
            upper = task.upper(above, upper_batch)
            lower = task.lower(below, lower_batch)
            figures[f"upper/{task.name}"] = finite(upper, f"Phi of {task.name}", upper_batch)
            hypergradients.append(
                self._hypergradient(
                    upper,
                    lower,
                    self._descents.fusion.parameters,
                    descent.parameters,
                    reduce=averaged,
                )
            )
        losses = [figures[f"upper/{task.name}"] for task in learner.tasks]
        total = self._descents.weighting(hypergradients, losses)
        for task, weight in zip(
            learner.tasks, self._descents.weighting.weights or (), strict=False
        ):
            figures[f"weight/{task.name}"] = weight
        figures["gradient/fusion"] = advance(
            self._descents.fusion, total, "the hypergradients", [lower_batch, upper_batch]
        )
        return figures

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        return self._descents.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self._descents.load_state_dict(state)
