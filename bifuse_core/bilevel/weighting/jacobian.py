# SPDX-License-Identifier: Apache-2.0
"""Aggregators of TorchJD, which resolve the conflicts between the gradients themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from bifuse_core.bilevel.options import require_options
from bifuse_core.bilevel.weighting.weighting import require_tasks


class JacobianAggregation:
    """The gradients as rows of a matrix, K x P numbers, that an aggregator makes one row of.

    Source: TorchJD, Quinton and Rey, "Jacobian descent for multi-objective optimization". Lengths
    are the aggregator's own: many return about the mean of the rows, a K-th of what weights that
    sum to K give. The work is done on the CPU in double precision, with a random generator of its
    own.

    Args:
        tasks: K.
        name: an aggregator without memory between calls: TorchJD cannot save that of the others.
        seed: for aggregators that draw.
        options: the aggregator's own; lists become tensors.

    Raises:
        ImportError: TorchJD, or what this aggregator needs besides, is not installed.
        ValueError: unknown name or option; the message lists the choices.
    """

    weights = None

    def __init__(self, tasks: int, *, name: str, seed: int, **options: Any) -> None:
        choices = aggregators()
        if name not in choices:
            raise ValueError(f"no TorchJD aggregator {name!r}; choose from {', '.join(choices)}")
        require_options(f"torchjd.{name}", choices[name], options, ())
        tensors = {
            option: torch.tensor(value, dtype=torch.float64) if isinstance(value, list) else value
            for option, value in options.items()
        }
        self._tasks = tasks
        self._aggregate = choices[name](**tensors)
        self._random = torch.Generator().manual_seed(seed).get_state()

    def __call__(
        self, gradients: Sequence[Sequence[Tensor]], losses: Sequence[float]
    ) -> list[Tensor]:
        """Return the aggregated gradient (see `Weighting`); the losses do not matter."""
        require_tasks(len(gradients), self._tasks, "gradients")
        rows = [torch.cat([g.detach().flatten().double() for g in row]) for row in gradients]
        # TorchJD draws from the global generator, which in several processes differs.
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self._random)
            aggregated = self._aggregate(torch.stack(rows).cpu())
            self._random = torch.get_rng_state()
        like = gradients[0]
        parts = aggregated.split([g.numel() for g in like])
        return [part.view_as(g).to(g) for part, g in zip(parts, like, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the generator."""
        return {"random": self._random}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Go on with the same sequence."""
        self._random = state["random"].cpu()


def aggregators() -> dict[str, Any]:
    """Return the aggregators of TorchJD that keep no state between calls, by name.

    Raises:
        ImportError: TorchJD is not installed.
    """
    try:
        import torchjd
        from torchjd import aggregation
    except ImportError as error:
        raise ImportError("TorchJD is missing: pip install torchjd[quadprog-projector]") from error
    bases = {"Aggregator", "GramianWeightedAggregator", "WeightedAggregator"}
    kinds = {name: getattr(aggregation, name) for name in aggregation.__all__}
    return {
        name: kind
        for name, kind in kinds.items()
        if issubclass(kind, aggregation.Aggregator)
        and not issubclass(kind, torchjd.Stateful)
        and name not in bases
    }
