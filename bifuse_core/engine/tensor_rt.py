# SPDX-License-Identifier: Apache-2.0
"""TensorRT on NVIDIA GPUs."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from bifuse_core.engine.compiled_net import CompileError, Run
from bifuse_core.engine.tensor_net import Names

REASON = "see its messages on the standard error stream"

_LOG = logging.getLogger(__name__)


class TensorRt:
    """Builds engines for one GPU, which takes long, for each size of picture.

    Networks are strongly typed (the only kind from TensorRT 11 on): an engine computes in the
    precision of its ONNX model. It runs in PyTorch's current stream, on tensors of the device, and
    can be captured in a CUDA graph.

    Args:
        device: a CUDA device.

    Attributes:
        facts: as of `bifuse_core.engine.compiled_net.Library`. Engines are not portable: they
            depend on the GPU and on the version of TensorRT.

    Raises:
        ImportError: TensorRT is not installed; the message says how to.
    """

    def __init__(self, device: torch.device) -> None:
        try:
            import tensorrt
        except ImportError as error:
            raise ImportError(
                "backend tensorrt needs the package tensorrt (10.3 or later): on a Jetson it comes "
                "with JetPack (apt install python3-libnvinfer), elsewhere pip install "
                f"tensorrt-cu13==11.4.0.106; importing it failed: {error}"
            ) from error
        self._trt: Any = tensorrt
        self._device = device
        # To the standard error stream; one of Python's would be called by threads of TensorRT.
        self._log = tensorrt.Logger(tensorrt.Logger.ERROR)
        major, minor = torch.cuda.get_device_capability(device)
        self.facts: Mapping[str, str] = {
            "library": f"tensorrt{tensorrt.__version__}",
            "gpu": f"{torch.cuda.get_device_name(device)}, capability {major}.{minor}",
            "cuda": str(torch.version.cuda),
        }

    def compiled(self, model: bytes) -> bytes:
        """Return the engine of a model.

        Raises:
            CompileError: TensorRT does not take the model, or finds no way to compute it.
        """
        trt = self._trt
        with torch.cuda.device(self._device):
            builder = trt.Builder(self._log)
            network = builder.create_network(
                1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
            )
            parser = trt.OnnxParser(network, self._log)
            if not parser.parse(model):
                reasons = [parser.get_error(n).desc() for n in range(parser.num_errors)]
                raise CompileError(f"tensorrt does not take the network: {'; '.join(reasons)}")
            config = builder.create_builder_config()
            # Of the precision of half floats; who wants that speed asks for precision fp16.
            config.clear_flag(trt.BuilderFlag.TF32)
            _LOG.info("TensorRT builds an engine, which takes long")
            engine = builder.build_serialized_network(network, config)
        if engine is None:
            raise CompileError(f"tensorrt builds no engine: {REASON}")
        return bytes(engine)

    def loaded(self, compiled: bytes, names: Names) -> Run:
        """Return what runs an engine, on tensors of the device.

        Raises:
            CompileError: it is no engine for this GPU and this version of TensorRT.
        """
        with torch.cuda.device(self._device):
            return _Engine(self._trt, self._trt.Runtime(self._log), compiled, names, self._device)


class _Engine:
    """Runs an engine; everything that it needs lives as long as it does."""

    def __init__(
        self, trt: Any, runtime: Any, compiled: bytes, names: Names, device: torch.device
    ) -> None:
        self._runtime, self._device = runtime, device
        self._names = (*names.inputs, *names.outputs)
        self._engine = runtime.deserialize_cuda_engine(compiled)
        if self._engine is None:
            raise CompileError(f"tensorrt cannot load the engine: {REASON}")
        self._context = self._engine.create_execution_context()
        if self._context is None:
            raise CompileError(f"tensorrt cannot prepare the engine: {REASON}")
        types = {trt.float32: torch.float32, trt.float16: torch.float16}
        self._made = [
            (tuple(self._engine.get_tensor_shape(name)), types[self._engine.get_tensor_dtype(name)])
            for name in names.outputs
        ]

    def __call__(self, *pictures: Tensor) -> tuple[Tensor, ...]:
        made = tuple(
            torch.empty(shape, dtype=dtype, device=self._device) for shape, dtype in self._made
        )
        for name, tensor in zip(self._names, (*pictures, *made), strict=True):
            self._context.set_tensor_address(name, tensor.data_ptr())
        stream = torch.cuda.current_stream(self._device).cuda_stream
        with torch.cuda.device(self._device):
            running = self._context.execute_async_v3(stream)
        if not running:
            raise RuntimeError(f"tensorrt cannot run the engine: {REASON}")
        return made
