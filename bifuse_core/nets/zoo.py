# SPDX-License-Identifier: Apache-2.0
"""The fusion networks by name, and the weights shipped for some of them."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from torch import nn

from bifuse_core.nets.bdl import BdlFusion
from bifuse_core.nets.checkpoint import CheckpointError, load_weights
from bifuse_core.nets.edge import EdgeFusion
from bifuse_core.nets.tardal import TardalFusion
from bifuse_core.nets.umfusion import UmFusion

FUSION_NETWORKS: dict[str, type[nn.Module]] = {
    "edge": EdgeFusion,
    "bdl": BdlFusion,
    "tardal": TardalFusion,
    "umfusion": UmFusion,
}

SHIPPED = ("edge", "bdl")
"""The networks whose weights come with the package. Named, not looked for: where the file of one
of them is missing, the installation is broken."""


def create_fusion(network: str) -> nn.Module:
    """Return an untrained fusion network.

    Raises:
        ValueError: there is no network of that name; the message lists the names.
    """
    if network not in FUSION_NETWORKS:
        raise ValueError(f"no fusion network {network!r}; choose from {', '.join(FUSION_NETWORKS)}")
    return FUSION_NETWORKS[network]()


def shipped_weights(network: str) -> Path:
    """Return the path of the weights that come with the package."""
    return Path(str(files("bifuse_core"))) / "weights" / f"{network}.safetensors"


def load_fusion(network: str, weights: Path | None = None) -> tuple[nn.Module, str]:
    """Return a trained fusion network in evaluation mode, and the SHA-256 of its weights.

    Args:
        network: a name in `FUSION_NETWORKS`.
        weights: a weights file; the shipped one by default.

    Raises:
        ValueError: unknown network.
        CheckpointError: the weights cannot be used, or none were given for a network that has
            none in the package.
    """
    net = create_fusion(network)
    if weights is None and network not in SHIPPED:
        raise CheckpointError(
            f"no weights are shipped for network {network!r}: train some with `bifuse train CONFIG "
            f"--set network={network}`, and give the file (option --weights FILE, {network}=FILE "
            "in `bifuse evaluate`, parameter `weights` of the node)"
        )
    checksum = load_weights(weights or shipped_weights(network), network, net)
    return net.eval().requires_grad_(False), checksum
