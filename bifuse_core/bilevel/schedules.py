# SPDX-License-Identifier: Apache-2.0
"""Optimisers, and how their learning rates change over a run."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from torch import Tensor
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from bifuse_core.bilevel.sections import OptimiserSettings

WARM_UP = 1000
DROPS = ((30_000, 0.1), (40_000, 0.01))
"""The paper's published code: steps from which the rate is so much of its peak."""


def optimiser_of(
    parameters: Sequence[Tensor] | Sequence[dict[str, Any]],
    settings: OptimiserSettings,
    steps: int,
) -> tuple[Optimizer, LambdaLR]:
    """Return an optimiser and its schedule.

    Args:
        parameters: what it moves; or groups of that, as torch takes them, with rates of their own.
        settings: see `OptimiserSettings`.
        steps: length of the run, for a schedule that ends with it.
    """
    optimiser: Optimizer
    if settings.name == "sgd":
        optimiser = SGD(
            parameters,
            settings.learning_rate,
            momentum=settings.momentum,
            weight_decay=settings.weight_decay,
        )
    else:
        optimiser = AdamW(parameters, settings.learning_rate, weight_decay=settings.weight_decay)
    factors: dict[str, Callable[[int], float]] = {
        "cosine": partial(cosine, steps=steps),
        "steps": stepwise,
        "constant": lambda step: 1.0,
    }
    return optimiser, LambdaLR(optimiser, factors[settings.schedule])


def cosine(step: int, *, steps: int) -> float:
    """Return the part of the peak at a step: a rise over the first 5 %, then a cosine to zero."""
    rise = max(1, round(0.05 * steps))
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rise) / max(1, steps - rise))))


def stepwise(step: int) -> float:
    """Return the part of the peak at a step: a rise over 1000 steps, then two drops."""
    if step < WARM_UP:
        return (step + 1) / WARM_UP
    return min((part for start, part in DROPS if step >= start), default=1.0)
