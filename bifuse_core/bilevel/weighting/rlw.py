# SPDX-License-Identifier: Apache-2.0
"""Random weights at every step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from bifuse_core.bilevel.weighting.weighting import WeightedSum


class RandomWeighting(WeightedSum):
    """Random loss weighting: the softmax of K standard normal numbers, times K.

    The weights are positive and sum to K; each is 1 on average. Source: Lin et al., "Reasonable
    effectiveness of random weighting", TMLR 2022, and Algorithm 1 of the paper. It draws from a
    generator of its own.

    Args:
        tasks: K.
        seed: seed of the generator.
    """

    def __init__(self, tasks: int, *, seed: int) -> None:
        super().__init__(tasks)
        self._random = torch.Generator().manual_seed(seed)

    def choose(self, gradients: Sequence[Sequence[Tensor]], losses: Sequence[float]) -> list[float]:
        """Draw new weights."""
        drawn = torch.randn(self.tasks, generator=self._random, dtype=torch.float64)
        return [self.tasks * share for share in drawn.softmax(0).tolist()]

    def state_dict(self) -> dict[str, Any]:
        """Return the state, that of the generator included."""
        return {**super().state_dict(), "random": self._random.get_state()}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Go on with the same sequence."""
        super().load_state_dict(state)
        # A checkpoint may have been loaded onto a GPU.
        self._random.set_state(state["random"].cpu())
