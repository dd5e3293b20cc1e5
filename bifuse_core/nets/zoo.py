# SPDX-License-Identifier: Apache-2.0
"""The networks by name, and the weights shipped for some of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from torch import nn

from bifuse_core.nets.bdl import BdlFusion
from bifuse_core.nets.checkpoint import CheckpointError, load_weights
from bifuse_core.nets.edge import EdgeFusion
from bifuse_core.nets.segmentation.segformer import SIZES, Segmenter
from bifuse_core.nets.tardal import TardalFusion
from bifuse_core.nets.umfusion import UmFusion

FUSION_NETWORKS: dict[str, type[nn.Module]] = {
    "edge": EdgeFusion,
    "bdl": BdlFusion,
    "tardal": TardalFusion,
    "umfusion": UmFusion,
}

SEGMENTERS: dict[str, Callable[[], nn.Module]] = {
    f"segformer_{size}": partial(Segmenter, size) for size in SIZES
}

SHIPPED = ("edge", "bdl")
"""The fusion networks whose weights come with the package. Named, not looked for: where the file of
one of them is missing, the installation is broken."""


class _Kind(NamedTuple):
    """Networks for one purpose."""

    noun: str
    networks: Mapping[str, Callable[[], nn.Module]]
    shipped: tuple[str, ...]
    remedy: str
    """What to do where no weights are shipped; {} stands for the network."""


_FUSION = _Kind(
    "fusion network",
    FUSION_NETWORKS,
    SHIPPED,
    "train some with `bifuse train CONFIG --set network={0}`, and give the file (option --weights "
    "FILE, {0}=FILE in `bifuse evaluate`, parameter `weights` of the node)",
)
_SEGMENTER = _Kind("segmenter", SEGMENTERS, (), "give the file of some that were trained")


def create_fusion(network: str) -> nn.Module:
    """Return an untrained fusion network.

    Raises:
        ValueError: there is no network of that name; the message lists the names.
    """
    return _created(_FUSION, network)


def create_segmenter(network: str) -> nn.Module:
    """Return an untrained segmenter for the classes of BiFuse.

    Raises:
        ValueError: there is no network of that name; the message lists the names.
        ImportError: the package `transformers` is not installed.
    """
    return _created(_SEGMENTER, network)


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
    return _loaded(_FUSION, network, weights)


def load_segmenter(network: str, weights: Path | None = None) -> tuple[nn.Module, str]:
    """Return a trained segmenter in evaluation mode, and the SHA-256 of its weights.

    Args:
        network: a name in `SEGMENTERS`.
        weights: a weights file; none is shipped yet.

    Raises:
        ValueError: unknown network.
        CheckpointError: the weights cannot be used, or none were given.
        ImportError: the package `transformers` is not installed.
    """
    return _loaded(_SEGMENTER, network, weights)


def _created(kind: _Kind, network: str) -> nn.Module:
    if network not in kind.networks:
        raise ValueError(f"no {kind.noun} {network!r}; choose from {', '.join(kind.networks)}")
    return kind.networks[network]()


def _loaded(kind: _Kind, network: str, weights: Path | None) -> tuple[nn.Module, str]:
    net = _created(kind, network)
    if weights is None and network not in kind.shipped:
        raise CheckpointError(
            f"no weights are shipped for network {network!r}: {kind.remedy.format(network)}"
        )
    checksum = load_weights(weights or shipped_weights(network), network, net)
    return net.eval().requires_grad_(False), checksum
