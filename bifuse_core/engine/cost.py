# SPDX-License-Identifier: Apache-2.0
"""What a network costs: parameters, operations, time."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode


class Cost(NamedTuple):
    """Of one picture, or of one pair."""

    parameters: int
    flops: int
    """Additions and multiplications of convolutions and matrix products; one of each is two."""
    seconds: float
    """Median, with the device waited for before and after."""


@torch.inference_mode()
def cost_of(net: nn.Module, *inputs: Tensor, runs: int = 10) -> Cost:
    """Measure a network on its inputs.

    Args:
        net: in evaluation mode.
        inputs: what it is called with, on its device.
        runs: that are timed, after one that is not.
    """
    # Counting slows every operation down, so it is no part of a timed run. It knows attention only
    # as the matrix products that it is made of.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        net(*inputs)
    parameters = sum(parameter.numel() for parameter in net.parameters())
    times = [_seconds(net, inputs) for _ in range(runs)]
    return Cost(parameters, counter.get_total_flops(), median(times))


def _seconds(call: Callable[..., Any], inputs: tuple[Tensor, ...]) -> float:
    _wait(inputs)
    started = perf_counter()
    call(*inputs)
    _wait(inputs)
    return perf_counter() - started


def _wait(inputs: tuple[Tensor, ...]) -> None:
    for tensor in inputs[:1]:
        if tensor.is_cuda:
            torch.cuda.synchronize(tensor.device)
