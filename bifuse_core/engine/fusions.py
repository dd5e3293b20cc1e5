# SPDX-License-Identifier: Apache-2.0
"""Every fusion by name: the trained networks, and the baselines they are compared with."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from bifuse_core.imaging.baselines import (
    LaplacianFusion,
    MaximumFusion,
    MeanFusion,
    SaliencyFusion,
)
from bifuse_core.nets.checkpoint import CheckpointError
from bifuse_core.nets.zoo import FUSION_NETWORKS, SHIPPED, load_fusion

BASELINES: dict[str, type[nn.Module]] = {
    "max": MaximumFusion,
    "mean": MeanFusion,
    "vsm": SaliencyFusion,
    "laplacian": LaplacianFusion,
}
"""What has no weights; called like a network."""

FUSIONS = (*FUSION_NETWORKS, *BASELINES)
"""Every name that `fusion_by_name` takes."""

READY = (*SHIPPED, *BASELINES)
"""Those of them that need no weights file."""

NO_WEIGHTS = "none"
"""Stands for the SHA-256 of a baseline's weights."""


def fusion_by_name(name: str, weights: Path | None = None) -> tuple[nn.Module, str]:
    """Return a fusion for inference, and the SHA-256 of its weights.

    Args:
        name: a name in `FUSIONS`.
        weights: a network's weights file; the shipped one by default.

    Raises:
        ValueError: unknown name; the message lists the names.
        CheckpointError: the weights cannot be used, were given for a baseline, or were not given
            for a network that has none in the package.
    """
    if name in FUSION_NETWORKS:
        return load_fusion(name, weights)
    if name not in BASELINES:
        raise ValueError(f"no fusion {name!r}; choose from {', '.join(FUSIONS)}")
    if weights is not None:
        raise CheckpointError(f"{weights}: baseline {name!r} has no weights")
    return BASELINES[name]().eval(), NO_WEIGHTS
