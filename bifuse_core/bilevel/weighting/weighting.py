# SPDX-License-Identifier: Apache-2.0
"""What all weightings have in common: K gradients and losses in, one gradient out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor


class Weighting(Protocol):
    """Makes one gradient for the fusion network from those of K tasks.

    In several processes all must give the same arguments (gradients and losses averaged) and the
    same seed; then all get the same result.
    """

    @property
    def weights(self) -> list[float] | None:
        """The K weights of the last call; None if a weighting has none."""
        ...

    def __call__(
        self, gradients: Sequence[Sequence[Tensor]], losses: Sequence[float]
    ) -> list[Tensor]:
        """Return one tensor for each of P parameters.

        Args:
            gradients: for each of K tasks, a tensor for each parameter.
            losses: the K upper losses, finite; they may be negative.

        Raises:
            ValueError: not K gradients and K losses.
        """
        ...

    def state_dict(self) -> dict[str, Any]:
        """Return all that the next call depends on: tensors, numbers, strings, lists, dicts."""
        ...

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Go on where `state_dict` was called.

        Raises:
            ValueError: the state is of another number of tasks.
        """
        ...


def require_tasks(number: int, tasks: int, what: str) -> None:
    """Check that there is one of something for each task.

    Raises:
        ValueError: there is not.
    """
    if number != tasks:
        raise ValueError(f"{number} {what} for {tasks} tasks")


class WeightedSum(ABC):
    """A weighting by K numbers; subclasses choose them anew at every call.

    Args:
        tasks: K, at least 1.
    """

    def __init__(self, tasks: int) -> None:
        if tasks < 1:
            raise ValueError(f"a weighting needs at least 1 task, not {tasks}")
        self.tasks = tasks
        self.weights = [1.0] * tasks

    def __call__(
        self, gradients: Sequence[Sequence[Tensor]], losses: Sequence[float]
    ) -> list[Tensor]:
        """Return the weighted sum of the gradients (see `Weighting`)."""
        require_tasks(len(gradients), self.tasks, "gradients")
        require_tasks(len(losses), self.tasks, "losses")
        self.weights = self.choose(gradients, losses)
        return [
            torch.stack([w * g for w, g in zip(self.weights, of_tasks, strict=True)]).sum(0)
            for of_tasks in zip(*gradients, strict=True)
        ]

    @abstractmethod
    def choose(self, gradients: Sequence[Sequence[Tensor]], losses: Sequence[float]) -> list[float]:
        """Return the K weights of this call."""

    def state_dict(self) -> dict[str, Any]:
        """Return all that the next call depends on (see `Weighting`)."""
        return {"weights": list(self.weights)}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Go on where `state_dict` was called (see `Weighting`)."""
        require_tasks(len(state["weights"]), self.tasks, "weights")
        self.weights = list(state["weights"])
