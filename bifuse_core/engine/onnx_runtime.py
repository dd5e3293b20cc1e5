# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime on CPUs.

It runs the detector in less time than PyTorch, the others in about the same (`./bifuse bench
engine`). The paper's network stays with `fast_bdl`. In tests ONNX Runtime takes the place of
TensorRT's kernels as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from bifuse_core.engine.compiled_net import CompileError, Run
from bifuse_core.engine.tensor_net import Names


class OnnxRuntime:
    """Compiles while it loads, in less than a second, so the ONNX model itself is kept.

    Args:
        threads: to compute with.

    Attributes:
        facts: as of `bifuse_core.engine.compiled_net.Library`.

    Raises:
        ImportError: ONNX Runtime is not installed; the message says how to.
    """

    def __init__(self, threads: int) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise ImportError(
                "ONNX Runtime is the package onnxruntime: pip install onnxruntime==1.32.0 (Python "
                f"3.10: 1.23.2); importing it failed: {error}"
            ) from error
        self._library: Any = onnxruntime
        self._threads = threads
        self.facts: Mapping[str, str] = {"library": "onnxruntime"}

    def compiled(self, model: bytes) -> bytes:
        """Return the model."""
        return model

    def loaded(self, compiled: bytes, names: Names) -> Run:
        """Return what runs a model, on CPU tensors in single precision.

        Raises:
            CompileError: it is no model that ONNX Runtime can run.
        """
        options = self._library.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = self._threads, 1
        # Other networks need the processors meanwhile.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            session = self._library.InferenceSession(
                compiled, options, providers=["CPUExecutionProvider"]
            )
        # Its errors have no common base but this.
        except Exception as error:
            raise CompileError(f"onnxruntime: {str(error).splitlines()[0]}") from error

        def run(*pictures: Tensor) -> tuple[Tensor, ...]:
            fed = {name: x.numpy() for name, x in zip(names.inputs, pictures, strict=True)}
            return tuple(torch.from_numpy(made) for made in session.run(names.outputs, fed))

        return run
