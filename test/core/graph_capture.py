# SPDX-License-Identifier: Apache-2.0
"""A stand-in for the capture of CUDA graphs: like one, a replay computes in place what it saw."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor


def tensors_in(made: Any) -> Iterator[Tensor]:
    if isinstance(made, Tensor):
        yield made
    else:
        for part in made:
            yield from tensors_in(part)


class StandIn:
    """Captures on any device, and keeps the shapes of the first inputs of all captures."""

    def __init__(self) -> None:
        self.captured: list[tuple[int, ...]] = []
        self.replayed = 0

    def __call__(
        self, function: Callable[..., Any], inputs: tuple[Tensor, ...]
    ) -> tuple[Any, Callable[[], None]]:
        self.captured.append(tuple(inputs[0].shape))
        outputs = function(*inputs)

        def replay() -> None:
            self.replayed += 1
            for own, new in zip(tensors_in(outputs), tensors_in(function(*inputs)), strict=True):
                own.copy_(new)

        return outputs, replay
