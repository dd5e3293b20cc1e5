# SPDX-License-Identifier: Apache-2.0
"""Networks as functions from tensors to tensors: what libraries beside PyTorch can take over."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from bifuse_core.nets.detection.maps import Maps, Points

Shapes = tuple[tuple[int, ...], ...]
"""Of the pictures that a network is called with."""


class Names(NamedTuple):
    """What inputs and outputs of a network are called where they have names."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


FUSION = Names(("thermal", "luma"), ("fused",))
"""(1, 1, H, W) each, in [0, 1]."""

DETECTOR = Names(("rgb",), ("logits", "sides", "centreness"))
"""(1, 3, H, W) in [0, 1]; then as in `bifuse_core.nets.detection.maps.Maps`."""

SEGMENTER = Names(("rgb",), ("logits",))
"""(1, 3, H, W) in [0, 1]; (1, K, H/4, W/4)."""


class Example(NamedTuple):
    """Pictures of noise, and what a network makes of them."""

    pictures: tuple[Tensor, ...]
    tensors: tuple[Tensor, ...]
    points: Points | None
    """Where a detector looks, which depends on the size alone; None for other networks."""

    @property
    def names(self) -> Names:
        """What inputs and outputs are called."""
        if len(self.pictures) == 2:
            return FUSION
        return SEGMENTER if self.points is None else DETECTOR


class TensorNet(nn.Module):
    """A network whose results are nothing but tensors that depend on the pictures."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, *pictures: Tensor) -> tuple[Tensor, ...]:
        """Return the tensors that the network makes of pictures."""
        return _split(self.net(*pictures))[0]


def example_of(net: nn.Module, shapes: Shapes) -> Example:
    """Return an example of a network, the same each time.

    Args:
        net: on the CPU, in evaluation mode.
        shapes: of its pictures.
    """
    noise = torch.Generator().manual_seed(0)
    with torch.inference_mode(False), torch.no_grad():
        pictures = tuple(torch.rand(shape, generator=noise) for shape in shapes)
        return Example(pictures, *_split(net(*pictures)))


def put_together(tensors: tuple[Tensor, ...], points: Points | None) -> Maps | Tensor:
    """Return the result of a network from its tensors."""
    return tensors[0] if points is None else Maps(tensors[0], tensors[1], tensors[2], points)


def largest_difference(tensors: tuple[Tensor, ...], expected: tuple[Tensor, ...]) -> float:
    """Return how far tensors are from those expected, as a share of the largest value of each.

    Values below 1 count as 1. What is not finite is infinitely far.
    """
    shares = [
        (tensor.float().cpu() - other).abs().max() / other.abs().max().clamp(min=1)
        for tensor, other in zip(tensors, expected, strict=True)
    ]
    return float(torch.stack(shares).nan_to_num(nan=torch.inf).max())


def _split(made: Maps | Tensor) -> tuple[tuple[Tensor, ...], Points | None]:
    return (made[:3], made.points) if isinstance(made, Maps) else ((made,), None)
