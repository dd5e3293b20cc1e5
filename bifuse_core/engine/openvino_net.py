# SPDX-License-Identifier: Apache-2.0
"""A network that sees colour, run by OpenVINO: on CPUs faster than by PyTorch."""

from __future__ import annotations

import sys
from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np
import torch
from torch import Tensor, nn

from bifuse_core.engine.tensor_net import TensorNet, example_of, put_together
from bifuse_core.nets.detection.maps import Maps, Points

PRECISION_HINTS = {torch.float32: "f32", torch.float16: "f16", torch.bfloat16: "bf16"}

KEPT = 2
"""Compiled forms of a network that are kept, one for each size of picture."""


class OpenVinoNet:
    """Takes the place of a detector or segmenter.

    It is compiled for the size of the first picture, and anew when that changes; each time that
    takes seconds.

    Args:
        net: a detector or segmenter in single precision on the CPU, in evaluation mode.
        dtype: the precision to compute in, where the processor has it.
        threads: to compute with.

    Attributes:
        multiple: as of the network.

    Raises:
        ImportError: OpenVINO is not installed; the message says how to.
    """

    def __init__(self, net: nn.Module, dtype: torch.dtype, threads: int) -> None:
        # Unless it is missing, OpenVINO tells its makers over the network of every import.
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        try:
            import openvino
        except ImportError as error:
            raise ImportError(
                "backend openvino needs the package openvino: pip install openvino==2026.4.1; "
                f"importing it failed: {error}"
            ) from error
        self._openvino, self._net, self._hint = openvino, net, PRECISION_HINTS[dtype]
        self._threads = threads
        self.multiple = net.multiple
        self._runs: dict[tuple[int, ...], tuple[Any, Points | None]] = {}

    def __call__(self, rgb: Tensor) -> Maps | Tensor:
        """Return what the network makes of pictures (B, 3, H, W) in [0, 1], in single precision."""
        size = tuple(rgb.shape)
        if size not in self._runs:
            if len(self._runs) == KEPT:
                del self._runs[next(iter(self._runs))]
            self._runs[size] = self._compiled(size)
        request, points = self._runs[size]
        request.infer([np.ascontiguousarray(rgb.float().numpy())], share_inputs=True)
        # The next picture overwrites them.
        made = tuple(torch.from_numpy(output.data.copy()) for output in request.output_tensors)
        return put_together(made, points)

    def _compiled(self, size: tuple[int, ...]) -> tuple[Any, Points | None]:
        example = example_of(self._net, (size,))
        with torch.inference_mode(False), torch.no_grad(), catch_warnings():
            # Of all that depends on the size, which is what it is compiled for.
            simplefilter("ignore")
            model = self._openvino.convert_model(
                TensorNet(self._net).eval(), example_input=example.pictures[0], input=[size]
            )
        compiled = self._openvino.Core().compile_model(
            model,
            "CPU",
            {
                "INFERENCE_NUM_THREADS": self._threads,
                "INFERENCE_PRECISION_HINT": self._hint,
                "NUM_STREAMS": 1,
            },
        )
        return compiled.create_infer_request(), example.points
