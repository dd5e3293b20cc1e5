# SPDX-License-Identifier: Apache-2.0
"""The weightings by name."""

from __future__ import annotations

from inspect import signature
from typing import Any

from bifuse_core.bilevel.options import require_options
from bifuse_core.bilevel.weighting.dwa import DynamicWeightAverage
from bifuse_core.bilevel.weighting.fixed import EqualWeighting, ManualWeighting
from bifuse_core.bilevel.weighting.gradnorm import GradNorm
from bifuse_core.bilevel.weighting.jacobian import JacobianAggregation
from bifuse_core.bilevel.weighting.rlw import RandomWeighting
from bifuse_core.bilevel.weighting.weighting import WeightedSum, Weighting

WEIGHTINGS: dict[str, type[WeightedSum]] = {
    "rlw": RandomWeighting,
    "equal": EqualWeighting,
    "manual": ManualWeighting,
    "dwa": DynamicWeightAverage,
    "gradnorm": GradNorm,
}

TORCHJD = "torchjd."
"""Before the name of a TorchJD aggregator."""


def weighting_by_name(name: str, tasks: int, seed: int, **options: Any) -> Weighting:
    """Return a weighting at its start.

    Args:
        name: a name in `WEIGHTINGS`, or torchjd.NAME, as torchjd.UPGrad.
        tasks: K.
        seed: for those that draw.
        options: the weighting's own keywords, as `weights` of `manual`.

    Raises:
        ValueError: unknown name, or unknown, missing or useless option; the message lists the
            choices.
        ImportError: an aggregator of TorchJD was named and a package for it is missing.
    """
    if name.startswith(TORCHJD):
        return JacobianAggregation(tasks, name=name.removeprefix(TORCHJD), seed=seed, **options)
    if name not in WEIGHTINGS:
        choices = ", ".join((*WEIGHTINGS, f"{TORCHJD}NAME"))
        raise ValueError(f"no weighting {name!r}; choose from {choices}")
    kind = WEIGHTINGS[name]
    require_options(name, kind, options, ("tasks", "seed"))
    if "seed" in signature(kind).parameters:
        options["seed"] = seed
    return kind(tasks, **options)
