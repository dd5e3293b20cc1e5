# SPDX-License-Identifier: Apache-2.0
"""Dynamic weight average."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from bifuse_core.bilevel.weighting.weighting import WeightedSum


class DynamicWeightAverage(WeightedSum):
    """The slower a task's loss falls, the more it weighs.

    The weights are K softmax(r / T) with r the ratio of the task's last loss to the one before.
    Losses are means over a window of steps, and the weights are 1 for the first two windows.
    Source: Liu, Johns and Davison, "End-to-end multi-task learning with attention", CVPR 2019,
    whose window is an epoch.

    For losses of any sign, r = 1 + (last - before) / |before|, clipped to [0, 2]. For positive
    losses that is the paper's ratio as long as the loss does not more than double, and a falling
    loss of any sign, a critic's for one, has r < 1.

    Args:
        tasks: K.
        temperature: T, positive; a high one evens the weights out.
        window: steps in a window, at least 1.

    Raises:
        ValueError: an option is out of range.
    """

    def __init__(self, tasks: int, *, temperature: float = 2.0, window: int = 100) -> None:
        super().__init__(tasks)
        if not temperature > 0 or window < 1:
            raise ValueError(
                f"temperature must be above 0 and window at least 1: {temperature=}, {window=}"
            )
        self._temperature, self._window = temperature, window
        self._sums, self._steps = [0.0] * tasks, 0
        self._before: list[float] | None = None

    def choose(self, gradients: Sequence[Sequence[Tensor]], losses: Sequence[float]) -> list[float]:
        """Return the weights of this window, after the losses of those that are complete."""
        weights = self.weights
        if self._steps == self._window:
            last = [total / self._window for total in self._sums]
            if self._before is not None:
                weights = self._weigh(last, self._before)
            self._before, self._sums, self._steps = last, [0.0] * self.tasks, 0
        self._sums = [total + loss for total, loss in zip(self._sums, losses, strict=True)]
        self._steps += 1
        return weights

    def _weigh(self, last: Sequence[float], before: Sequence[float]) -> list[float]:
        ratios = [1 + _relative_change(a, b) for a, b in zip(last, before, strict=True)]
        shares = [math.exp(r / self._temperature) for r in ratios]
        return [self.tasks * share / math.fsum(shares) for share in shares]

    def state_dict(self) -> dict[str, Any]:
        """Return the state, the losses of the open window included."""
        window = {"sums": self._sums, "steps": self._steps, "before": self._before}
        return {**super().state_dict(), **window}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Go on in the same window."""
        super().load_state_dict(state)
        self._sums, self._steps = state["sums"], state["steps"]
        self._before = state["before"]


def _relative_change(last: float, before: float) -> float:
    """Return (last - before) / |before|, clipped to [-1, 1]; 0 / 0 is 0."""
    change = last - before
    if abs(change) >= abs(before):
        return math.copysign(1.0, change) if change else 0.0
    return change / abs(before)
