# SPDX-License-Identifier: Apache-2.0
"""Weights on disk: a safetensors file that names its network, and a card with its checksum."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

MAXIMUM_BYTES = 2**30
"""Largest weights file; a larger one is no network for a robot."""


class CheckpointError(ValueError):
    """Weights cannot be used; the message names the file and what differs."""


def sha256_of(file: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def card_of(weights: Path) -> Path:
    """Return the path of the card beside a weights file."""
    return weights.with_suffix(".yaml")


def save_weights(
    weights: Path,
    network: str,
    net: nn.Module,
    card: dict[str, Any],
    classes: Sequence[str] = (),
) -> str:
    """Write weights in half precision and their card, and return the weights' SHA-256.

    Whole numbers, as the steps that a batch norm has counted, are written as they are.

    Args:
        weights: the `.safetensors` file to write; the card goes beside it as `.yaml`.
        network: the network's name in the zoo.
        net: the network.
        card: what the card says beyond network and checksum: data, command, metrics.
        classes: names of what the network tells apart, if it does.

    Raises:
        CheckpointError: a finite value is beyond half precision (65504); nothing is written.
    """
    tensors = {
        name: _half(name, tensor).cpu().contiguous() for name, tensor in net.state_dict().items()
    }
    temporary = weights.with_suffix(".tmp")
    metadata = {"network": network} | ({"classes": json.dumps(list(classes))} if classes else {})
    save_file(tensors, temporary, metadata=metadata)
    checksum = sha256_of(temporary)
    text = yaml.safe_dump({"network": network, "sha256": checksum, **card}, sort_keys=False)
    temporary.chmod(0o644)  # safetensors lets nobody else read it
    temporary.replace(weights)
    card_of(weights).write_text(text, encoding="utf-8")
    return checksum


def _half(name: str, tensor: Tensor) -> Tensor:
    if not tensor.is_floating_point():
        return tensor
    half = tensor.half()
    lost = half.isinf() & tensor.isfinite()
    if lost.any():
        raise CheckpointError(
            f"{name} holds {tensor[lost][0].item():g}, which half precision (at most "
            f"{torch.finfo(torch.half).max:g}) does not"
        )
    return half


def verified_sha256(weights: Path) -> str:
    """Return the SHA-256 of a weights file.

    Raises:
        CheckpointError: the file is missing or too large, or its checksum is not the one on its
            card.
    """
    if not weights.is_file():
        raise CheckpointError(f"{weights}: no such weights file")
    size = weights.stat().st_size
    if size > MAXIMUM_BYTES:
        raise CheckpointError(f"{weights}: has {size} bytes; weights have {MAXIMUM_BYTES} at most")
    checksum = sha256_of(weights)
    if card_of(weights).is_file():
        try:
            expected = yaml.safe_load(card_of(weights).read_text(encoding="utf-8"))["sha256"]
        except (yaml.YAMLError, UnicodeError, KeyError, TypeError) as error:
            raise CheckpointError(f"{card_of(weights)}: no card with a sha256") from error
        if checksum != expected:
            raise CheckpointError(f"{weights}: sha256 is {checksum}, its card says {expected}")
    return checksum


def load_weights(weights: Path, network: str, net: nn.Module) -> str:
    """Load weights into `net` and return their SHA-256; `net` is unchanged if that fails.

    Raises:
        CheckpointError: the file is missing, damaged or of another network, or its checksum is
            not the one on its card.
    """
    checksum = verified_sha256(weights)
    try:
        with safe_open(weights, framework="pt") as file:
            found = (file.metadata() or {}).get("network", "unnamed")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise CheckpointError(f"{weights}: damaged or not a safetensors file ({error})") from error
    if found != network:
        raise CheckpointError(f"{weights}: holds weights of network {found!r}, not {network!r}")
    shapes = {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}
    stored = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if shapes != stored:
        differ = sorted(n for n in shapes | stored if shapes.get(n) != stored.get(n))
        raise CheckpointError(
            f"{weights}: {len(differ)} tensors do not fit this version of network {network!r}: "
            f"{', '.join(differ[:3])}"
        )
    spoilt = [name for name, tensor in tensors.items() if not tensor.isfinite().all()]
    if spoilt:
        raise CheckpointError(f"{weights}: values that are not finite in {', '.join(spoilt[:3])}")
    net.load_state_dict(tensors)
    return checksum


def classes_in(weights: Path) -> tuple[str, ...]:
    """Return the names of the classes that a weights file was trained for; none in a fusion's.

    Raises:
        CheckpointError: the file is missing or damaged.
    """
    if not weights.is_file():
        raise CheckpointError(f"{weights}: no such weights file")
    try:
        with safe_open(weights, framework="pt") as file:
            names = json.loads((file.metadata() or {}).get("classes", "[]"))
    except (SafetensorError, ValueError) as error:
        raise CheckpointError(f"{weights}: damaged or not a safetensors file ({error})") from error
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise CheckpointError(f"{weights}: its classes are {names!r}, no list of names")
    return tuple(names)


def require_classes(weights: Path, classes: tuple[str, ...]) -> None:
    """Refuse weights of a network that tells other classes apart, or numbers them otherwise.

    Raises:
        CheckpointError: these are its classes, or the file is missing or damaged.
    """
    found = classes_in(weights)
    if found != classes:
        raise CheckpointError(
            f"{weights}: tells apart {', '.join(found) or 'nothing'}; needed are "
            f"{', '.join(classes)}"
        )
