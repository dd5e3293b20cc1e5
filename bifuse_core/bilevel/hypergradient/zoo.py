# SPDX-License-Identifier: Apache-2.0
"""The hypergradients by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import Tensor

from bifuse_core.bilevel.hypergradient.conjugate_gradient import conjugate_gradient
from bifuse_core.bilevel.hypergradient.first_order import direct, gauss_newton
from bifuse_core.bilevel.hypergradient.gradients import Hypergradient
from bifuse_core.bilevel.options import require_options

HYPERGRADIENTS: dict[str, Hypergradient] = {
    "gauss_newton": gauss_newton,
    "direct": direct,
    "conjugate_gradient": conjugate_gradient,
}


def hypergradient_by_name(name: str, **options: float) -> Hypergradient:
    """Return a hypergradient with its options set.

    Args:
        name: a name in `HYPERGRADIENTS`.
        options: the function's own keywords, as `limit` of `gauss_newton`.

    Raises:
        ValueError: unknown name or option; the message lists the choices.
    """
    if name not in HYPERGRADIENTS:
        raise ValueError(f"no hypergradient {name!r}; choose from {', '.join(HYPERGRADIENTS)}")
    function: Callable[..., list[Tensor]] = HYPERGRADIENTS[name]
    require_options(name, function, options, ("upper", "lower", "omega", "theta", "reduce"))
    return partial(function, **options)
