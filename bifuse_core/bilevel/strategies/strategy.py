# SPDX-License-Identifier: Apache-2.0
"""What a strategy is, and what all of them share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from bifuse_core.bilevel.batch import Batch
from bifuse_core.bilevel.learner import Descent, Learner, Task
from bifuse_core.bilevel.processes import averaged, gathered
from bifuse_core.bilevel.settings import Settings
from bifuse_core.bilevel.weighting import weighting_by_name

Draw = Callable[[], Batch]
"""Returns the next batch, on the device of the networks."""

Figures = dict[str, float]
"""What one step of training has to tell, by the name of its curve."""


class Strategy(Protocol):
    """Moves the networks of a learner, step by step."""

    @property
    def training_batches(self) -> int:
        """How many batches of the training split each step draws."""

    @property
    def validation_batches(self) -> int:
        """How many batches of the validation split each step draws."""

    def step(self, number: int, training: Draw, validation: Draw) -> Figures:
        """Take one step.

        Args:
            number: of the step, from 0.
            training: draws from the split of the lower level.
            validation: draws from the split of the upper level.

        Raises:
            FloatingPointError: a loss or gradient is not finite; the message names loss and pairs.
        """

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""


class Descents:
    """The descents of fusion and tasks.

    Args:
        learner: the networks.
        settings: of the run.
        fusion_steps: length of the schedule of omega.
        task_steps: length of the schedule of every theta.
    """

    def __init__(
        self, learner: Learner, settings: Settings, *, fusion_steps: int, task_steps: int
    ) -> None:
        self.fusion = Descent(learner.fusion, settings.fusion_optimiser, fusion_steps)
        self.tasks = [
            Descent(task.net, settings.task_optimiser, task_steps) for task in learner.tasks
        ]

    def state_dict(self) -> dict[str, Any]:
        """Return the state of all."""
        return {
            "fusion": self.fusion.state_dict(),
            "tasks": [task.state_dict() for task in self.tasks],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.fusion.load_state_dict(state["fusion"])
        for task, task_state in zip(self.tasks, state["tasks"], strict=True):
            task.load_state_dict(task_state)


class WeightedDescents(Descents):
    """Descents of a strategy that weighs the gradients of its tasks.

    Arguments are those of `Descents`.
    """

    def __init__(
        self, learner: Learner, settings: Settings, *, fusion_steps: int, task_steps: int
    ) -> None:
        super().__init__(learner, settings, fusion_steps=fusion_steps, task_steps=task_steps)
        chosen = settings.weighting
        self.weighting = weighting_by_name(
            chosen.name, len(learner.tasks), settings.seed, **chosen.options
        )

    def state_dict(self) -> dict[str, Any]:
        """Return the state of all, and of the weighting."""
        return {**super().state_dict(), "weighting": self.weighting.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        super().load_state_dict(state)
        self.weighting.load_state_dict(state["weighting"])


def finite(loss: Tensor, name: str, batch: Batch) -> float:
    """Return the value of a loss, averaged over all processes.

    Raises:
        FloatingPointError: it is not finite.
    """
    # Averaged before it is judged, so that no process stops alone and leaves the others waiting.
    (mean,) = averaged([loss.detach()])
    value = mean.item()
    if not torch.isfinite(mean):
        raise FloatingPointError(f"{name} is {value} on the batch {_names(batch)}")
    return value


def task_step(learner: Learner, task: Task, descent: Descent, fused: Tensor, batch: Batch) -> float:
    """Let a task network follow phi_k once, on fused pictures that are given; return phi_k.

    Args:
        learner: the networks.
        task: T_k.
        descent: of theta_k.
        fused: (B, 1, C, C), without a graph to the fusion network.
        batch: what they were fused from.
    """
    loss = task.lower(fused, batch)
    value = finite(loss, f"phi of task {task.name}", batch)
    advance(descent, descent.gradients(loss), f"phi of task {task.name}", [batch])
    return value


def advance(
    descent: Descent, gradients: Sequence[Tensor], name: str, batches: Sequence[Batch]
) -> float:
    """Follow a gradient and return its length.

    Raises:
        FloatingPointError: it is not finite.
    """
    length = descent.step(gradients)
    if not length < float("inf"):
        names = " and ".join(map(_names, batches))
        raise FloatingPointError(f"the gradient of {name} has length {length} on the batch {names}")
    return length


def _names(batch: Batch) -> str:
    """Return the names of the pairs, those of the other processes too: any may be the culprit."""
    return ", ".join(gathered(batch.names))
