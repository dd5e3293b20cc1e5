# SPDX-License-Identifier: Apache-2.0
"""Weights that stay as they are."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from bifuse_core.bilevel.weighting.weighting import WeightedSum, require_tasks


class EqualWeighting(WeightedSum):
    """Every task counts 1."""

    def choose(self, gradients: Sequence[Sequence[Tensor]], losses: Sequence[float]) -> list[float]:
        """Return ones."""
        return self.weights


class ManualWeighting(WeightedSum):
    """The weights are given, and used as they are.

    Args:
        tasks: K.
        weights: K numbers, at least 0 and not all 0.

    Raises:
        ValueError: these are no such weights.
    """

    def __init__(self, tasks: int, *, weights: Sequence[float]) -> None:
        super().__init__(tasks)
        require_tasks(len(weights), tasks, "weights")
        if not all(math.isfinite(w) and w >= 0 for w in weights) or not any(weights):
            raise ValueError(f"weights must be finite, at least 0 and not all 0: {list(weights)}")
        self.weights = [float(w) for w in weights]

    def choose(self, gradients: Sequence[Sequence[Tensor]], losses: Sequence[float]) -> list[float]:
        """Return the given weights."""
        return self.weights
