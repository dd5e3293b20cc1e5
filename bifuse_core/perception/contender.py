# SPDX-License-Identifier: Apache-2.0
"""Trained task networks that are compared, each on the input that it was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic

import torch
import yaml

from bifuse_core.engine.cost import Cost, cost_of
from bifuse_core.engine.fusions import fusion_by_name
from bifuse_core.nets.checkpoint import CheckpointError, card_of, require_classes
from bifuse_core.nets.zoo import FUSION_NETWORKS, Trained, shipped_weights
from bifuse_core.perception.inputs import fusion_of
from bifuse_core.perception.lesson import Lesson, Network
from bifuse_core.perception.scoring import SIZE
from bifuse_core.perception.settings import CAMERAS

CAMERA_NAMES = {"thermal": "thermal", "rgb": "RGB"}
"""Of inputs that are no fusion, as the paper's tables have them."""


@dataclass(frozen=True)
class Contender(Generic[Network]):
    """A trained network with its input.

    Attributes:
        name: that of the input; with the weights file where several have the same one.
        see: what it sees, see `input_by_name`.
        weights: its file.
        trained: what was read from there.
    """

    name: str
    see: str
    weights: Path
    trained: Trained[Network]

    def fusion_cost(self, device: torch.device) -> Cost | None:
        """Measure the fusion that makes its input on a pair of `SIZE`; None: there is none."""
        if self.see in CAMERAS:
            return None
        net, _ = fusion_by_name(*fusion_of(self.see))
        # In the order of memory in which the engine runs it.
        net = net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return cost_of(net, *torch.rand(2, 1, 1, *SIZE, device=device))


def load_contenders(
    lesson: Lesson[Network], network: str, files: Sequence[Path], see: str | None = None
) -> list[Contender[Network]]:
    """Load networks of one name.

    Args:
        lesson: their task.
        network: the name.
        files: their weights; none for the shipped ones.
        see: the input of all; by default that which each was trained on.

    Raises:
        ValueError: a file is there twice.
        CheckpointError: weights cannot be used, are of other classes than the task's, or do not
            tell their input.
    """
    for file in files:
        if files.count(file) > 1:
            raise ValueError(f"{file} is there twice; name each weights file once")
    # Before their cards: that there are no weights says more than that there is no card.
    trained = [lesson.load(network, file) for file in files] or [lesson.load(network, None)]
    files = files or [shipped_weights(network)]
    for file in files:
        require_classes(file, lesson.classes)
    inputs = [see or trained_on(file) for file in files]
    names = [_name(one) for one in inputs]
    return [
        Contender(name if names.count(name) == 1 else f"{name} ({file})", one, file, net)
        for name, one, file, net in zip(names, inputs, files, trained, strict=True)
    ]


def trained_on(weights: Path) -> str:
    """Return what a task network was trained to see, as its card tells.

    A network that guided a fusion has seen what that made; its weights lie beside it.

    Raises:
        CheckpointError: there is no card, or it does not tell.
    """
    card = card_of(weights)
    try:
        settings: dict[str, Any] = yaml.safe_load(card.read_text(encoding="utf-8"))["settings"]
        if "input" in settings:
            return str(settings["input"])
        fusion = settings["network"]
    except OSError as error:
        raise CheckpointError(
            f"{weights}: no card {card.name} beside it tells what it was trained on; give its "
            "input (option --input)"
        ) from error
    except (yaml.YAMLError, UnicodeError, KeyError, TypeError) as error:
        raise CheckpointError(f"{card}: tells no settings.input; give it (--input)") from error
    if fusion not in FUSION_NETWORKS:
        raise CheckpointError(f"{card}: tells no settings.input; give it (--input)")
    return f"{fusion}={weights.with_name(f'{fusion}.safetensors')}"


def _name(see: str) -> str:
    network, _ = fusion_of(see)
    return CAMERA_NAMES.get(network, network)
