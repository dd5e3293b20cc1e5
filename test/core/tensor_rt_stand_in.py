# SPDX-License-Identifier: Apache-2.0
"""A stand-in for the package tensorrt on a machine without a GPU: ONNX Runtime is its kernels.

It has what its name says where BiFuse calls it, with the same arguments: engines are bytes of a
version, tensors are addresses, and nothing runs before all of them are known.
"""

from __future__ import annotations

from ctypes import memmove, string_at
from enum import IntEnum
from math import prod
from types import SimpleNamespace
from typing import Any

import numpy as np

__version__ = "10.0"

float32, float16 = "float32", "float16"
TYPES = {"tensor(float)": float32, "tensor(float16)": float16}


STREAM = 5
"""The one that is current."""


class NetworkDefinitionCreationFlag(IntEnum):
    EXPLICIT_BATCH = 0
    STRONGLY_TYPED = 1


class BuilderFlag(IntEnum):
    TF32 = 7


class Logger:
    ERROR = 1

    def __init__(self, severity: int) -> None:
        assert severity == self.ERROR


class Builder:
    built = 0

    def __init__(self, logger: Logger) -> None:
        assert isinstance(logger, Logger)

    def create_network(self, flags: int) -> SimpleNamespace:
        assert flags == 1 << NetworkDefinitionCreationFlag.STRONGLY_TYPED
        return SimpleNamespace(model=b"")

    def create_builder_config(self) -> SimpleNamespace:
        flags = {BuilderFlag.TF32}
        return SimpleNamespace(flags=flags, clear_flag=flags.remove)

    def build_serialized_network(
        self, network: SimpleNamespace, config: SimpleNamespace
    ) -> memoryview:
        assert not config.flags
        Builder.built += 1
        return memoryview(f"engine {__version__}\n".encode() + network.model)


class OnnxParser:
    refuses = ""

    def __init__(self, network: SimpleNamespace, logger: Logger) -> None:
        self.network, self.num_errors = network, 0

    def parse(self, model: bytes) -> bool:
        self.network.model = model
        self.num_errors = int(bool(self.refuses))
        return not self.refuses

    def get_error(self, number: int) -> SimpleNamespace:
        return SimpleNamespace(desc=lambda: self.refuses)


class Runtime:
    def __init__(self, logger: Logger) -> None:
        assert isinstance(logger, Logger)

    def deserialize_cuda_engine(self, engine: bytes) -> Engine | None:
        version, _, model = engine.partition(b"\n")
        return Engine(model) if version == f"engine {__version__}".encode() else None


class Engine:
    def __init__(self, model: bytes) -> None:
        import onnxruntime

        self.session: Any = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        self.tensors = {
            x.name: x for x in (*self.session.get_inputs(), *self.session.get_outputs())
        }

    def get_tensor_shape(self, name: str) -> list[int]:
        return list(self.tensors[name].shape)

    def get_tensor_dtype(self, name: str) -> str:
        return TYPES[self.tensors[name].type]

    def create_execution_context(self) -> Context:
        return Context(self)


class Context:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.addresses: dict[str, int] = {}

    def set_tensor_address(self, name: str, address: int) -> bool:
        assert name in self.engine.tensors
        self.addresses[name] = address
        return True

    def execute_async_v3(self, stream: int) -> bool:
        assert stream == STREAM
        session = self.engine.session
        fed = {}
        for picture in session.get_inputs():
            dtype = np.dtype(self.engine.get_tensor_dtype(picture.name))
            count = prod(picture.shape)
            held = string_at(self.addresses[picture.name], count * dtype.itemsize)
            fed[picture.name] = np.frombuffer(held, dtype).reshape(picture.shape)
        for output, made in zip(session.get_outputs(), session.run(None, fed), strict=True):
            memmove(self.addresses[output.name], made.tobytes(), made.nbytes)
        return True
