# SPDX-License-Identifier: Apache-2.0
"""End-to-end training (Liu et al., CVPR 2022), which the paper is compared with."""

from __future__ import annotations

from typing import Any

from bifuse_core.bilevel.hypergradient import direct
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


class Joint:
    """A `Strategy`: fusion and tasks take their steps at once, on one batch.

    The fusion network follows the weighted sum of Phi_k as if the tasks were fixed, and each task
    its own phi_k as if the fusion network were.

    Args:
        learner: the networks.
        settings: of the run.
    """

    training_batches = 1
    validation_batches = 0

    def __init__(self, learner: Learner, settings: Settings) -> None:
        self._learner = learner
        steps = settings.steps
        self._descents = WeightedDescents(learner, settings, fusion_steps=steps, task_steps=steps)

    def step(self, number: int, training: Draw, validation: Draw) -> Figures:
        """Take one step; see `Strategy`."""
        learner, figures, batch = self._learner, Figures(), training()
        fused = learner.fuse(batch)
        gradients = []
        for task in learner.tasks:
            upper = task.upper(fused, batch)
            figures[f"upper/{task.name}"] = finite(upper, f"Phi of {task.name}", batch)
            omega = self._descents.fusion.parameters
            gradients.append(direct(upper, upper, omega, (), reduce=averaged))
        losses = [figures[f"upper/{task.name}"] for task in learner.tasks]
        total = self._descents.weighting(gradients, losses)
        for task, descent in zip(learner.tasks, self._descents.tasks, strict=True):
            value = task_step(learner, task, descent, fused.detach().clone(), batch)
            figures[f"lower/{task.name}"] = value
        figures["gradient/fusion"] = advance(
            self._descents.fusion, total, "the joint loss", [batch]
        )
        return figures

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        return self._descents.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self._descents.load_state_dict(state)
