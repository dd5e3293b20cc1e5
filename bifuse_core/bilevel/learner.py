# SPDX-License-Identifier: Apache-2.0
"""The networks in training and the steps that their parameters take."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from bifuse_core.bilevel.batch import Batch
from bifuse_core.bilevel.processes import averaged
from bifuse_core.bilevel.schedules import optimiser_of
from bifuse_core.bilevel.sections import OptimiserSettings


class Task(Protocol):
    """A task k on the fused picture, with both its losses."""

    @property
    def name(self) -> str:
        """Names its curves."""

    @property
    def net(self) -> nn.Module:
        """T_k, whose parameters are theta_k."""

    def lower(self, fused: Tensor, batch: Batch) -> Tensor:
        """Return phi_k, a scalar, of the fused pictures (B, 1, C, C) of a batch."""

    def upper(self, fused: Tensor, batch: Batch) -> Tensor:
        """Return Phi_k, likewise."""


class Descent:
    """Parameters of one network, and the optimiser that moves them.

    Args:
        net: the network.
        settings: see `OptimiserSettings`.
        steps: number of steps that the schedule is made for.
    """

    def __init__(self, net: nn.Module, settings: OptimiserSettings, steps: int) -> None:
        self.parameters = [p for p in net.parameters() if p.requires_grad]
        self._clip = settings.clip
        self._optimiser, self._schedule = optimiser_of(self.parameters, settings, steps)

    def gradients(self, loss: Tensor) -> list[Tensor]:
        """Return the gradient of a scalar, averaged over all processes."""
        found = torch.autograd.grad(
            loss, self.parameters, allow_unused=True, materialize_grads=True
        )
        return averaged(list(found))

    def step(self, gradients: Sequence[Tensor]) -> float:
        """Follow a gradient, clipped, and return its length before that."""
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = gradient.to(parameter)
        length = nn.utils.clip_grad_norm_(self.parameters, self._clip)
        if torch.isfinite(length):
            self._optimiser.step()
            self._schedule.step()
        self._optimiser.zero_grad(set_to_none=True)
        return length.item()

    def state_dict(self) -> dict[str, Any]:
        """Return the state of optimiser and schedule."""
        return {
            "optimiser": self._optimiser.state_dict(),
            "schedule": self._schedule.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self._optimiser.load_state_dict(state["optimiser"])
        self._schedule.load_state_dict(state["schedule"])


class Learner:
    """The fusion network F with its tasks.

    Args:
        fusion: F, on its device.
        tasks: T_k with their losses, on the same device.
        precision: type in which F computes; its result is float32.
        average: decay of the running mean of omega; 0 keeps the last omega.
    """

    def __init__(
        self, fusion: nn.Module, tasks: Sequence[Task], precision: torch.dtype, average: float
    ) -> None:
        self.fusion, self.tasks = fusion, tuple(tasks)
        self.device = next(fusion.parameters()).device
        self.mean = copy.deepcopy(fusion).requires_grad_(False).eval()
        self._precision, self._average = precision, average

    def fuse(self, batch: Batch) -> Tensor:
        """Return u, (B, 1, C, C) float32 in [0, 1]."""
        half = self._precision != torch.float32
        with torch.autocast(self.device.type, self._precision, enabled=half):
            fused: Tensor = self.fusion(batch.thermal, batch.luma)
        return fused.float()

    @torch.no_grad()
    def follow(self, step: int) -> None:
        """Draw the running mean of omega towards omega; fast in the first steps."""
        decay = min(self._average, (1 + step) / (10 + step)) if self._average else 0.0
        for mean, last in zip(self.mean.parameters(), self.fusion.parameters(), strict=True):
            mean.lerp_(last, 1 - decay)
        for kept, new in zip(self.mean.buffers(), self.fusion.buffers(), strict=True):
            kept.copy_(new)
