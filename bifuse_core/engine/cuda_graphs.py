# SPDX-License-Identifier: Apache-2.0
"""CUDA graphs: all kernels of a function are launched at once, so none waits for Python."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from functools import partial
from threading import Lock
from typing import Any

import torch
from torch import Tensor

KEPT = 4
"""Graphs of a function that are kept, one for each shape of its inputs and choice of options."""

_WARM_UPS = 3
"""Runs before a capture, in which libraries choose algorithms and allocate their workspaces."""

Function = Callable[..., Any]
Capture = Callable[[Function, tuple[Tensor, ...]], tuple[Any, Callable[[], None]]]
"""Takes a function and its inputs; returns its outputs, and what computes these again, in place,
from what the inputs hold then. Raises RuntimeError if the function cannot be captured."""

_CAPTURING = Lock()
"""One capture at a time: each begins by waiting for all that the device has to do."""

_LOG = logging.getLogger(__name__)


def capture_graph(function: Function, inputs: tuple[Tensor, ...]) -> tuple[Any, Callable[[], None]]:
    """Capture a function as a CUDA graph; see `Capture`."""
    # What is compiled at a first call may take minutes, for which nobody else shall wait.
    function(*inputs)
    with (
        _CAPTURING,
        torch.cuda.device(inputs[0].device),
        torch.backends.cudnn.flags(enabled=True, benchmark=True),
    ):
        aside, current = torch.cuda.Stream(), torch.cuda.current_stream()
        aside.wait_stream(current)
        with torch.cuda.stream(aside):
            for _ in range(_WARM_UPS):
                function(*inputs)
        current.wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        # Other threads go on allocating memory meanwhile.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            outputs = function(*inputs)
    return outputs, graph.replay


class CudaGraphs:
    """Call a function of tensors through CUDA graphs, for use by one thread at a time.

    A graph is captured when inputs of a shape, or options, come first; that takes as long as some
    calls. Where capturing fails, the function itself is called, for good. The least recently used
    graph goes when there are too many.

    The graphs hold the weights that the function uses: new weights need a new object.

    Args:
        function: tensors on one CUDA device to any structure of tensors there; their shapes depend
            on those of the inputs alone, and nothing in it waits for the device.
        capture: how it is captured.

    Attributes:
        refusal: why the function could not be captured when that was tried last; else empty.
    """

    def __init__(self, function: Function, capture: Capture) -> None:
        self._function, self._capture = function, capture
        self._runs: dict[tuple[Any, ...], Function] = {}
        self.refusal = ""

    @property
    def state(self) -> str:
        """How many graphs there are, or why there are none, in words."""
        if self.refusal:
            return f"none, computed step by step: {self.refusal}"
        return f"{len(self._runs)} captured"

    @torch.inference_mode()
    def __call__(self, *inputs: Tensor, **options: Hashable) -> Any:
        """Return what the function makes of the inputs; the next call may overwrite it.

        Args:
            inputs: whose contents a graph takes anew each time.
            options: what else the function takes; other options need another graph.
        """
        key = (*((x.shape, x.dtype) for x in inputs), *sorted(options.items()))
        run = self._runs.pop(key, None) or self._made(partial(self._function, **options), inputs)
        self._runs[key] = run
        return run(*inputs)

    def _made(self, function: Function, inputs: tuple[Tensor, ...]) -> Function:
        if len(self._runs) == KEPT:
            # Before the new one needs its memory.
            del self._runs[next(iter(self._runs))]
        held = tuple(x.clone() for x in inputs)
        try:
            outputs, replay = self._capture(function, held)
        except RuntimeError as error:
            self.refusal = str(error).partition("\n")[0]
            shapes = ", ".join(str(tuple(x.shape)) for x in inputs)
            _LOG.warning("no CUDA graph for inputs %s, slower: %s", shapes, self.refusal)
            return function
        self.refusal = ""

        def run(*given: Tensor) -> Any:
            for own, new in zip(held, given, strict=True):
                own.copy_(new, non_blocking=True)
            replay()
            return outputs

        return run
