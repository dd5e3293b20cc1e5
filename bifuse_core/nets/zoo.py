# SPDX-License-Identifier: Apache-2.0
"""The networks by name, and the weights shipped for some of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Generic, TypeVar

from torch import nn

from bifuse_core.nets.bdl import BdlFusion
from bifuse_core.nets.checkpoint import CheckpointError, classes_in, load_weights
from bifuse_core.nets.detection.fcos import Fcos, fcos, fcos_small
from bifuse_core.nets.edge import EdgeFusion
from bifuse_core.nets.segmentation.segformer import SIZES, Segmenter
from bifuse_core.nets.tardal import TardalFusion
from bifuse_core.nets.umfusion import UmFusion

Network = TypeVar("Network", bound=nn.Module)

FUSION_NETWORKS: dict[str, type[nn.Module]] = {
    "edge": EdgeFusion,
    "bdl": BdlFusion,
    "tardal": TardalFusion,
    "umfusion": UmFusion,
}

DETECTORS: dict[str, Callable[[int], Fcos]] = {"fcos": fcos, "fcos_small": fcos_small}
"""Made from the number of classes."""

SEGMENTERS: dict[str, Callable[[int], Segmenter]] = {
    f"segformer_{size}": partial(Segmenter, size) for size in SIZES
}
"""Likewise."""

SHIPPED = ("edge", "bdl")
"""The fusion networks whose weights come with the package. Named, not looked for: where the file
of one of them is missing, the installation is broken."""

SHIPPED_TASKS = ("fcos_small", "segformer_b0")
"""Likewise the detectors and segmenters."""


@dataclass(frozen=True)
class Trained(Generic[Network]):
    """A trained network that tells classes apart.

    Attributes:
        net: in evaluation mode.
        checksum: SHA-256 of its weights.
        classes: their names.
    """

    net: Network
    checksum: str
    classes: tuple[str, ...]


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


def create_detector(network: str, classes: int) -> Fcos:
    """Return an untrained detector.

    Raises:
        ValueError: there is no detector of that name; the message lists the names.
    """
    return _chosen("detector", DETECTORS, network)(classes)


def load_detector(network: str, weights: Path | None = None) -> Trained[Fcos]:
    """Return a trained detector in evaluation mode, with the classes its weights file names.

    Args:
        network: a name in `DETECTORS`.
        weights: a weights file; the shipped one by default.

    Raises:
        ValueError: unknown network.
        CheckpointError: the weights cannot be used, or none were given for a network that has
            none in the package.
    """
    return _load_task(_chosen("detector", DETECTORS, network), network, weights)


def create_segmenter(network: str, classes: int) -> Segmenter:
    """Return an untrained segmenter.

    Raises:
        ValueError: there is no segmenter of that name; the message lists the names.
    """
    return _chosen("segmenter", SEGMENTERS, network)(classes)


def load_segmenter(network: str, weights: Path | None = None) -> Trained[Segmenter]:
    """Return a trained segmenter; see `load_detector`."""
    return _load_task(_chosen("segmenter", SEGMENTERS, network), network, weights)


def _chosen(
    role: str, networks: Mapping[str, Callable[[int], Network]], network: str
) -> Callable[[int], Network]:
    """Return what makes a network of that name from the number of classes."""
    if network not in networks:
        raise ValueError(f"no {role} {network!r}; choose from {', '.join(networks)}")
    return networks[network]


def _load_task(
    create: Callable[[int], Network], network: str, weights: Path | None
) -> Trained[Network]:
    """Load a network that tells classes apart."""
    if weights is None and network not in SHIPPED_TASKS:
        raise CheckpointError(
            f"no weights are shipped for network {network!r}: train some with `bifuse train-task "
            f"CONFIG --set network={network}`, and give the file"
        )
    file = weights or shipped_weights(network)
    classes = classes_in(file)
    net = create(max(1, len(classes)))
    checksum = load_weights(file, network, net)
    if not classes:
        raise CheckpointError(f"{file}: does not name the classes that the network tells apart")
    return Trained(net.eval().requires_grad_(False), checksum, classes)
