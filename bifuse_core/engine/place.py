# SPDX-License-Identifier: Apache-2.0
"""Where networks run, in which precision, and by which library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from bifuse_core.engine.compiled_cache import CompiledCache, cache_folder
from bifuse_core.engine.compiled_net import CompiledNet, Library
from bifuse_core.engine.cuda_graphs import Capture, capture_graph
from bifuse_core.engine.onnx_runtime import OnnxRuntime
from bifuse_core.engine.openvino_net import OpenVinoNet
from bifuse_core.engine.tensor_rt import TensorRt

PRECISIONS = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}

BACKENDS = ("torch", "openvino", "onnxruntime", "tensorrt")
"""Libraries that run networks."""

COMPILERS = ("onnxruntime", "tensorrt")
"""Those that run fusion networks as well; OpenVINO is slower than PyTorch at the edge network."""

_DEVICES = {"openvino": "cpu", "onnxruntime": "cpu", "tensorrt": "cuda"}
"""Where those run that do not run everywhere."""

_DTYPES = {
    "onnxruntime": (torch.float32,),
    "tensorrt": (torch.float32, torch.float16),
}
"""In which precisions those run that do not run in all."""


@dataclass(frozen=True)
class Place:
    """Where a network runs.

    Attributes:
        device: on which device.
        dtype: in which precision.
        backend: by which library, one of `BACKENDS`.
        threads: CPU threads of a network that PyTorch does not run.
        capture: how what runs there is captured as graphs; None: not at all.

    Raises:
        ValueError: unknown library, or one that does not run on this device or in this precision.
    """

    device: torch.device
    dtype: torch.dtype
    backend: str = "torch"
    threads: int = 1
    capture: Capture | None = None

    def __post_init__(self) -> None:
        if self.backend not in BACKENDS:
            raise ValueError(f"no backend {self.backend!r}; choose from {', '.join(BACKENDS)}")
        kind = self.device.type
        if _DEVICES.get(self.backend, kind) != kind:
            others = [name for name in BACKENDS if _DEVICES.get(name, kind) == kind]
            raise ValueError(
                f"backend {self.backend} does not run on {self.device}; choose from "
                f"{', '.join(others)} there, or a {_DEVICES[self.backend]} device"
            )
        dtypes = _DTYPES.get(self.backend, tuple(PRECISIONS.values()))
        if self.dtype not in dtypes:
            names = {dtype: name for name, dtype in PRECISIONS.items()}
            raise ValueError(
                f"backend {self.backend} does not compute in {names[self.dtype]}; choose precision "
                f"{' or '.join(names[dtype] for dtype in dtypes)}"
            )

    def prepared(self, name: str, net: nn.Module, *, memory_format: torch.memory_format) -> Any:
        """Return what runs the network of that name here; it is called like the network.

        Raises:
            ImportError: the library is not installed; the message says how to.
        """
        if self.backend == "openvino":
            return OpenVinoNet(net, self.dtype, self.threads)
        if self.backend in COMPILERS:
            return self.compiled(name, net)
        net = net.to(self.device, self.dtype)
        return net.to(memory_format=memory_format)  # type: ignore[call-overload]

    def compiled(self, name: str, net: nn.Module) -> CompiledNet:
        """Return what runs the network of that name here, by a backend of `COMPILERS`.

        Raises:
            ImportError: the library is not installed; the message says how to.
        """
        library: Library = (
            TensorRt(self.device) if self.backend == "tensorrt" else OnnxRuntime(self.threads)
        )
        cache = CompiledCache(cache_folder())
        return CompiledNet(name, net, self.device, self.dtype, library, cache)


def choose_capture(device: torch.device) -> Capture | None:
    """Return how functions are captured on a device; None where there is no such thing."""
    return capture_graph if device.type == "cuda" else None


def choose_device(name: str) -> torch.device:
    """Return the device of that name.

    Raises:
        ValueError: there is no such device on this machine.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"no device {name!r}; choose auto, cpu, cuda or cuda:N") from error
    count = torch.cuda.device_count()
    if device.type == "cuda" and (device.index or 0) >= count:
        raise ValueError(
            f"device {name!r} was asked for, but this machine has {count} CUDA devices"
        )
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"device {name!r} is not supported; choose auto, cpu, cuda or cuda:N")
    return device


def choose_precision(name: str, device: torch.device) -> str:
    """Return the precision of that name; `auto` is fp16 on CUDA, else fp32.

    Raises:
        ValueError: there is no such precision.
    """
    if name == "auto":
        return "fp16" if device.type == "cuda" else "fp32"
    if name not in PRECISIONS:
        raise ValueError(f"no precision {name!r}; choose from auto, {', '.join(PRECISIONS)}")
    return name
