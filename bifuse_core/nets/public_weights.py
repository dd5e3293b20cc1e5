# SPDX-License-Identifier: Apache-2.0
"""Public weights that a network starts from: what fits is taken, and all else is named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from bifuse_core.nets.checkpoint import CheckpointError


@dataclass(frozen=True)
class Fit:
    """How a file fitted a network.

    Attributes:
        taken: names of the network's tensors that were replaced.
        missing: names of those that the file does not have.
        unexpected: names in the file that the network does not have.
        reshaped: names of those of another shape; they were left alone.
    """

    taken: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    reshaped: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"{len(self.taken)} tensors taken"]
        for kind in ("missing", "unexpected", "reshaped"):
            names = getattr(self, kind)
            if names:
                more = f" and {len(names) - 5} more" if len(names) > 5 else ""
                lines.append(f"{len(names)} {kind}: {', '.join(names[:5])}{more}")
        return "; ".join(lines)


def fit_public_weights(
    net: nn.Module, file: Path, rename: Callable[[str], str] = lambda name: name
) -> Fit:
    """Copy the tensors of a file that have name and shape of one of the network's.

    Args:
        net: the network.
        file: `.safetensors`, or a file of `torch.save` with a state dictionary, which may lie under
            the key `model` or `state_dict`.
        rename: from names in the file to names in the network.

    Raises:
        CheckpointError: the file cannot be read, or nothing in it fits.
    """
    stored = {rename(name): tensor for name, tensor in _read(file).items()}
    own = net.state_dict()
    fitting = {n for n in own.keys() & stored.keys() if own[n].shape == stored[n].shape}
    fit = Fit(
        taken=tuple(sorted(fitting)),
        missing=tuple(sorted(own.keys() - stored.keys())),
        unexpected=tuple(sorted(stored.keys() - own.keys())),
        reshaped=tuple(sorted((own.keys() & stored.keys()) - fitting)),
    )
    if not fitting:
        raise CheckpointError(f"{file}: no tensor in it fits the network ({fit})")
    net.load_state_dict({**own, **{name: stored[name].to(own[name]) for name in fitting}})
    return fit


def _read(file: Path) -> Mapping[str, Tensor]:
    if not file.is_file():
        raise CheckpointError(f"{file}: no such weights file")
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        content = torch.load(file, map_location="cpu", weights_only=True)
    except (SafetensorError, UnpicklingError, RuntimeError, EOFError) as error:
        raise CheckpointError(f"{file}: damaged, or no weights file ({error})") from error
    for key in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict):
        raise CheckpointError(f"{file}: holds no dictionary of tensors")
    return {name: value for name, value in content.items() if isinstance(value, Tensor)}
