# SPDX-License-Identifier: Apache-2.0
"""Gradients of one length, longer for the tasks that lag behind."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from bifuse_core.bilevel.weighting.weighting import WeightedSum


class GradNorm(WeightedSum):
    """Weights learned so that the weighted gradients get lengths in step with the tasks' lag.

    One step of gradient descent at every call, on sum_i |w_i n_i - m t_i|: n_i is the length of the
    gradient of task i, m the mean of the w_i n_i (taken as constant), and t_i the lag of the task:
    its loss over its first loss, to the power alpha, over the mean of that. Then the weights are
    scaled to sum to K. Source: Chen et al., "GradNorm", ICML 2018, with two changes. The mean is
    taken after the power, so that weights exist that meet every target. The descent is in the
    logarithms of the w_i and in units of m: `learning_rate` means the same for every scale of
    losses, and weights stay positive and settle though gradients differ a thousandfold.

    The ratio to the first loss means nothing for a loss that may be negative, as a critic's. A task
    whose first loss is not positive, or that has had a negative loss since, counts as one in step
    with the others: only the length of its gradient matters.

    Args:
        tasks: K.
        alpha: at least 0; how much more a lagging task gets.
        learning_rate: positive; about the part of a weight that changes in a call.

    Raises:
        ValueError: an option is out of range.
    """

    def __init__(self, tasks: int, *, alpha: float = 1.5, learning_rate: float = 0.025) -> None:
        super().__init__(tasks)
        if not (alpha >= 0 and learning_rate > 0):
            raise ValueError(
                f"alpha must be at least 0 and learning_rate above 0: {alpha=}, {learning_rate=}"
            )
        self._alpha, self._learning_rate = alpha, learning_rate
        self._first: list[float] | None = None

    def choose(self, gradients: Sequence[Sequence[Tensor]], losses: Sequence[float]) -> list[float]:
        """Return the weights after one more step."""
        lags = [ratio**self._alpha for ratio in self._ratios(losses)]
        weighted = [w * _length(g) for w, g in zip(self.weights, gradients, strict=True)]
        mean, mean_lag = _mean(weighted), _mean(lags)
        if not 0 < mean < math.inf:
            # Nothing to compare; and one broken gradient must not break the weights for good.
            return self.weights
        weights = []
        for weight, length, lag in zip(self.weights, weighted, lags, strict=True):
            excess = length - mean * lag / mean_lag
            slope = ((excess > 0) - (excess < 0)) * length / mean
            weights.append(weight * math.exp(-self._learning_rate * slope))
        total = math.fsum(weights)
        return [self.tasks * weight / total for weight in weights]

    def _ratios(self, losses: Sequence[float]) -> list[float]:
        """Return each loss over the first one, in units of the mean ratio: 1 is in step."""
        first = self._first or losses
        # Zero stands for a task without a ratio.
        self._first = [
            f if f > 0 and not loss < 0 else 0.0 for f, loss in zip(first, losses, strict=True)
        ]
        ratios = [loss / f if f else None for f, loss in zip(self._first, losses, strict=True)]
        known = [ratio for ratio in ratios if ratio is not None]
        mean = _mean(known) if known else 0.0
        return [1.0 if ratio is None or mean == 0 else ratio / mean for ratio in ratios]

    def state_dict(self) -> dict[str, Any]:
        """Return the state, the first losses included."""
        return {**super().state_dict(), "first": self._first}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Go on from the same first losses."""
        super().load_state_dict(state)
        self._first = state["first"]


def _length(gradient: Sequence[Tensor]) -> float:
    """Return the length of a gradient that comes in several tensors."""
    parts = [torch.linalg.vector_norm(g, dtype=torch.float64) for g in gradient]
    return torch.stack(parts).norm().item()


def _mean(numbers: Sequence[float]) -> float:
    return math.fsum(numbers) / len(numbers)
